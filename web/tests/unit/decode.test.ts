import { describe, expect, it } from "vitest";
import * as decode from "../../src/api/decode.ts";
import * as types from "../../src/api/types.ts";
import { FixtureMarket } from "../fixture-market.ts";

const market = new FixtureMarket({ honest: 3, cabal: 1, height: 42, hostile: false });
const json = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("answers", () => {
  it("keep every grain", () => {
    const status = json(market.status());
    status.supply.total = "18446744073709551615";
    expect(types.status(status, "").supply.total).toBe(18_446_744_073_709_551_615n);
  });

  it("may hold more than is known", () => {
    const block = types.block(json({ ...market.block(41), new_field: [1] }), "");
    expect(block.height).toBe(41);
    expect(block).not.toHaveProperty("new_field");
  });

  it("leave absent what is absent", () => {
    const { peers } = types.peers(json(market.peers()), "");
    expect(peers[0]?.telemetry?.loss_alone).toBeTypeOf("number");
    expect(peers[3]?.telemetry?.loss_alone).toBeUndefined();
  });

  it("do not reach the prototype", () => {
    const hostile = JSON.parse('{"__proto__": {"height": 1}, "constructor": 3}');
    expect(() => types.blocks(hostile, "")).toThrow("blocks is not a list");
    expect(({} as Record<string, unknown>).height).toBeUndefined();
  });
});

describe("what does not fit", () => {
  const status = () => json(market.status());
  it.each([
    [
      "a number where grains are due",
      { ...status(), supply: { ...status().supply, total: 5 } },
      "supply.total is not an amount",
    ],
    [
      "a negative amount",
      { ...status(), supply: { ...status().supply, minted: "-1" } },
      "supply.minted is not an amount",
    ],
    [
      "an amount beyond u64",
      { ...status(), supply: { ...status().supply, minted: "1".repeat(21) } },
      "supply.minted is not an amount",
    ],
    ["a fractional height", { ...status(), height: 1.5 }, "height is not a whole number"],
    [
      "a height beyond what a number holds",
      { ...status(), height: 2 ** 53 },
      "height is not a whole number",
    ],
    ["a missing list", { ...status(), validators: undefined }, "validators is not a list"],
    [
      "a wrong item",
      { ...status(), validators: [{ name: 3 }] },
      "validators[0].name is not a text",
    ],
    ["a list", [], "the answer is not an object"],
    ["nothing", null, "the answer is not an object"],
  ])("%s", (_, value, message) => {
    expect(() => types.status(value, "")).toThrow(message);
  });

  it("pairs have two members", () => {
    const pair = decode.tuple<[number, number]>(decode.count, decode.number);
    expect(pair([1, 0.5], "w")).toEqual([1, 0.5]);
    expect(() => pair([1], "w")).toThrow("w is not a list of 2");
    expect(() => pair([1, Number.NaN], "w")).toThrow("w[1] is not a finite number");
  });
});
