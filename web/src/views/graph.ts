/** Who gives weight to whom: peers on a circle, an arrow per weight. */

import type { Peer } from "../api/types.ts";
import { h, pane, setText, svg } from "../dom.ts";
import { focusedPeer, onFocusChange, pinnedPeer, pointAt, togglePin } from "../focus.ts";
import { label, mst, percent } from "../format.ts";
import { peerName } from "../names.ts";
import { colourClass } from "../palette.ts";
import type { State } from "../state/store.ts";
import type { View } from "./view.ts";

/** A larger network is drawn by its peers of highest stake and its largest weights. */
const NODES_MAX = 40;
const EDGES_MAX = 300;

/** Weights told in one sentence; the table has all. */
const LISTED_MAX = 5;

/** Below this width the names stand above and below the discs, not beside them. */
const NARROW = 480;

export interface GraphNode {
  peer: Peer;
  x: number;
  y: number;
  radius: number;
  angle: number;
}

export interface GraphEdge {
  from: number;
  to: number;
  weight: number;
}

/** All weights between the peers shown, the largest last, so that they are drawn on top. */
export function edgesOf(peers: readonly Peer[]): GraphEdge[] {
  const shown = new Set(peers.map((peer) => peer.id));
  return peers
    .flatMap(({ id: from, weights }) => weights.map(([to, weight]) => ({ from, to, weight })))
    .filter(({ to, weight }) => shown.has(to) && weight > 0)
    .sort((a, b) => a.weight - b.weight)
    .slice(-EDGES_MAX);
}

/** Places peers on a circle by id, the first at the top, clockwise; a disc's area is its stake. */
export function layout(peers: readonly Peer[], width: number, height: number): GraphNode[] {
  const most = Math.max(1, ...peers.map((peer) => Number(peer.stake)));
  const margin = width < NARROW ? 40 : 116;
  const [rx, ry] = [width / 2 - margin, height / 2 - 46];
  const largest = Math.min(20, (Math.PI * Math.min(rx, ry)) / Math.max(1, peers.length) - 1);
  return peers.map((peer, index) => {
    const angle = (2 * Math.PI * index) / Math.max(1, peers.length) - Math.PI / 2;
    const size = Math.sqrt(Number(peer.stake) / most);
    return {
      peer,
      angle,
      x: width / 2 + rx * Math.cos(angle),
      y: height / 2 + ry * Math.sin(angle),
      radius: Math.max(4, largest * size),
    };
  });
}

const round = (value: number) => Math.round(value * 10) / 10;

/** An arrow bent to its left, so that the two directions of a pair lie apart. */
function arrowPath(from: GraphNode, to: GraphNode, width: number): { line: string; head: string } {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const bend = 0.16;
  const [cx, cy] = [(from.x + to.x) / 2 + dy * bend, (from.y + to.y) / 2 - dx * bend];
  // Ends at the rim of the disc, along the tangent there.
  const [tx, ty] = [to.x - cx, to.y - cy];
  const tangent = Math.hypot(tx, ty) || 1;
  const [ux, uy] = [tx / tangent, ty / tangent];
  const size = Math.min(5 + width, length / 4);
  const tip = { x: to.x - ux * (to.radius + 2), y: to.y - uy * (to.radius + 2) };
  const base = { x: tip.x - ux * size, y: tip.y - uy * size };
  const half = size * 0.55;
  const point = (x: number, y: number) => `${round(x)} ${round(y)}`;
  return {
    line: `M${point(from.x, from.y)}Q${point(cx, cy)} ${point(base.x, base.y)}`,
    head: `M${point(tip.x, tip.y)}L${point(base.x - uy * half, base.y + ux * half)}L${point(base.x + uy * half, base.y - ux * half)}Z`,
  };
}

/** A ring outside the disc: what the peer keeps for itself. */
function loopPath(node: GraphNode): string {
  const [ux, uy] = [Math.cos(node.angle), Math.sin(node.angle)];
  const size = 7;
  const [x, y] = [node.x + ux * (node.radius + size - 1), node.y + uy * (node.radius + size - 1)];
  return `M${round(x - size)} ${round(y)}a${size} ${size} 0 1 0 ${2 * size} 0a${size} ${size} 0 1 0 ${-2 * size} 0`;
}

/** Beyond the disc and the ring, where there is room. */
function labelPlace({ x, y, radius, angle }: GraphNode, width: number) {
  const [ux, uy] = [Math.cos(angle), Math.sin(angle)];
  const gap = radius + 18;
  if (width < NARROW) {
    const up = uy < -0.1;
    return { x: round(x), y: round(up ? y - gap : y + gap + 8), "text-anchor": "middle" };
  }
  const anchor = Math.abs(ux) < 0.2 ? "middle" : ux > 0 ? "start" : "end";
  return { x: round(x + ux * gap), y: round(y + uy * (gap + 2) + 4), "text-anchor": anchor };
}

const edgeWidth = (weight: number) => 0.8 + 9 * weight;

