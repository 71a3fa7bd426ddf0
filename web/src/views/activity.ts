/** What happens on the ledger: transactions of the newest blocks, and events. */

import type { LedgerEvent, Transaction } from "../api/types.ts";
import { h, keyed, pane, setAttribute, setText } from "../dom.ts";
import { integer, label, shorten, words } from "../format.ts";
import { actionText, eventText } from "../kinds/describe.ts";
import { nameOf, signerName } from "../names.ts";
import type { State } from "../state/store.ts";
import type { View } from "./view.ts";

const EVENTS_SHOWN = 40;

function entry(): HTMLElement {
  return h("li", {}, h("a", { class: "where" }), h("span", { class: "what" }));
}

function updateEntry(item: Element, where: string, href: string, what: string): void {
  const [link, text] = item.children;
  if (!link || !text) return;
  setText(link, where);
  setAttribute(link, "href", href);
  setText(text, what);
}

function transactionText(transaction: Transaction, peers: State["peers"]): string {
  const who = signerName(transaction.signer, peers);
  const what = actionText(transaction.action, (id) => nameOf(id, peers));
  const outcome =
    transaction.state === "rejected"
      ? ` — refused: ${label(transaction.rejection ?? "no reason given", 120)}`
      : "";
  return `${who} ${what}${outcome}`;
}

export function transactionsView(): View {
  const list = h("ol", { class: "entries", tabindex: 0, "aria-label": "Newest transactions" });
  const empty = h("p", { class: "empty" }, "No transaction in the newest blocks.");
  const element = pane(
    "transactions",
    "Transactions",
    "Of the newest blocks, newest first",
    empty,
    list,
  );
  return {
    element,
    update({ transactions = [], peers }) {
      empty.hidden = transactions.length > 0;
      list.hidden = transactions.length === 0;
      keyed(
        list,
        transactions,
        (item) => item.hash,
        entry,
        (item, transaction) => {
          item.classList.toggle("refused", transaction.state === "rejected");
          const href = `#/transaction/${encodeURIComponent(transaction.hash)}`;
          updateEntry(
            item,
            shorten(transaction.hash, 6, 0),
            href,
            transactionText(transaction, peers),
          );
        },
      );
    },
  };
}

function eventKinds(events: readonly LedgerEvent[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of events) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 5)
    .map(([kind, count]) => `${integer(count)} ${words(kind)}`)
    .join(", ");
}

export function eventsView(): View {
  const list = h("ol", { class: "entries", tabindex: 0, "aria-label": "Newest events" });
  const empty = h("p", { class: "empty" });
  const kinds = h("p", { class: "note" });
  const element = pane("events", "Events", kinds, empty, list);
  return {
    element,
    update({ events, peers, connection }) {
      const shown = events.slice(0, EVENTS_SHOWN);
      empty.hidden = shown.length > 0;
      list.hidden = shown.length === 0;
      setText(
        empty,
        connection.kind === "live"
          ? "Nothing has happened since this page was opened."
          : "Events are shown as they happen; the stream of events is not open.",
      );
      setText(
        kinds,
        shown.length === 0 ? "As they happen" : `As they happen: ${eventKinds(events)}`,
      );
      keyed(
        list,
        shown,
        (event) => event.id,
        entry,
        (item, event) => {
          const text = eventText(event, (id) => nameOf(id, peers));
          updateEntry(item, integer(event.height), `#/block/${event.height}`, text);
        },
      );
    },
  };
}
