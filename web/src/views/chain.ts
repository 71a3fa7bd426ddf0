/** One block and one transaction, whole. */

import type { Block, Transaction } from "../api/types.ts";
import { type Child, h } from "../dom.ts";
import { dateAndTime, integer, label, shorten } from "../format.ts";
import { actionText } from "../kinds/describe.ts";
import { nameOf, signerName } from "../names.ts";
import type { State } from "../state/store.ts";
import { addressLink, code, facts, link, list, money } from "./facts.ts";

/** A block's transactions beyond this are counted, not listed. */
const LISTED_MAX = 100;

function transactionLine(transaction: Transaction, peers: State["peers"]): HTMLElement {
  const what = actionText(transaction.action, (id) => nameOf(id, peers));
  const refused = transaction.state === "rejected" ? " (refused)" : "";
  return h(
    "span",
    {},
    link({ kind: "transaction", hash: transaction.hash }, shorten(transaction.hash, 8, 0)),
    ` ${signerName(transaction.signer, peers)} ${what}${refused}`,
  );
}

export function blockContent(block: Block, state: State): Child[] {
  const listed = block.items.slice(0, LISTED_MAX);
  const more = block.transactions - listed.length;
  const newest = state.status?.height ?? block.height;
  return [
    h(
      "p",
      { class: "steps" },
      block.height > 1 && link({ kind: "block", height: block.height - 1 }, "Block before"),
      block.height < newest && link({ kind: "block", height: block.height + 1 }, "Block after"),
    ),
    facts([
      ["Time", dateAndTime(block.time_ms)],
      [
        "Proposer",
        h(
          "span",
          {},
          block.proposer_name === undefined ? "" : `${label(block.proposer_name)} `,
          addressLink(block.proposer),
        ),
      ],
      ["Round", block.round === 0 ? "0" : `${block.round}: an earlier proposer failed`],
      ["Signatures", `${block.signatures[0]} of ${block.signatures[1]} validators`],
      ["Size", `${integer(block.bytes)} bytes`],
      ["Transactions", integer(block.transactions)],
      ["Hash", code(block.hash)],
      ["Previous", code(block.previous)],
      ["State root", code(block.state_root)],
      ["Transactions root", code(block.transactions_root)],
    ]),
    list(
      "Transactions",
      listed.map((item) => transactionLine(item, state.peers)),
    ),
    more > 0 &&
      h("p", { class: "note" }, `And ${integer(more)} more: see /v1/blocks/${block.height}.`),
  ];
}

const STATES: Record<string, string> = {
  pending: "waits in this node's mempool",
  applied: "applied",
  rejected: "refused: it paid its fee and had no effect",
};

export function transactionContent(transaction: Transaction, { peers }: State): Child[] {
  return [
    h(
      "p",
      {},
      `${signerName(transaction.signer, peers)} ${actionText(transaction.action, (id) => nameOf(id, peers))}.`,
    ),
    facts([
      ["State", STATES[transaction.state] ?? label(transaction.state)],
      ["Why", transaction.rejection === undefined ? undefined : label(transaction.rejection, 300)],
      [
        "Block",
        transaction.height === undefined
          ? undefined
          : link({ kind: "block", height: transaction.height }, integer(transaction.height)),
      ],
      ["Signer", addressLink(transaction.signer)],
      ["Fee", transaction.fee === undefined ? undefined : money(transaction.fee)],
      ["Tip", money(transaction.tip)],
      ["Nonce", integer(transaction.nonce)],
      ["Valid until block", integer(transaction.expires)],
      ["Hash", code(transaction.hash)],
    ]),
  ];
}
