/** Stake: money goes behind a peer and comes back. */

import { address, grains, type Kinds, peer, plain } from "./kind.ts";

export const stake: Kinds = {
  actions: {
    stake: (fields, nameOf) =>
      `stakes ${grains(fields, "amount", "money")} on ${peer(fields, "peer", nameOf)}`,
    unstake: (fields, nameOf) =>
      `takes ${grains(fields, "amount", "money")} of stake back from ${peer(fields, "peer", nameOf)}`,
  },
  events: {
    staked: (fields, nameOf) =>
      `${address(fields, "owner")} staked ${grains(fields, "amount")} on ${peer(fields, "peer", nameOf)}`,
    unstaked: (fields, nameOf) =>
      `${address(fields, "owner")} takes ${grains(fields, "amount")} back from ${peer(fields, "peer", nameOf)}, due at block ${plain(fields, "due")}`,
    unbonded: (fields, nameOf) =>
      `${grains(fields, "amount")} of ${address(fields, "owner")} came back from ${peer(fields, "peer", nameOf)}`,
  },
  amounts: ["amount"],
  peers: ["peer"],
};
