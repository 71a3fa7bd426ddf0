/** The peers: what the ledger knows of them, and what they say of themselves. */

import type { HistoryEpoch, Peer } from "../api/types.ts";
import { h, keyed, pane, setAttribute, setText } from "../dom.ts";
import { focusedPeer, onFocusChange, pointsAt } from "../focus.ts";
import { change, decimal, integer, label, mst, mstExact } from "../format.ts";
import { peerLink, peerName, updatePeerLink } from "../names.ts";
import type { State } from "../state/store.ts";
import type { View } from "./view.ts";

/** At most this many rows; a larger network is searched rather than scrolled. */
const ROWS_MAX = 100;

interface Row {
  peer: Peer;
  /** Stake at the first epoch that is known of this peer; undefined before. */
  stakeBefore: bigint | undefined;
}

interface Column {
  name: string;
  explain: string;
  /** What the rows are ordered by. */
  order(row: Row): bigint | number | string | undefined;
  text(row: Row): string;
  title?(row: Row): string;
}

const loss = (row: Row, kind: "alone" | "with_network" | "student") =>
  row.peer.telemetry?.[`loss_${kind}`];

/** Loss with the network minus alone: negative where the network helps. */
export function lossDifference(peer: Peer): number | undefined {
  const { loss_alone: alone, loss_with_network: together } = peer.telemetry ?? {};
  return alone === undefined || together === undefined ? undefined : together - alone;
}

function differenceText({ peer }: Row): string {
  const difference = lossDifference(peer);
  if (difference === undefined) return "–";
  const error = peer.telemetry?.loss_standard_error;
  const sign = difference > 0 ? "+" : "";
  return `${sign}${decimal(difference)}${error === undefined ? "" : ` ± ${decimal(error)}`}`;
}

const ON_LEDGER: Column[] = [
  {
    name: "Stake",
    explain: "Stake of its pool, in MST",
    order: (row) => row.peer.stake,
    text: (row) => mst(row.peer.stake),
    title: (row) => `${mstExact(row.peer.stake)} MST`,
  },
  {
    name: "Change",
    explain: "Change of its stake since the first epoch in the charts",
    order: (row) =>
      row.stakeBefore ? Number(row.peer.stake) / Number(row.stakeBefore) : undefined,
    text: (row) => (row.stakeBefore === undefined ? "–" : change(row.stakeBefore, row.peer.stake)),
  },
  {
    name: "Rank",
    explain: "Scaled stake times the weight that it is given",
    order: (row) => row.peer.rank,
    text: (row) => decimal(row.peer.rank, 4),
  },
  {
    name: "Trust",
    explain: "0 to 1: above a half where most of the stake connects to it",
    order: (row) => row.peer.trust,
    text: (row) => decimal(row.peer.trust, 4),
  },
  {
    name: "Incentive",
    explain: "What it is paid by",
    order: (row) => row.peer.incentive,
    text: (row) => decimal(row.peer.incentive, 4),
  },
  {
    name: "Earned",
    explain: "Paid by the market so far, in MST",
    order: (row) => row.peer.earned.market,
    text: (row) => mst(row.peer.earned.market),
    title: (row) => `${mstExact(row.peer.earned.market)} MST`,
  },
];

const SELF_REPORTED: Column[] = [
  {
    name: "Steps",
    explain: "Learning steps",
    order: (row) => row.peer.telemetry?.steps,
    text: ({ peer }) => (peer.telemetry === undefined ? "–" : integer(peer.telemetry.steps)),
  },
  {
    name: "Loss alone",
    explain: "Of a control without the network, on the same steps and data; nats a byte",
    order: (row) => loss(row, "alone"),
    text: (row) => decimal(loss(row, "alone")),
  },
  {
    name: "With network",
    explain: "Loss with the outputs of other peers; nats a byte",
    order: (row) => loss(row, "with_network"),
    text: (row) => decimal(loss(row, "with_network")),
  },
  {
    name: "Difference",
    explain: "With network minus alone, and its standard error: negative where the network helps",
    order: (row) => lossDifference(row.peer),
    text: differenceText,
  },
  {
    name: "Student",
    explain: "Loss of its distilled student, which needs no network; nats a byte",
    order: (row) => loss(row, "student"),
    text: (row) => decimal(loss(row, "student")),
  },
  {
    name: "Answered",
    explain: "Requests of others that it answered",
    order: (row) => row.peer.telemetry?.answered,
    text: ({ peer }) => (peer.telemetry === undefined ? "–" : integer(peer.telemetry.answered)),
  },
  {
    name: "Asked",
    explain: "Requests that it sent to others",
    order: (row) => row.peer.telemetry?.asked,
    text: ({ peer }) => (peer.telemetry === undefined ? "–" : integer(peer.telemetry.asked)),
  },
];

const NAME: Column = {
  name: "Peer",
  explain: "The name that it gives itself, and its number, which nobody else has",
  order: (row) => peerName(row.peer),
  text: (row) => peerName(row.peer),
};

const COLUMNS = [NAME, ...ON_LEDGER, ...SELF_REPORTED];

export function stakeAtStart(history: readonly HistoryEpoch[] | undefined): Map<number, bigint> {
  const first = new Map<number, bigint>();
  for (const { peers } of history ?? []) {
    for (const { id, stake } of peers) if (!first.has(id)) first.set(id, stake);
  }
  return first;
}

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
  const cells = [...ON_LEDGER, ...SELF_REPORTED].map((_, index) =>
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
  for (const [index, column] of [...ON_LEDGER, ...SELF_REPORTED].entries()) {
    const cell = cells[index];
    if (cell === undefined) continue;
    setText(cell, column.text(row));
    const title = column.title?.(row);
    if (title !== undefined) setAttribute(cell, "title", title);
  }
  const difference = lossDifference(row.peer);
  cells[ON_LEDGER.length + 3]?.classList.toggle(
    "helps",
    difference !== undefined && difference < 0,
  );
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

/** The rows that `sortRows` and the tests speak of. */
export type { Column, Row };
export { COLUMNS };

export function peersView(): View {
  return new PeersTable();
}
