/** One line per peer over time: uPlot, with a tooltip, and a table for who cannot see it. */

import uPlot from "uplot";
import type { Peer } from "../api/types.ts";
import { h, setText } from "../dom.ts";
import { focusedPeer, onFocusChange, pointAt } from "../focus.ts";
import { swatch } from "../names.ts";
import { colour, dash } from "../palette.ts";
import type { State } from "../state/store.ts";
import { currentTheme } from "../theme.ts";

export interface Line {
  peer: number;
  name: string;
  values: (number | null)[];
}

export interface ChartData {
  /** Epochs, or seconds since 1970 where `time` is true. */
  x: number[];
  lines: Line[];
}

export interface ChartOptions {
  /** What is drawn, for the label that stands for the drawing: "Stake in MST". */
  name: string;
  time: boolean;
  /** A value as text. */
  format(value: number): string;
  xName(x: number): string;
  /** Fixed ends of the scale, such as 0 and 1 for trust. */
  range?: [number, number];
}

/** A pane with one chart, which has a line a peer. */
export interface PeerChart {
  element: HTMLElement;
  /** Draws the lines of `peers`. */
  show(state: State, peers: readonly Peer[]): void;
  /** Draws the same in the colours of the theme as it is now. */
  redraw(): void;
}

const INK = {
  light: { text: "#4b5563", grid: "#e3e7ec" },
  dark: { text: "#a6b0bd", grid: "#2b333d" },
} as const;
const HEIGHT = 220;
const FONT = "12px system-ui, sans-serif";

const at = (line: Line, index: number) => line.values[index] ?? null;

/** Peers whose lines the reader has hidden, by id; the same in all charts. */
export const hiddenPeers = new Set<number>();

export class Chart {
  readonly element: HTMLElement;
  readonly #plotBox = h("div", { class: "plot" });
  readonly #empty = h("p", { class: "empty" });
  readonly #tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  readonly #tableBody = h("tbody");
  readonly #table: HTMLDetailsElement;
  #plot: uPlot | undefined;
  #shape = "";
  #data: ChartData = { x: [], lines: [] };

