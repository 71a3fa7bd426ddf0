/** What peers say of themselves: signed by them, checked by nobody. */

import type { Peer } from "../api/types.ts";
import { h, pane } from "../dom.ts";
import { dateAndTime, decimal, integer, timeOfDay } from "../format.ts";
import { peerName } from "../names.ts";
import { LOSS_KINDS, type LossKind, type LossSample } from "../state/losses.ts";
import type { State } from "../state/store.ts";
import { Chart, type ChartData, type PeerChart } from "./chart.ts";
import type { Column, Row } from "./column.ts";
import { facts, type Told } from "./facts.ts";

const loss = (row: Row, kind: LossKind) => row.peer.telemetry?.[`loss_${kind}`];

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

export const TELEMETRY_COLUMNS: readonly Column[] = [
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
    helps: (row) => (lossDifference(row.peer) ?? 0) < 0,
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

export function telemetryOfPeer({ telemetry }: Peer): Told {
  if (telemetry === undefined)
    return { more: [h("p", { class: "note" }, "It has not reported anything of itself.")] };
  const {
    loss_standard_error: error,
    compute_relative_to_control: compute,
    step_ms: step,
  } = telemetry;
  return {
    more: [
      h("h3", {}, "Self-reported, checked by nobody"),
      facts([
        ["Learning steps", integer(telemetry.steps)],
        ["A step takes", step === undefined ? undefined : `${decimal(step, 1)} ms`],
        ["Loss alone", `${decimal(telemetry.loss_alone)} nats a byte`],
        ["Loss with the network", `${decimal(telemetry.loss_with_network)} nats a byte`],
        ["Standard error of the difference", error === undefined ? undefined : decimal(error, 4)],
        ["Loss of the student", `${decimal(telemetry.loss_student)} nats a byte`],
        [
          "Compute against the control",
          compute === undefined ? undefined : `${decimal(compute, 2)} times`,
        ],
        [
          "Requests",
          `${integer(telemetry.answered)} answered, ${integer(telemetry.refused)} refused, ${integer(telemetry.asked)} asked`,
        ],
        ["Reported", dateAndTime(telemetry.at_ms)],
      ]),
    ],
  };
}

export type LossChoice = LossKind | "difference";

const LOSS_NAMES: Record<LossChoice, string> = {
  with_network: "With network",
  alone: "Alone",
  student: "Student",
  difference: "Difference",
};

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

class LossChart implements PeerChart {
  readonly element: HTMLElement;
  readonly #chart = new Chart({
    name: "Loss in nats a byte",
    time: true,
    format: (value) => decimal(value, 3),
    xName: (x) => timeOfDay(x * 1000),
  });
  #choice: LossChoice = "with_network";
  #shown: { losses: State["losses"]; peers: readonly Peer[] } = { losses: [], peers: [] };

  constructor() {
    const chooser = lossChooser((choice) => {
      this.#choice = choice;
      this.#draw();
    });
    this.element = pane(
      "losses",
      "Losses over time",
      "Nats a byte, self-reported; since this page was opened",
      chooser,
      this.#chart.element,
    );
  }

  show({ losses }: State, peers: readonly Peer[]): void {
    this.#shown = { losses, peers };
    this.#draw();
  }

  redraw(): void {
    this.#chart.redraw();
  }

  #draw(): void {
    const { losses, peers } = this.#shown;
    this.#chart.show(
      lossLines(losses, peers, this.#choice),
      losses.length === 0
        ? "No peer has reported a loss yet."
        : `No peer has reported this loss yet (${LOSS_NAMES[this.#choice].toLowerCase()}).`,
    );
  }
}

export const lossChart = (): PeerChart => new LossChart();
