// @vitest-environment happy-dom

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as types from "../../src/api/types.ts";
import { actionText, eventText } from "../../src/kinds/describe.ts";
import { emptyState, type State } from "../../src/state/store.ts";
import { eventsView, transactionsView } from "../../src/views/activity.ts";
import { blocksView } from "../../src/views/blocks.ts";
import { edgesOf, graphView, layout, readout } from "../../src/views/graph.ts";
import { headerView } from "../../src/views/header.ts";
import { notice } from "../../src/views/notice.ts";
import { COLUMNS, peersView, sortRows } from "../../src/views/peers.ts";
import {
  bars,
  elapsed,
  mean,
  presenceView,
  standing,
  unlockedText,
} from "../../src/views/presence.ts";
import { epochProgress, tilesView } from "../../src/views/tiles.ts";
import { validatorsView } from "../../src/views/validators.ts";
import { FixtureMarket, HOSTILE_NAMES } from "../fixture-market.ts";

const json = (value: unknown) => JSON.parse(JSON.stringify(value));
const nameOf = (peer: number) => `peer-${peer}`;

function stateOf(market: FixtureMarket): State {
  const blocks = types.blocks(json(market.blocks(Number.POSITIVE_INFINITY, 20)), "").blocks;
  return {
    ...emptyState(),
    connection: { kind: "live" },
    status: types.status(json(market.status()), ""),
    advanced_ms: 1_000_000,
    blocks,
    transactions: types.block(json(market.block(21)), "").items,
    peers: types.peers(json(market.peers()), "").peers,
    market: types.market(json(market.market()), ""),
    history: types.history(json(market.history(0)), "").epochs,
    rounds: [2, 1, 0].map((id) => types.roundReport(json(market.round(id)), "")),
    events: market.events(20).map((event) => types.event(json(event), "")),
  };
}

const market = (hostile: boolean) =>
  new FixtureMarket({ honest: 6, cabal: 2, height: 45, hostile });

beforeAll(() => {
  class NoObserver {
    observe(): void {}
  }
  globalThis.ResizeObserver ??= NoObserver as unknown as typeof ResizeObserver;
});

const VIEWS = {
  header: () =>
    headerView(
      () => {},
      () => {},
    ),
  tiles: tilesView,
  blocks: blocksView,
  peers: peersView,
  graph: graphView,
  transactions: transactionsView,
  events: eventsView,
  validators: validatorsView,
  presence: presenceView,
};