  constructor(private readonly options: ChartOptions) {
    this.#table = h(
      "details",
      { class: "as-table" },
      h("summary", {}, "As a table"),
      h(
        "div",
        { class: "scroll" },
        h(
          "table",
          {},
          h("caption", { class: "unseen" }, options.name),
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ...["Peer", "First", "Lowest", "Highest", "Last"].map((name) =>
                h("th", { scope: "col" }, name),
              ),
            ),
          ),
          this.#tableBody,
        ),
      ),
    );
    this.#table.addEventListener("toggle", () => this.#drawTable());
    this.element = h("div", { class: "chart" }, this.#empty, this.#plotBox, this.#table);
    new ResizeObserver(() => this.#resize()).observe(this.#plotBox);
    onFocusChange(() => this.#highlight());
  }

  /** `empty`: what to say while there is nothing to draw. */
  show(data: ChartData, empty: string): void {
    this.#data = data;
    const points = data.lines.some((line) => line.values.some((value) => value !== null));
    this.#empty.hidden = points;
    this.#plotBox.hidden = !points;
    this.#table.hidden = !points;
    setText(this.#empty, empty);
    if (!points) return;
    this.#plotBox.setAttribute("role", "img");
    this.#plotBox.setAttribute("aria-label", this.#summary());
    // uPlot's series are fixed at its making; another set of peers or of points takes a new plot.
    const shape = JSON.stringify([
      currentTheme(),
      data.x.length < 2,
      data.lines.map((line) => [line.peer, hiddenPeers.has(line.peer)]),
    ]);
    if (this.#plot === undefined || shape !== this.#shape) this.#make(shape);
    else this.#plot.setData(this.#aligned());
    this.#drawTable();
  }

  redraw(): void {
    if (this.#data.lines.length > 0 && !this.#plotBox.hidden) {
      this.show(this.#data, this.#empty.textContent ?? "");
    }
  }

  #aligned(): uPlot.AlignedData {
    return [this.#data.x, ...this.#data.lines.map((line) => line.values)];
  }

  #summary(): string {
    const last = this.#data.x.length - 1;
    const values = this.#data.lines
      .map((line) => [line.name, at(line, last)] as const)
      .filter((pair): pair is [string, number] => pair[1] !== null)
      .map(([name, value]) => `${name} ${this.options.format(value)}`);
    return `${this.options.name} per peer over time. Last values: ${values.join(", ")}.`;
  }

  #make(shape: string): void {
    this.#plot?.destroy();
    this.#shape = shape;
    const ink = INK[currentTheme()];
    const { format, xName, time, range } = this.options;
    const axis = { stroke: ink.text, font: FONT, ticks: { stroke: ink.grid, width: 1 } };
    this.#plot = new uPlot(
      {
        width: this.#width(),
        height: HEIGHT,
        // Room for half of the last label of the x axis.
        padding: [10, 28, 0, 0],
        legend: { show: false },
        focus: { alpha: 0.2 },
        cursor: { focus: { prox: 16 }, drag: { setScale: false, x: false, y: false } },
        scales: {
          x: { time },
          y: range === undefined ? { range: padded } : { range: () => range },
        },
        axes: [
          { ...axis, grid: { show: false }, space: 58, values: (_, ticks) => ticks.map(xName) },
          {
            ...axis,
            grid: { stroke: ink.grid, width: 1 },
            size: 56,
            values: (_, ticks) => ticks.map(format),
          },
        ],
        series: [{}, ...this.#data.lines.map((line) => this.#series(line))],
        hooks: {
          setCursor: [() => this.#drawTip()],
          setSeries: [(_, index) => this.#pointed(index)],
        },
      },
      this.#aligned(),
      this.#plotBox,
    );
    this.#plot.over.append(this.#tip);
    this.#plot.over.addEventListener("pointerleave", () => pointAt(undefined));
    this.#highlight();
  }

  #series(line: Line): uPlot.Series {
    return {
      stroke: colour(line.peer),
      dash: [...dash(line.peer)],
      width: 2,
      show: !hiddenPeers.has(line.peer),
      spanGaps: true,
      points: { show: this.#data.x.length < 2, size: 7 },
    };
  }

  // uPlot tells which line the pointer is near; the other views follow.
  #pointed(index: number | null): void {
    if (this.#plot?.cursor.left === undefined || this.#plot.cursor.left < 0) return;
    pointAt(index === null || index === 0 ? undefined : this.#data.lines[index - 1]?.peer);
  }

  #highlight(): void {
    if (this.#plot === undefined) return;
    const index = this.#data.lines.findIndex((line) => line.peer === focusedPeer());
    const series = index < 0 || hiddenPeers.has(focusedPeer() ?? -1) ? null : index + 1;
    this.#plot.setSeries(series, { focus: true }, false);
  }

  #drawTip(): void {
    const { left, idx } = this.#plot?.cursor ?? {};
    const x = idx === null || idx === undefined ? undefined : this.#data.x[idx];
    if (left === undefined || left < 0 || x === undefined || idx === null || idx === undefined) {
      this.#tip.hidden = true;
      return;
    }
    const rows = this.#data.lines
      .filter((line) => !hiddenPeers.has(line.peer))
      .map((line) => ({ line, value: at(line, idx) }))
      .filter((row): row is { line: Line; value: number } => row.value !== null)
      .sort((a, b) => b.value - a.value)
      .slice(0, 12);
    this.#tip.replaceChildren(
      h("p", { class: "tip-head" }, this.options.xName(x)),
      ...rows.map(({ line, value }) =>
        h(
          "p",
          { class: line.peer === focusedPeer() ? "tip-row tip-focused" : "tip-row" },
          swatch(line.peer),
          h("span", { class: "tip-name" }, line.name),
          h("span", {}, this.options.format(value)),
        ),
      ),
    );
    this.#tip.hidden = rows.length === 0;
    const width = this.#plot?.over.clientWidth ?? 0;
    this.#tip.style.left = left < width / 2 ? `${left + 14}px` : "auto";
    this.#tip.style.right = left < width / 2 ? "auto" : `${width - left + 14}px`;
  }

  #drawTable(): void {
    if (!this.#table.open) return;
    const { format } = this.options;
    this.#tableBody.replaceChildren(
      ...this.#data.lines.map((line) => {
        const values = line.values.filter((value) => value !== null);
        const cells = [values[0], Math.min(...values), Math.max(...values), values.at(-1)];
        return h(
          "tr",
          {},
          h("th", { scope: "row" }, swatch(line.peer), " ", line.name),
          ...cells.map((value) =>
            h(
              "td",
              { class: "number" },
              value === undefined || values.length === 0 ? "–" : format(value),
            ),
          ),
        );
      }),
    );
  }

  #width(): number {
    return Math.max(200, Math.floor(this.#plotBox.clientWidth));
  }

  #resize(): void {
    if (this.#plotBox.clientWidth > 0)
      this.#plot?.setSize({ width: this.#width(), height: HEIGHT });
  }
}

/** A little air above and below; a flat line gets some height. */
function padded(_: uPlot, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const air = (high - low) * 0.06 || Math.max(Math.abs(high) * 0.05, 1e-6);
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}
