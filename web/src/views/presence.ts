/** Presence rounds: the clock, T° and T*, and who is believed to be there once one is solved. */

import type { Round, RoundReport } from "../api/types.ts";
import { type Child, h, keyed, pane, svg } from "../dom.ts";
import { decimal, duration, integer, label, percent } from "../format.ts";
import { actionText } from "../kinds/describe.ts";
import { nameOf, signerName } from "../names.ts";
import type { State } from "../state/store.ts";
import { money } from "./facts.ts";
import type { View } from "./view.ts";

/** Bars of a belief; longer ones are drawn by sums of neighbours. */
const BARS_MAX = 60;
/** Sizes of the drawings, in their own units. */
const WIDTH = 300;
const CLOCK_HEIGHT = 34;
const BELIEF_HEIGHT = 64;

/** The classes of the phases that this page knows. */
const PHASES: Readonly<Record<string, string>> = {
  open: "round-open",
  acted: "round-acted",
  lapsed: "round-lapsed",
};

/** T* can be as long as one likes: what is beyond a year is as good as never. */
const YEAR_MS = 365 * 24 * 3_600_000;

const seconds = (ms: number) => (ms > YEAR_MS ? "more than a year" : duration(ms / 1000));

/** The mean of a belief about a number of players, from 1. */
export const mean = (belief: readonly number[]) =>
  belief.reduce((sum, share, index) => sum + share * (index + 1), 0);

/** A belief in at most `BARS_MAX` bars, each the sum of `step` neighbours. */
export function bars(belief: readonly number[]): { step: number; heights: number[] } {
  const step = Math.max(1, Math.ceil(belief.length / BARS_MAX));
  const heights = Array.from({ length: Math.ceil(belief.length / step) }, (_, index) =>
    belief.slice(index * step, (index + 1) * step).reduce((sum, share) => sum + share, 0),
  );
  return { step, heights };
}

/** How long the round has run: to its last solution, or by the clock of the blocks. */
export function elapsed({ round, time_ms }: RoundReport): number {
  const last = round.solutions.at(-1);
  if (round.phase === "acted" && last !== undefined) return last.after_ms;
  if (round.phase === "lapsed") return round.deadline_ms;
  return round.began_ms === undefined ? 0 : Math.max(0, time_ms - round.began_ms);
}

/** How a round stands, in words. */
export function standing(report: RoundReport): string {
  const { round } = report;
  const found = `${round.solutions.length} of ${round.solutions_wanted} solutions`;
  if (round.phase === "acted") {
    return `solved after ${seconds(elapsed(report))}, in time: those who are there act`;
  }
  if (round.phase === "lapsed")
    return `not solved within ${seconds(round.deadline_ms)}: nobody acts`;
  if (round.began_ms === undefined) return "begins with the next block";
  return `${seconds(Math.max(0, round.deadline_ms - elapsed(report)))} left, ${found}`;
}

/** The clock as a line: from the beginning to T*, with the deadline, T° and how far it is. */
function clock(report: RoundReport): Element {
  const { best_ms, deadline_ms, largest_ms } = report.round;
  // T* can be beyond all bounds: what is far behind the deadline is not drawn to scale.
  const end = Math.min(largest_ms, 4 * deadline_ms);
  const at = (ms: number) => (WIDTH * Math.min(ms, end)) / Math.max(1, end);
  const mark = (name: string, ms: number, side: "above" | "below") =>
    svg(
      "g",
      { class: "round-mark" },
      svg("line", { x1: at(ms), x2: at(ms), y1: 10, y2: 24 }),
      svg(
        "text",
        {
          x: at(ms),
          y: side === "above" ? 8 : 33,
          "text-anchor": at(ms) < 20 ? "start" : at(ms) > WIDTH - 20 ? "end" : "middle",
        },
        name,
      ),
    );
  const told =
    `${standing(report)}; deadline ${seconds(deadline_ms)}, best deadline ${seconds(best_ms)}, ` +
    `largest ${seconds(largest_ms)}`;
  return svg(
    "svg",
    {
      class: "round-clock",
      viewBox: `0 0 ${WIDTH} ${CLOCK_HEIGHT}`,
      role: "img",
      "aria-label": told,
    },
    svg("rect", { class: "round-track", x: 0, y: 13, width: WIDTH, height: 8, rx: 4 }),
    svg("rect", { class: "round-time", x: 0, y: 13, width: at(deadline_ms), height: 8, rx: 4 }),
    svg("rect", { class: "round-now", x: 0, y: 13, width: at(elapsed(report)), height: 8, rx: 4 }),
    mark("T°", best_ms, "above"),
    mark("T", deadline_ms, "below"),
    mark(largest_ms > end ? "T* →" : "T*", end, "above"),
  );
}

