/** Accounts: what one holds and sends. */

import type { Account } from "../api/types.ts";
import { integer } from "../format.ts";
import { code, money, type Told } from "./facts.ts";

export function accountOf(account: Account): Told {
  const waiting = account.nonce_pending - account.nonce;
  return {
    facts: [
      ["Address", code(account.address)],
      ["Balance", money(account.balance)],
      ["Deposit", money(account.deposit)],
      ["Next nonce", integer(account.nonce)],
      ["Waiting", waiting > 0 ? `${integer(waiting)} in this node's mempool` : undefined],
    ],
  };
}
