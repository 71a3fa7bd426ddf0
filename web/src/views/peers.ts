/** The peers: what the ledger knows of them, and what they say of themselves. */

import { h, keyed, pane, setAttribute, setText } from "../dom.ts";
import { focusedPeer, onFocusChange, pointsAt } from "../focus.ts";
import { integer, label } from "../format.ts";
import { peerLink, peerName, updatePeerLink } from "../names.ts";
import type { State } from "../state/store.ts";
import type { Column, Row } from "./column.ts";
import { MARKET_COLUMNS } from "./market.ts";
import { STAKE_COLUMNS, stakeAtStart } from "./stake.ts";
import { TELEMETRY_COLUMNS } from "./telemetry.ts";
import type { View } from "./view.ts";

/** At most this many rows; a larger network is searched rather than scrolled. */
const ROWS_MAX = 100;

const ON_LEDGER = [...STAKE_COLUMNS, ...MARKET_COLUMNS];
const SELF_REPORTED = TELEMETRY_COLUMNS;

const NAME: Column = {
  name: "Peer",
  explain: "The name that it gives itself, and its number, which nobody else has",
  order: (row) => peerName(row.peer),
  text: (row) => peerName(row.peer),
};

const VALUES = [...ON_LEDGER, ...SELF_REPORTED];
export const COLUMNS = [NAME, ...VALUES];

/** Rows by a column; what has no value comes last either way; ties by id. */
export function sortRows(rows: Row[], column: Column, descending: boolean): Row[] {
  return [...rows].sort((a, b) => {
    const [left, right] = [column.order(a), column.order(b)];
    if (left === undefined || right === undefined) {
      if (left === right) return a.peer.id - b.peer.id;
      return left === undefined ? 1 : -1;
    }
    if (left === right) return a.peer.id - b.peer.id;
    return left < right === descending ? 1 : -1;
  });
}

function createRow(): HTMLTableRowElement {
  const cells = VALUES.map((_, index) =>
    h("td", { class: index < ON_LEDGER.length ? "number" : "number reported" }),
  );
  return h("tr", {}, h("th", { scope: "row" }), ...cells);
}

function updateRow(element: Element, row: Row): void {
  const [head, ...cells] = Array.from(element.children);
  if (head === undefined) return;
  if (head.firstElementChild === null) {
    head.append(peerLink(row.peer), h("span", { class: "peer-id" }, `#${row.peer.id}`));
    pointsAt(element, () => row.peer.id);
  }
  updatePeerLink(head, row.peer);
  for (const [index, column] of VALUES.entries()) {
    const cell = cells[index];
    if (cell === undefined) continue;
    setText(cell, column.text(row));
    const title = column.title?.(row);
    if (title !== undefined) setAttribute(cell, "title", title);
    if (column.helps !== undefined) cell.classList.toggle("helps", column.helps(row));
  }
}

class PeersTable implements View {
  readonly element: HTMLElement;
  readonly #body = h("tbody");
  readonly #empty = h("p", { class: "empty" }, "Asking the node for its peers.");
  readonly #more = h("p", { class: "note", hidden: true });
  readonly #scroll = h("div", {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": "Table of peers, scrolls sideways",
  });
  readonly #heads = new Map<Column, HTMLTableCellElement>();
  #column: Column = ON_LEDGER[0] ?? NAME;
  #descending = true;
  #rows: Row[] = [];
  #drawn: { peers?: State["peers"]; history?: State["history"] } = {};

  constructor() {
    const table = h(
      "table",
      { class: "peers" },
      h("caption", { class: "unseen" }, "Peers; the buttons in the head order the rows"),
      h("colgroup", {}, h("col")),
      h("colgroup", { span: ON_LEDGER.length }),
      h("colgroup", { span: SELF_REPORTED.length }),
      h(
        "thead",
        {},
        h(
          "tr",
          { class: "groups" },
          h("td"),
          h("th", { scope: "colgroup", colspan: ON_LEDGER.length }, "On the ledger"),
          h(
            "th",
            { scope: "colgroup", colspan: SELF_REPORTED.length, class: "reported" },
            "Self-reported, checked by nobody",
          ),
        ),
        h("tr", {}, ...COLUMNS.map((column) => this.#head(column))),
      ),
      this.#body,
    );
    this.#scroll.append(table);
    this.element = pane(
      "peers",
      "Peers",
      "Losses are in nats a byte, on held-out text. Each peer reports its own: they are signed, but nobody checks them.",
      this.#empty,
      this.#scroll,
      this.#more,
    );
    onFocusChange(() => this.#highlight());
    this.#markHeads();
  }

  #head(column: Column): HTMLTableCellElement {
    const button = h(
      "button",
      { type: "button", class: "sort", title: column.explain, click: () => this.#orderBy(column) },
      column.name,
    );
    const cell = h(
      "th",
      { scope: "col", class: SELF_REPORTED.includes(column) ? "reported" : "" },
      button,
    );
    this.#heads.set(column, cell);
    return cell;
  }

  #orderBy(column: Column): void {
    this.#descending = this.#column === column ? !this.#descending : column !== NAME;
    this.#column = column;
    this.#markHeads();
    this.#draw();
  }

  #markHeads(): void {
    for (const [column, cell] of this.#heads) {
      const order = this.#descending ? "descending" : "ascending";
      setAttribute(cell, "aria-sort", column === this.#column ? order : "none");
    }
  }

  update({ peers, history, failures }: State): void {
    if (failures.peers !== undefined) {
      setText(this.#empty, `The node did not give its peers: ${label(failures.peers, 200)}`);
      this.#empty.hidden = false;
    } else if (peers !== undefined) {
      setText(this.#empty, "No peer has registered yet.");
      this.#empty.hidden = peers.length > 0;
    }
    this.#scroll.hidden = peers === undefined || peers.length === 0;
    if (peers === undefined) return;
    if (peers === this.#drawn.peers && history === this.#drawn.history) return;
    this.#drawn = { peers, history };
    const start = stakeAtStart(history);
    this.#rows = peers.map((peer) => ({ peer, stakeBefore: start.get(peer.id) }));
    this.#draw();
  }

  #draw(): void {
    const rows = sortRows(this.#rows, this.#column, this.#descending);
    this.#more.hidden = rows.length <= ROWS_MAX;
    setText(
      this.#more,
      `The first ${ROWS_MAX} of ${integer(rows.length)}; search finds the others.`,
    );
    keyed(this.#body, rows.slice(0, ROWS_MAX), (row) => String(row.peer.id), createRow, updateRow);
    this.#highlight();
  }

  #highlight(): void {
    const focused = focusedPeer();
    for (const row of this.#body.children) {
      row.classList.toggle("row-focused", row.getAttribute("data-key") === String(focused));
    }
  }
}

export function peersView(): View {
  return new PeersTable();
}