function edgeElement(edge: GraphEdge, nodes: Map<number, GraphNode>): SVGGElement | undefined {
  const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
  if (from === undefined || to === undefined) return undefined;
  const width = round(edgeWidth(edge.weight));
  const group = svg("g", {
    class: `edge ${colourClass(edge.from)}`,
    "data-from": edge.from,
    "data-to": edge.to,
  });
  const name = `${peerName(from.peer)} gives ${peerName(to.peer)} ${percent(edge.weight)}`;
  group.append(svg("title", {}, name));
  if (edge.from === edge.to) {
    group.append(
      svg("path", { class: "edge-line", d: loopPath(from), "stroke-width": Math.min(width, 4) }),
    );
    return group;
  }
  const { line, head } = arrowPath(from, to, width);
  group.append(
    svg("path", { class: "edge-line", d: line, "stroke-width": width }),
    svg("path", { class: "edge-head", d: head }),
  );
  return group;
}

/** What the lines at one peer say. */
export function readout(peer: Peer, peers: readonly Peer[], edges: readonly GraphEdge[]): string {
  const nameOf = (id: number) => peerName(peers.find((other) => other.id === id) ?? { id });
  const listed = (list: GraphEdge[], end: "from" | "to") => {
    const largest = [...list].sort((a, b) => b.weight - a.weight).slice(0, LISTED_MAX);
    const rest = list.length > LISTED_MAX ? ` and ${list.length - LISTED_MAX} more` : "";
    return largest.map((edge) => `${nameOf(edge[end])} ${percent(edge.weight)}`).join(", ") + rest;
  };
  const gives = edges.filter((edge) => edge.from === peer.id && edge.to !== peer.id);
  const gets = edges.filter((edge) => edge.to === peer.id && edge.from !== peer.id);
  const own = edges.find((edge) => edge.from === peer.id && edge.to === peer.id);
  const parts = [
    gives.length === 0 ? "gives nobody else weight" : `gives ${listed(gives, "to")}`,
    gets.length === 0 ? "gets none from others" : `gets from ${listed(gets, "from")}`,
  ];
  if (own !== undefined) parts.push(`keeps ${percent(own.weight)} for itself`);
  return `${peerName(peer)} (stake ${mst(peer.stake)} MST) ${parts.join("; ")}.`;
}

const HINT =
  "An arrow's width is the share of the giver's weight, a disc's area the stake, a ring what a peer keeps for itself. Point at a peer, or choose it with the arrow keys and Enter, to see its own.";

class WeightGraph implements View {
  readonly element: HTMLElement;
  readonly #box = h("div", { class: "graph-box" });
  readonly #readout = h("p", { class: "note graph-readout", "aria-live": "polite" });
  readonly #empty = h("p", { class: "empty" }, "No peer has given weights yet.");
  readonly #tableBody = h("tbody");
  readonly #table: HTMLDetailsElement;
  #peers: Peer[] = [];
  #edges: GraphEdge[] = [];
  #total = 0;
  #drawn = "";
  #tabStop = 0;

