/** Presence: rounds that count an anonymous crowd by its work. */

import type { Fields } from "../api/decode.ts";
import { decimal, duration, words } from "../format.ts";
import { account } from "./account.ts";
import { governance } from "./governance.ts";
import { address, grains, inner, type Kinds, type NameOf, plain } from "./kind.ts";
import { market } from "./market.ts";
import { stake } from "./stake.ts";

/** A field in milliseconds, as people say it. */
const span = (fields: Fields, name: string) => {
  const value = fields[name];
  if (typeof value !== "number") return plain(fields, name, 12);
  return value < 10_000 ? `${decimal(value / 1000)} s` : duration(value / 1000);
};

/** What a round can unlock: actions of all other mechanisms. */
const UNLOCKS = new Map(
  [account, stake, market, governance].flatMap(({ actions }) => Object.entries(actions)),
);

/** What a round unlocks; the opener's name stands before the sentence. */
const unlocking = (fields: Fields, nameOf: NameOf) => {
  const unlocks = inner(fields, "unlocks");
  const { kind } = unlocks;
  if (typeof kind !== "string") return "";
  return `, and once it is solved ${UNLOCKS.get(kind)?.(unlocks, nameOf) ?? words(kind)}`;
};

export const presence: Kinds = {
  actions: {
    open_round: (fields, nameOf) =>
      `opens a presence round, with a prize of ${grains(fields, "prize")}${unlocking(fields, nameOf)}`,
    solve_round: (fields) => `solves presence round ${plain(fields, "round", 12)}`,
    claim_prize: (fields) =>
      `takes the prize of presence round ${plain(fields, "round", 12)} to ${address(fields, "to")}`,
  },
  events: {
    round_opened: (fields) =>
      `${address(fields, "opener")} opened presence round ${plain(fields, "round")}, to be solved within ${span(fields, "deadline_ms")}`,
    round_begun: (fields) => `Presence round ${plain(fields, "round")} began: its puzzle is known`,
    round_solved: (fields) =>
      `${address(fields, "solver")} solved presence round ${plain(fields, "round")} after ${span(fields, "after_ms")}${fields.missing === 0 ? "" : `, ${plain(fields, "missing")} more to go`}`,
    round_acted: (fields) =>
      `Presence round ${plain(fields, "round")} was solved in time: those who are there act`,
    round_unlocked: (fields) =>
      `What presence round ${plain(fields, "round")} unlocks was carried out`,
    round_not_unlocked: (fields) =>
      `What presence round ${plain(fields, "round")} unlocks was refused: ${plain(fields, "reason", 300)}`,
    round_lapsed: (fields) =>
      `Presence round ${plain(fields, "round")} passed its deadline: too few are there`,
    prize_claimed: (fields) =>
      `The prize of presence round ${plain(fields, "round")}, ${grains(fields, "amount")}, went to ${address(fields, "to")}`,
    round_forgotten: (fields) =>
      `Presence round ${plain(fields, "round")} was forgotten; ${grains(fields, "returned")} went back`,
  },
  amounts: ["prize", "deposit", "deposit_max", "held", "amount", "returned"],
  peers: [],
};