/** The belief before as outlines, the one after as bars. */
function beliefs({ prior, posterior }: RoundReport): Element {
  const { step, heights } = bars(prior);
  const after = posterior === undefined ? undefined : bars(posterior).heights;
  const top = Math.max(...heights, ...(after ?? []), Number.MIN_VALUE);
  const width = WIDTH / heights.length;
  const bar = (name: string) => (share: number, index: number) =>
    svg("rect", {
      class: name,
      x: index * width + width * 0.1,
      width: width * 0.8,
      y: BELIEF_HEIGHT * (1 - share / top),
      height: (BELIEF_HEIGHT * share) / top,
    });
  const told =
    posterior === undefined
      ? `Expected before: ${decimal(mean(prior), 1)} players`
      : `Expected before: ${decimal(mean(prior), 1)} players, once solved: ${decimal(mean(posterior), 1)}`;
  return h(
    "figure",
    { class: "round-belief" },
    svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${BELIEF_HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": told,
      },
      ...(after ?? []).map(bar("round-after")),
      ...heights.map(bar(after === undefined ? "round-before" : "round-before round-outline")),
    ),
    h(
      "figcaption",
      { class: "note" },
      `1 to ${integer(prior.length)} players${step > 1 ? `, ${step} in a bar` : ""}; ${told.toLowerCase()}`,
    ),
  );
}

/** What a round unlocks, and what came of it; nothing where the fact is all. */
export function unlockedText(round: Round, peers: State["peers"]): string | undefined {
  if (round.unlocks === undefined) return undefined;
  const { action, carried_out } = round.unlocks;
  const what = `${signerName(round.opener, peers)} ${actionText(action, (id) => nameOf(id, peers))}`;
  if (round.phase === "open") return `Unlocks: ${what}`;
  if (round.phase === "lapsed") return `Not unlocked: ${what}`;
  return carried_out === true ? `Unlocked: ${what}` : `Refused when it was solved: ${what}`;
}

/** The prize, and what the round unlocks. */
function gains(round: Round, peers: State["peers"]): Child[] {
  const told: Child[] = [];
  const unlocked = unlockedText(round, peers);
  if (unlocked !== undefined) told.push(h("p", {}, unlocked));
  if (round.prize > 0n) {
    const whose = round.solutions.length > 0 ? "to be claimed by" : "for";
    told.push(h("p", {}, `${money(round.prize)} ${whose} the first solver`));
  }
  return told;
}

/** What one round shows; made anew when something of it changes. */
function content(report: RoundReport, peers: State["peers"]): Node[] {
  const { round } = report;
  return [
    h(
      "h3",
      {},
      `Round ${round.id} `,
      h("span", { class: `round-phase ${PHASES[round.phase] ?? ""}` }, label(round.phase)),
    ),
    h("p", {}, standing(report)),
    clock(report),
    h(
      "p",
      { class: "note" },
      `deadline ${seconds(round.deadline_ms)}, T° ${seconds(round.best_ms)}, T* ${seconds(round.largest_ms)}; ` +
        `${round.solutions_wanted} ${round.solutions_wanted === 1 ? "solution" : "solutions"} of ${integer(round.difficulty)} tries of ${round.puzzle} each; ` +
        `who was there gave it ${percent(report.acting_probability)} to be solved in time`,
    ),
    beliefs(report),
    ...gains(round, peers).filter((child): child is Element => child instanceof Element),
  ];
}

/** What of a report its content depends on. */
const stamp = (report: RoundReport) =>
  JSON.stringify(
    [report.round, report.round.phase === "open" && report.time_ms, report.posterior?.[0]],
    (_, value) => (typeof value === "bigint" ? String(value) : value),
  );

export function presenceView(): View {
  const list = h("div", { class: "rounds" });
  const failure = h("p", { class: "empty" });
  const element = pane(
    "presence",
    "Presence rounds",
    "How many are there, counted by their work before anybody acts",
    failure,
    list,
  );
  element.hidden = true;
  const shown = new WeakMap<Element, string>();
  return {
    element,
    update({ rounds, peers, failures }) {
      // A market without rounds has no pane for them.
      element.hidden = (rounds ?? []).length === 0;
      failure.hidden = failures.rounds === undefined;
      failure.textContent = "The node did not say how the rounds stand now.";
      keyed(
        list,
        rounds ?? [],
        ({ round }) => String(round.id),
        () => h("article", { class: "round" }),
        (article, report) => {
          const wanted = stamp(report);
          if (shown.get(article) === wanted) return;
          shown.set(article, wanted);
          article.replaceChildren(...content(report, peers));
        },
      );
    },
  };
}