  constructor() {
    const heads = ["From", "To", "Share"].map((name) => h("th", { scope: "col" }, name));
    const table = h(
      "table",
      {},
      h("caption", { class: "unseen" }, "Weights between peers"),
      h("thead", {}, h("tr", {}, ...heads)),
      this.#tableBody,
    );
    this.#table = h(
      "details",
      { class: "as-table", hidden: true },
      h("summary", {}, "As a table"),
      h("div", { class: "scroll" }, table),
    );
    this.#table.addEventListener("toggle", () => this.#drawTable());
    this.element = pane(
      "graph",
      "Who gives weight to whom",
      "The weights on the ledger now",
      this.#empty,
      this.#box,
      this.#readout,
      this.#table,
    );
    new ResizeObserver(() => this.#draw()).observe(this.#box);
    onFocusChange(() => this.#highlight());
  }

  update({ peers, failures }: State): void {
    if (peers === undefined) {
      setText(
        this.#empty,
        failures.peers === undefined
          ? "Asking the node for the weights."
          : `The node did not give its peers: ${label(failures.peers, 200)}`,
      );
      return;
    }
    this.#total = peers.length;
    this.#peers = [...peers]
      .sort((a, b) => (a.stake === b.stake ? a.id - b.id : a.stake < b.stake ? 1 : -1))
      .slice(0, NODES_MAX)
      .sort((a, b) => a.id - b.id);
    this.#edges = edgesOf(this.#peers);
    this.#draw();
  }

  #draw(): void {
    const width = this.#box.clientWidth;
    this.#table.hidden = this.#edges.length === 0;
    this.#empty.hidden = this.#edges.length > 0;
    setText(
      this.#empty,
      this.#peers.length === 0 ? "No peer has registered yet." : "No peer has given weights yet.",
    );
    if (this.#peers.length === 0) {
      this.#box.replaceChildren();
      this.#drawn = "";
      setText(this.#readout, "");
    }
    if (width === 0 || this.#peers.length === 0) return;
    const height = width < NARROW ? width * 1.08 : Math.min(460, width * 0.72);
    // Drawn anew only when it would look different: otherwise a focus would be lost every second.
    const nodes = layout(this.#peers, width, height);
    const shape = JSON.stringify([
      width,
      nodes.map((node) => [node.peer.id, peerName(node.peer), round(node.radius)]),
      this.#edges.map((edge) => [edge.from, edge.to, round(edge.weight * 1000)]),
    ]);
    if (shape !== this.#drawn) {
      this.#drawn = shape;
      this.#paint(nodes, width, height);
    }
    this.#drawTable();
    this.#highlight();
  }

  #paint(nodes: GraphNode[], width: number, height: number): void {
    const active = document.activeElement?.closest("[data-peer]")?.getAttribute("data-peer");
    const hadFocus = active !== undefined && this.#box.contains(document.activeElement);
    const byId = new Map(nodes.map((node) => [node.peer.id, node]));
    const edges = this.#edges
      .map((edge) => edgeElement(edge, byId))
      .filter((edge) => edge !== undefined);
    const drawing = svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${height}`,
        width,
        height,
        class: "graph",
        role: "group",
        "aria-label": "Weights between peers; the arrow keys go from peer to peer",
      },
      svg("g", { "aria-hidden": "true" }, ...edges),
      ...nodes.map((node, index) => this.#node(node, index, width)),
    );
    this.#box.replaceChildren(drawing);
    if (hadFocus) this.#box.querySelector<SVGGElement>(`[data-peer="${Number(active)}"]`)?.focus();
  }

  #node(node: GraphNode, index: number, width: number): SVGGElement {
    const { peer, x, y, radius } = node;
    const shown = peerName(peer, width < NARROW ? 10 : 14);
    const told = readout(peer, this.#peers, this.#edges);
    const group = svg(
      "g",
      {
        class: `node ${colourClass(peer.id)}`,
        tabindex: index === this.#tabStop ? 0 : -1,
        role: "button",
        "data-peer": peer.id,
        // Begins with what is seen, so that it can be asked for by voice.
        "aria-label": told.startsWith(shown) ? told : `${shown}: ${told}`,
      },
      // A finger needs more than a small disc.
      svg("circle", { class: "node-reach", cx: round(x), cy: round(y), r: Math.max(18, radius) }),
      svg("circle", { cx: round(x), cy: round(y), r: round(radius) }),
      svg("text", labelPlace(node, width), shown),
    );
    group.addEventListener("pointerenter", () => pointAt(peer.id));
    group.addEventListener("pointerleave", () => pointAt(undefined));
    group.addEventListener("focus", () => pointAt(peer.id));
    group.addEventListener("blur", () => pointAt(undefined));
    group.addEventListener("click", () => togglePin(peer.id));
    group.addEventListener("keydown", (event) => this.#key(event, index));
    return group;
  }

  #key(event: KeyboardEvent, index: number): void {
    const count = this.#peers.length;
    const steps: Record<string, number> = {
      ArrowRight: index + 1,
      ArrowDown: index + 1,
      ArrowLeft: index - 1,
      ArrowUp: index - 1,
      Home: 0,
      End: count - 1,
    };
    const target = steps[event.key];
    const peer = this.#peers[index];
    if (target !== undefined) {
      this.#tabStop = (target + count) % count;
      const nodes = this.#box.querySelectorAll<SVGGElement>(".node");
      for (const [place, node] of nodes.entries()) {
        node.setAttribute("tabindex", place === this.#tabStop ? "0" : "-1");
      }
      nodes[this.#tabStop]?.focus();
    } else if ((event.key === "Enter" || event.key === " ") && peer !== undefined) {
      togglePin(peer.id);
    } else {
      return;
    }
    event.preventDefault();
  }

  #highlight(): void {
    const focused = focusedPeer();
    const peer = this.#peers.find((each) => each.id === focused);
    this.#box.firstElementChild?.classList.toggle("graph-focused", peer !== undefined);
    for (const edge of this.#box.querySelectorAll(".edge")) {
      const ends = [edge.getAttribute("data-from"), edge.getAttribute("data-to")];
      edge.classList.toggle("edge-focused", ends.includes(String(focused)));
    }
    for (const node of this.#box.querySelectorAll(".node")) {
      const id = Number(node.getAttribute("data-peer"));
      node.classList.toggle("node-focused", id === focused);
      node.setAttribute("aria-pressed", String(id === pinnedPeer()));
    }
    const cut =
      this.#total > this.#peers.length
        ? ` Drawn: the ${this.#peers.length} peers of highest stake of ${this.#total}.`
        : "";
    setText(
      this.#readout,
      peer === undefined ? HINT + cut : readout(peer, this.#peers, this.#edges),
    );
  }

  #drawTable(): void {
    if (!this.#table.open) return;
    const nameOf = (id: number) => peerName(this.#peers.find((peer) => peer.id === id) ?? { id });
    const rows = [...this.#edges].sort((a, b) => a.from - b.from || b.weight - a.weight);
    this.#tableBody.replaceChildren(
      ...rows.map((edge) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, nameOf(edge.from)),
          h("td", {}, edge.from === edge.to ? "itself" : nameOf(edge.to)),
          h("td", { class: "number" }, percent(edge.weight, 2)),
        ),
      ),
    );
  }
}

export function graphView(): View {
  return new WeightGraph();
}
