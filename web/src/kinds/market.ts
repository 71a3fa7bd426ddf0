/** The market: peers register, give each other weight, and are paid. */

import { address, grains, inner, type Kinds, peer, plain, weights } from "./kind.ts";

export const market: Kinds = {
  actions: {
    register: (fields) =>
      `registers a peer with hot key ${address(fields, "hot")}, paid by ${plain(fields, "payment", 12)}`,
    set_endpoint: (fields) => `serves at ${plain(inner(fields, "endpoint"), "url", 80)}`,
    commit_weights: (fields) => `commits to weights ${address(fields, "commitment")}`,
    reveal_weights: (fields, nameOf) => `reveals its weights${weights(fields, "weights", nameOf)}`,
    set_weights: (fields, nameOf) => `sets its weights${weights(fields, "weights", nameOf)}`,
    emit: () => "pays out what it accrued",
    replace_hot_key: (fields, nameOf) =>
      `gives ${peer(fields, "peer", nameOf)} the hot key ${address(fields, "hot")}`,
    leave: (fields, nameOf) => `ends ${peer(fields, "peer", nameOf)}`,
  },
  events: {
    registered: (fields, nameOf) =>
      `${peer(fields, "peer", nameOf)} registered, burning ${grains(fields, "burned")}`,
    displaced: (fields, nameOf) =>
      `${peer(fields, "peer", nameOf)} lost its place to ${peer(fields, "by", nameOf)}`,
    endpoint_set: (fields, nameOf) => `${peer(fields, "peer", nameOf)} changed where it serves`,
    weights_committed: (fields, nameOf) => `${peer(fields, "peer", nameOf)} committed to weights`,
    weights_set: (fields, nameOf) =>
      `${peer(fields, "peer", nameOf)} gives weight to ${plain(fields, "weights")}`,
    emitted: (fields, nameOf) =>
      `${peer(fields, "peer", nameOf)} paid out ${grains(fields, "paid")} of the ${grains(fields, "accrued")} that it accrued`,
    epoch_closed: (fields) =>
      `Epoch ${plain(fields, "epoch")} closed; ${grains(fields, "accrued")} accrued${fields.minting === true ? "" : ", nothing is minted"}`,
    hot_key_replaced: (fields, nameOf) =>
      `${peer(fields, "peer", nameOf)} has the hot key ${address(fields, "to")} instead of ${address(fields, "from")}`,
    left: (fields, nameOf) => `${peer(fields, "peer", nameOf)} was ended by its owner`,
  },
  amounts: ["burned", "accrued", "paid"],
  peers: ["peer", "by"],
};
