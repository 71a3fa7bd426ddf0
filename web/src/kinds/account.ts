/** Accounts: money moves. */

import { address, grains, type Kinds } from "./kind.ts";

export const account: Kinds = {
  actions: {
    transfer: (fields) => `sends ${grains(fields, "amount", "money")} to ${address(fields, "to")}`,
  },
  events: {
    transferred: (fields) =>
      `${grains(fields, "amount")} went from ${address(fields, "from")} to ${address(fields, "to")}`,
  },
  amounts: ["amount"],
  peers: [],
};
