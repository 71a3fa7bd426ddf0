import { describe, expect, it } from "vitest";
import * as types from "../../src/api/types.ts";
import { LossHistory } from "../../src/state/losses.ts";
import { FixtureMarket } from "../fixture-market.ts";

const market = new FixtureMarket({ honest: 2, cabal: 1, height: 50, hostile: false });
const { peers } = types.peers(JSON.parse(JSON.stringify(market.peers())), "");

function memory() {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
}

describe("losses over time", () => {
  it("keeps absent losses absent", () => {
    const losses = new LossHistory();
    losses.begin("a");
    expect(losses.record(0, peers)).toBe(true);
    expect(losses.samples[0]?.values[0]?.alone).toBeTypeOf("number");
    expect(losses.samples[0]?.values[2]).toEqual({
      with_network: null,
      alone: null,
      student: null,
    });
  });

  it("takes nothing where nobody reports a loss", () => {
    const losses = new LossHistory();
    losses.begin("a");
    expect(losses.record(0, peers.slice(2))).toBe(false);
    expect(losses.samples).toHaveLength(0);
  });

  it("stays bounded and still covers the whole time", () => {
    const losses = new LossHistory();
    losses.begin("a");
    const day_s = 86_400;
    for (let second = 0; second < day_s; second += 3) losses.record(second * 1000, peers);
    expect(losses.samples.length).toBeLessThanOrEqual(600);
    expect(losses.samples.length).toBeGreaterThan(200);
    expect(losses.samples[0]?.time_ms).toBe(0);
    expect(losses.samples.at(-1)?.time_ms).toBeGreaterThan((day_s - 600) * 1000);
  });

  it("survives a reload, not another chain", () => {
    const keeper = memory();
    const first = new LossHistory(keeper);
    first.begin("a");
    first.record(1000, peers);
    const reloaded = new LossHistory(keeper);
    reloaded.begin("a");
    expect(reloaded.samples).toEqual(first.samples);
    const other = new LossHistory(keeper);
    other.begin("b");
    expect(other.samples).toHaveLength(0);
  });

  it.each(["{", "3", '{"chain":"a","samples":[null,{"time_ms":"x"}]}'])(
    "reads %s as nothing",
    (text) => {
      const keeper = memory();
      keeper.setItem("muster.losses", text);
      const losses = new LossHistory(keeper);
      losses.begin("a");
      expect(losses.samples).toHaveLength(0);
    },
  );

  it("works where storage is forbidden", () => {
    const forbidden = () => {
      throw new DOMException("forbidden", "SecurityError");
    };
    const losses = new LossHistory({ getItem: forbidden, setItem: forbidden });
    losses.begin("a");
    expect(losses.record(0, peers)).toBe(true);
  });
});
