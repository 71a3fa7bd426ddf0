/** Accounts: money moves. */

import { address, grains, type Kinds } from "./kind.ts";

export const account: Kinds = {
  actions: {
    transfer: (fields) => `sends ${grains(fields, "amount", "money")} to ${address(fields, "to")}`,
    close: (fields) => `closes its account in favour of ${address(fields, "to")}`,
  },
  events: {
    transferred: (fields) =>
      `${grains(fields, "amount")} went from ${address(fields, "from")} to ${address(fields, "to")}`,
    closed: (fields) =>
      `The account ${address(fields, "account")} was closed; ${grains(fields, "amount")} went to ${address(fields, "to")}`,
  },
  amounts: ["amount"],
  peers: [],
};
