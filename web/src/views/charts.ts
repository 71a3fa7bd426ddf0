/** Stake, trust and losses over time, with one legend for all of them. */

import type { HistoryEpoch, Peer } from "../api/types.ts";
import { h, keyed, pane, setAttribute, setText } from "../dom.ts";
import { onFocusChange, pointsAt } from "../focus.ts";
import { decimal, integer, label, mstNumber, timeOfDay } from "../format.ts";
import { peerName, swatch } from "../names.ts";
import { LOSS_KINDS, type LossKind, type LossSample } from "../state/losses.ts";
import type { State } from "../state/store.ts";
import { Chart, type ChartData, hiddenPeers } from "./chart.ts";
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

export function historyLines(
  history: readonly HistoryEpoch[],
  peers: readonly Peer[],
  value: (point: HistoryEpoch["peers"][number]) => number,
): ChartData {
  const rows = history.map((epoch) => new Map(epoch.peers.map((point) => [point.id, point])));
  return {
    x: history.map((epoch) => epoch.epoch),
    lines: peers.map((peer) => ({
      peer: peer.id,
      name: peerName(peer),
      values: rows.map((row) => {
        const point = row.get(peer.id);
        return point === undefined ? null : value(point);
      }),
    })),
  };
}

export type LossChoice = LossKind | "difference";

function chosenLoss(values: LossSample["values"][number], choice: LossChoice): number | null {
  if (choice !== "difference") return values[choice];
  const { with_network: together, alone } = values;
  return together === null || alone === null ? null : together - alone;
}

export function lossLines(
  samples: readonly LossSample[],
  peers: readonly Peer[],
  choice: LossChoice,
): ChartData {
  return {
    x: samples.map((sample) => sample.time_ms / 1000),
    lines: peers.map((peer) => ({
      peer: peer.id,
      name: peerName(peer),
      values: samples.map((sample) => {
        const values = sample.values[peer.id];
        return values === undefined ? null : chosenLoss(values, choice);
      }),
    })),
  };
}

const LOSS_NAMES: Record<LossChoice, string> = {
  with_network: "With network",
  alone: "Alone",
  student: "Student",
  difference: "Difference",
};

function lossChooser(changed: (choice: LossChoice) => void): HTMLElement {
  const choices: LossChoice[] = [...LOSS_KINDS, "difference"];
  const inputs = choices.map((choice) => {
    const input = h("input", {
      type: "radio",
      name: "loss",
      value: choice,
      checked: choice === "with_network",
      change: () => changed(choice),
    });
    return h("label", {}, input, h("span", {}, LOSS_NAMES[choice]));
  });
  return h(
    "fieldset",
    { class: "chooser" },
    h("legend", { class: "unseen" }, "Which loss"),
    ...inputs,
  );
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

const epochName = (x: number) => (Number.isInteger(x) ? `epoch ${x}` : "");

class Charts implements View {
  readonly element: HTMLElement;
  readonly #stake = new Chart({
    name: "Stake in MST",
    time: false,
    format: (value) => (value >= 100 ? integer(Math.round(value)) : decimal(value, 1)),
    xName: epochName,
  });
  readonly #trust = new Chart({
    name: "Trust, 0 to 1",
    time: false,
    range: [-0.02, 1.02],
    format: (value) => decimal(value, 2),
    xName: epochName,
  });
  readonly #losses = new Chart({
    name: "Loss in nats a byte",
    time: true,
    format: (value) => decimal(value, 3),
    xName: (x) => timeOfDay(x * 1000),
  });
  readonly #legend = new Legend(() => this.#redraw());
  readonly #more = h("p", { class: "note", hidden: true });
  readonly #bar = h(
    "div",
    { class: "legend-bar", hidden: true },
    h("p", { class: "legend-title" }, "Peers"),
    this.#legend.element,
    this.#more,
  );
  #choice: LossChoice = "with_network";
  #state: State | undefined;
  #drawn: Partial<State> = {};

  constructor() {
    const chooser = lossChooser((choice) => {
      this.#choice = choice;
      this.#drawLosses();
    });
    this.element = h(
      "div",
      { class: "charts" },
      this.#bar,
      pane("stake", "Stake over time", "MST at the close of each epoch", this.#stake.element),
      pane(
        "trust",
        "Trust over time",
        "Above 0.5: most of the stake connects to the peer",
        this.#trust.element,
      ),
      pane(
        "losses",
        "Losses over time",
        "Nats a byte, self-reported; since this page was opened",
        chooser,
        this.#losses.element,
      ),
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
    this.#redraw();
  }

  themeChanged(): void {
    for (const chart of [this.#stake, this.#trust, this.#losses]) chart.redraw();
  }

  #redraw(): void {
    const { peers = [], history = [], failures = {} } = this.#state ?? {};
    const drawn = drawnPeers(peers);
    this.#legend.show(drawn);
    this.#bar.hidden = peers.length === 0;
    this.#more.hidden = peers.length <= drawn.length;
    setText(this.#more, `The ${LINES_MAX} of highest stake of ${peers.length} are drawn.`);
    const empty =
      failures.history === undefined
        ? "The first point comes when the first epoch closes."
        : `The node did not give its history: ${label(failures.history, 200)}`;
    this.#stake.show(
      historyLines(history, drawn, (point) => mstNumber(point.stake)),
      empty,
    );
    this.#trust.show(
      historyLines(history, drawn, (point) => point.trust),
      empty,
    );
    this.#drawLosses();
  }

  #drawLosses(): void {
    const { peers = [], losses = [] } = this.#state ?? {};
    this.#losses.show(
      lossLines(losses, drawnPeers(peers), this.#choice),
      losses.length === 0
        ? "No peer has reported a loss yet."
        : `No peer has reported this loss yet (${LOSS_NAMES[this.#choice].toLowerCase()}).`,
    );
  }
}

export function chartsView(): View {
  return new Charts();
}
