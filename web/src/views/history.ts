/** One quantity of every peer at the close of each epoch, as a chart. */

import type { HistoryEpoch, Peer } from "../api/types.ts";
import { pane } from "../dom.ts";
import { label } from "../format.ts";
import { peerName } from "../names.ts";
import { Chart, type ChartData, type ChartOptions, type PeerChart } from "./chart.ts";

type Point = HistoryEpoch["peers"][number];

export function historyLines(
  history: readonly HistoryEpoch[],
  peers: readonly Peer[],
  value: (point: Point) => number,
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

export interface HistoryOptions extends Omit<ChartOptions, "time" | "xName"> {
  /** Names the pane to the style sheet. */
  id: string;
  title: string;
  note: string;
  value(point: Point): number;
}

export function historyChart({ id, title, note, value, ...options }: HistoryOptions): PeerChart {
  const chart = new Chart({
    ...options,
    time: false,
    xName: (x) => (Number.isInteger(x) ? `epoch ${x}` : ""),
  });
  return {
    element: pane(id, title, note, chart.element),
    show({ history = [], failures }, peers) {
      chart.show(
        historyLines(history, peers, value),
        failures.history === undefined
          ? "The first point comes when the first epoch closes."
          : `The node did not give its history: ${label(failures.history, 200)}`,
      );
    },
    redraw: () => chart.redraw(),
  };
}
