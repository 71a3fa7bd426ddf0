/** The charts of all mechanisms, with one legend for all of them. */

import type { Peer } from "../api/types.ts";
import { h, keyed, setAttribute, setText } from "../dom.ts";
import { onFocusChange, pointsAt } from "../focus.ts";
import { peerName, swatch } from "../names.ts";
import { emptyState, type State } from "../state/store.ts";
import { hiddenPeers } from "./chart.ts";
import { trustChart } from "./market.ts";
import { stakeChart } from "./stake.ts";
import { lossChart } from "./telemetry.ts";
import type { View } from "./view.ts";

/** More lines than this are a thicket: those of the highest stake are drawn. */
const LINES_MAX = 16;

/** The peers that are drawn, by id. */
export function drawnPeers(peers: readonly Peer[]): Peer[] {
  return [...peers]
    .sort((a, b) => (a.stake === b.stake ? a.id - b.id : a.stake < b.stake ? 1 : -1))
    .slice(0, LINES_MAX)
    .sort((a, b) => a.id - b.id);
}

/** The legend: points at a peer while hovered, hides and shows its lines when pressed. */
class Legend {
  readonly element = h("ul", { class: "legend", "aria-label": "Peers in the charts" });

  constructor(private readonly changed: () => void) {
    onFocusChange((peer) => {
      for (const item of this.element.children) {
        item.classList.toggle("legend-focused", item.getAttribute("data-key") === String(peer));
      }
    });
  }

  show(peers: readonly Peer[]): void {
    keyed(
      this.element,
      peers,
      (peer) => String(peer.id),
      (peer) => this.#item(peer.id),
      (item, peer) => {
        const button = item.firstElementChild;
        const name = button?.lastElementChild;
        if (name) setText(name, peerName(peer, 16));
        if (button) setAttribute(button, "aria-pressed", String(!hiddenPeers.has(peer.id)));
      },
    );
  }

  #item(peer: number): HTMLElement {
    const button = h(
      "button",
      { type: "button", class: "legend-button", title: "Show or hide its lines" },
      swatch(peer),
      h("span"),
    );
    button.addEventListener("click", () => {
      if (!hiddenPeers.delete(peer)) hiddenPeers.add(peer);
      setAttribute(button, "aria-pressed", String(!hiddenPeers.has(peer)));
      this.changed();
    });
    pointsAt(button, () => peer);
    return h("li", {}, button);
  }
}

class Charts implements View {
  readonly element: HTMLElement;
  readonly #charts = [stakeChart(), trustChart(), lossChart()];
  readonly #legend = new Legend(() => this.#draw());
  readonly #more = h("p", { class: "note", hidden: true });
  readonly #bar = h(
    "div",
    { class: "legend-bar", hidden: true },
    h("p", { class: "legend-title" }, "Peers"),
    this.#legend.element,
    this.#more,
  );
  #state = emptyState();
  #drawn: Partial<State> = {};

  constructor() {
    this.element = h(
      "div",
      { class: "charts" },
      this.#bar,
      ...this.#charts.map((chart) => chart.element),
    );
  }

  update(state: State): void {
    this.#state = state;
    const { peers, history, losses, failures } = state;
    const same =
      peers === this.#drawn.peers &&
      history === this.#drawn.history &&
      losses === this.#drawn.losses &&
      failures === this.#drawn.failures;
    if (same) return;
    this.#drawn = { peers, history, losses, failures };
    this.#draw();
  }

  themeChanged(): void {
    for (const chart of this.#charts) chart.redraw();
  }

  #draw(): void {
    const { peers = [] } = this.#state;
    const drawn = drawnPeers(peers);
    this.#legend.show(drawn);
    this.#bar.hidden = peers.length === 0;
    this.#more.hidden = peers.length <= drawn.length;
    setText(this.#more, `The ${LINES_MAX} of highest stake of ${peers.length} are drawn.`);
    for (const chart of this.#charts) chart.show(this.#state, drawn);
  }
}

export function chartsView(): View {
  return new Charts();
}
