import { describe, expect, it } from "vitest";
import * as types from "../../src/api/types.ts";
import { interpretSearch, parseRoute, routeHash } from "../../src/route.ts";
import { address, FixtureMarket, hash } from "../fixture-market.ts";

const market = new FixtureMarket({ honest: 12, cabal: 1, height: 50, hostile: false });
const { peers } = types.peers(JSON.parse(JSON.stringify(market.peers())), "");

describe("a search", () => {
  it.each([
    ["12", { kind: "block", height: 12 }],
    [" 1,234 ", { kind: "block", height: 1234 }],
    ["#3", { kind: "peer", id: 3 }],
    ["peer #3", { kind: "peer", id: 3 }],
    ["peer-1", { kind: "peer", id: 1 }],
    ["CABAL", { kind: "peer", id: 12 }],
    [hash("x"), { kind: "transaction", hash: hash("x") }],
    [`0x${hash("x").toUpperCase()}`, { kind: "transaction", hash: hash("x") }],
    [address("user"), { kind: "address", address: address("user") }],
    [address("hot 2"), { kind: "peer", id: 2 }],
  ])("%s", (text, route) => {
    expect(interpretSearch(text, peers)).toEqual(route);
  });

  it("says what it cannot find", () => {
    expect(interpretSearch("peer-", peers)).toContain("12 peers begin like this");
    expect(interpretSearch("<script>", peers)).toContain("Nothing found");
  });
});

describe("an address within the page", () => {
  it("leads back to its route", () => {
    for (const text of ["12", "#3", hash("x"), address("user")]) {
      const route = interpretSearch(text, peers);
      if (typeof route === "string") throw new Error(route);
      expect(parseRoute(routeHash(route))).toEqual(route);
    }
  });

  it.each([
    "",
    "#",
    "#main",
    "#/block/x",
    "#/block/../status",
    "#/peer/-1",
    "#/address/javascript:x",
    "#/transaction/12",
  ])("%s leads nowhere", (text) => expect(parseRoute(text)).toBeUndefined());
});