describe("hostile strings", () => {
  it.each(Object.entries(VIEWS))("stay text in %s", (_, make) => {
    const view = make();
    document.body.replaceChildren(view.element);
    view.update(stateOf(market(true)));
    expect(document.body.querySelectorAll("img, script, iframe, object, style")).toHaveLength(0);
    for (const element of document.body.querySelectorAll("*")) {
      for (const { name, value } of Array.from(element.attributes)) {
        expect(name).not.toMatch(/^on/);
        expect(name).not.toBe("style");
        if (name === "href")
          expect(value).toMatch(/^#\/(block|transaction|address|peer)\/[0-9A-Za-z]+$/);
      }
    }
    expect(document.title).not.toBe("owned");
  });

  it("are shown, cut to one line", () => {
    const view = peersView();
    view.update(stateOf(market(true)));
    const names = Array.from(
      view.element.querySelectorAll(".peer-name"),
      (name) => name.textContent,
    );
    expect(names).toContain('<img src=x onerror="doc…');
    expect(names).toContain(`${"a".repeat(23)}…`);
    expect(names).toContain("evil bell");
    expect(names).toContain("peer #7");
    expect(names).toHaveLength(HOSTILE_NAMES.length);
  });

  it("no source of the page parses a text as HTML or code", () => {
    const source = join(import.meta.dirname, "../../src");
    const files = readdirSync(source, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(15);
    for (const file of files) {
      const text = readFileSync(join(source, file), "utf8");
      expect(text, file).not.toMatch(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc/,
      );
      expect(text.replace("http://www.w3.org/2000/svg", ""), file).not.toMatch(/https?:\/\//);
    }
  });
});

describe("sentences", () => {
  it.each([
    [
      { kind: "transfer", to: "5".repeat(48), amount: "12500000000" },
      "sends 12.5 MST to 555555…5555",
    ],
    [
      {
        kind: "set_weights",
        weights: [
          [0, 0.2],
          [1, 0.8],
        ],
      },
      "sets its weights: peer-1 80.0\u00a0%, peer-0 20.0\u00a0%",
    ],
    [{ kind: "vote", proposal: 3, approve: false }, "votes against proposal 3"],
    [{ kind: "emit" }, "pays out what it accrued"],
    [
      { kind: "something_new", peer: 2, amount: "1" },
      "something new peer peer-2, amount 0.000000001 MST",
    ],
    [{ kind: "constructor" }, "constructor "],
    [{ kind: "transfer" }, "sends money to ?"],
    [{ kind: "set_weights", weights: "x" }, "sets its weights"],
  ])("an action: %j", (action, text) => {
    expect(actionText(types.variant(json(action), ""), nameOf)).toBe(text);
  });

  it.each([
    [
      { kind: "epoch_closed", epoch: 4, accrued: "2000000000", minting: true },
      "Epoch 4 closed; 2 MST accrued",
    ],
    [
      { kind: "emitted", peer: 1, accrued: "3", paid: "2" },
      "peer-1 paid out 0.000000002 MST of the 0.000000003 MST that it accrued",
    ],
    [{ kind: "displaced", peer: 1, by: 9 }, "peer-1 lost its place to peer-9"],
    [{ kind: "toString", x: null }, "to string: x none"],
  ])("an event: %j", (event, text) => {
    expect(eventText(types.variant(json(event), ""), nameOf)).toBe(text);
  });

  it("when something is wrong", () => {
    const state = stateOf(market(false));
    expect(notice(state, 1_005_000)).toBeUndefined();
    expect(notice(state, 1_030_000)).toContain("No new block for 30 s");
    const gone: State = {
      ...state,
      connection: {
        kind: "unreachable",
        reason: "the node cannot be reached",
        since_ms: 1_000_000,
      },
    };
    expect(notice(gone, 1_070_000)).toBe(
      "No answer from the node for 1 min 10 s: the node cannot be reached. Trying again every few seconds. What you see is as of block 45.",
    );
    expect(notice({ ...state, failures: { status: "x" } }, 0)).toContain("not as expected: x");
    const [validator] = state.status?.validators ?? [];
    const equivocations = [{ address: validator?.address ?? "", height: 3, kind: "vote" }];
    const status = state.status && { ...state.status, equivocations };
    expect(notice({ ...state, status }, 1_000_000)).toContain(
      "conflicting signatures of validator-0",
    );
  });
});

describe("the table of peers", () => {
  const rows = stateOf(market(false)).peers?.map((peer) => ({ peer, stakeBefore: 1n })) ?? [];
  const column = (name: string) => {
    const found = COLUMNS.find((each) => each.name === name);
    if (found === undefined) throw new Error(name);
    return found;
  };
  const ids = (name: string, descending: boolean) =>
    sortRows(rows, column(name), descending).map((row) => row.peer.id);

  it("orders by every column without losing a row", () => {
    for (const { name } of COLUMNS) {
      for (const descending of [true, false]) {
        expect([...ids(name, descending)].sort()).toEqual(rows.map((row) => row.peer.id));
      }
    }
  });

  it("puts what is missing last either way", () => {
    expect(ids("Loss alone", true).slice(-2)).toEqual([6, 7]);
    expect(ids("Loss alone", false).slice(-2)).toEqual([6, 7]);
  });

  it("keeps a row's element while its peer lives", () => {
    const view = peersView();
    const state = stateOf(market(false));
    view.update(state);
    const row = view.element.querySelector('[data-key="3"]');
    const [, ...others] = state.peers ?? [];
    view.update({ ...state, peers: others });
    expect(view.element.querySelector('[data-key="3"]')).toBe(row);
    expect(view.element.querySelector('[data-key="0"]')).toBeNull();
  });

  it("says that nobody is there", () => {
    const view = peersView();
    view.update({ ...emptyState(), peers: [] });
    expect(view.element.textContent).toContain("No peer has registered yet");
    view.update({ ...emptyState(), failures: { peers: "out of order" } });
    expect(view.element.textContent).toContain("did not give its peers: out of order");
  });
});

describe("the weight graph", () => {
  const peers = stateOf(market(false)).peers ?? [];

  it("draws every weight above zero once", () => {
    const edges = edgesOf(peers);
    const given = peers.flatMap((peer) => peer.weights.filter(([, weight]) => weight > 0));
    expect(edges).toHaveLength(given.length);
    expect(edgesOf(peers.slice(0, 2)).every((edge) => edge.to < 2 && edge.from < 2)).toBe(true);
  });

  it("keeps all discs inside and apart", () => {
    for (const count of [1, 2, 8, 40]) {
      const many = Array.from({ length: count }, (_, id) => ({ ...(peers[0] as types.Peer), id }));
      const nodes = layout(many, 340, 300);
      for (const [index, a] of nodes.entries()) {
        expect(a.x - a.radius).toBeGreaterThanOrEqual(0);
        expect(a.y + a.radius).toBeLessThanOrEqual(300);
        for (const b of nodes.slice(0, index)) {
          expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(a.radius + b.radius - 1);
        }
      }
    }
  });

  it("says in words what the lines say", () => {
    const text = readout(peers[6] as types.Peer, peers, edgesOf(peers));
    expect(text).toContain("cabal-0 (stake");
    expect(text).toContain(
      "gives cabal-1 50.0\u00a0%; gets from cabal-1 50.0\u00a0%; keeps 50.0\u00a0% for itself.",
    );
  });
});

it("tells the largest weights of many", () => {
  const many = new FixtureMarket({ honest: 30, cabal: 0, height: 45, hostile: false });
  const peers = stateOf(many).peers ?? [];
  const text = readout(peers[0] as types.Peer, peers, edgesOf(peers));
  expect(text).toMatch(/gives (peer-\d+ [\d.]+\u00a0%(, )?){5} and \d+ more; gets from/);
  expect(text.length).toBeLessThan(300);
});

it("counts the blocks of the running epoch", () => {
  expect(epochProgress(0, 10, 10)).toBe(0);
  expect(epochProgress(14, 20, 10)).toBe(4);
  expect(epochProgress(20, 30, 10)).toBe(0);
  // After a vote epochs close elsewhere than at multiples, and the running one may be longer.
  expect(epochProgress(24, 27, 7)).toBe(4);
  expect(epochProgress(14, 30, 7)).toBe(0);
  expect(epochProgress(0, 0, 0)).toBe(0);
});

describe("presence rounds", () => {
  const [running, lapsed, solved] = stateOf(market(false)).rounds ?? [];
  if (running === undefined || lapsed === undefined || solved === undefined) throw new Error();

  it("are told by their clock", () => {
    expect(standing(solved)).toBe("solved after 7.0 s, in time: those who are there act");
    expect(standing(lapsed)).toBe("not solved within 21 s: nobody acts");
    expect(elapsed(running)).toBe(1003);
    expect(standing(running)).toBe("20 s left, 0 of 2 solutions");
    const { began_ms: _, ...opened } = running.round;
    const unbegun = { ...running, round: { ...opened, began_ms: undefined } };
    expect(standing(unbegun)).toBe("begins with the next block");
    const late = { ...running, time_ms: running.time_ms + 1e9 };
    expect(standing(late)).toBe("0.0 s left, 0 of 2 solutions");
  });

  it("tell what they unlock, and what came of it", () => {
    const { unlocks } = solved.round;
    if (unlocks === undefined) throw new Error();
    const told = (phase: string, carried_out?: boolean) =>
      unlockedText({ ...solved.round, phase, unlocks: { ...unlocks, carried_out } }, undefined);
    expect(told("open")).toMatch(/^Unlocks: .* sends 25 MST/);
    expect(told("acted", true)).toMatch(/^Unlocked: /);
    expect(told("acted", false)).toMatch(/^Refused when it was solved: /);
    expect(told("lapsed")).toMatch(/^Not unlocked: /);
    expect(unlockedText(lapsed.round, undefined)).toBe(undefined);
  });

  it("are drawn by sums where there are many players", () => {
    const { step, heights } = bars(Array.from({ length: 10_000 }, () => 1e-4));
    expect(step * heights.length).toBeGreaterThanOrEqual(10_000);
    expect(heights.length).toBeLessThanOrEqual(60);
    expect(heights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    expect(mean([0, 0.5, 0.5])).toBe(2.5);
  });

  it("have a pane only where there are any", () => {
    const view = presenceView();
    view.update(emptyState());
    expect((view.element as HTMLElement).hidden).toBe(true);
    view.update(stateOf(market(false)));
    expect((view.element as HTMLElement).hidden).toBe(false);
    const [first, second, third] = view.element.querySelectorAll(".round");
    expect(first?.textContent).toMatch(/Unlocks: .* sends 25 MST to/);
    expect(first?.textContent).toContain("2 solutions of 30,000,000,000 tries of sha256 each");
    expect(second?.textContent).toContain("nobody acts");
    expect(second?.textContent).not.toContain("once solved");
    expect(third?.textContent).toMatch(/Unlocked: .* sends 25 MST to/);
    expect(third?.textContent).toContain("once solved: ");
    expect(third?.querySelectorAll(".round-after").length).toBe(40);
    view.update(stateOf(market(false)));
    expect(view.element.querySelector(".round")).toBe(first);
  });
});
