/** Actions and events of the ledger as sentences, those of all mechanisms together. */

import type { Fields } from "../api/decode.ts";
import type { Variant } from "../api/types.ts";
import { words } from "../format.ts";
import { account } from "./account.ts";
import { committee } from "./committee.ts";
import { governance } from "./governance.ts";
import { type Kinds, money, type NameOf, valueText } from "./kind.ts";
import { market } from "./market.ts";
import { presence } from "./presence.ts";
import { stake } from "./stake.ts";

/** Each has a file of its own beside this one. */
export const MECHANISMS: Readonly<Record<string, Kinds>> = {
  account,
  stake,
  market,
  governance,
  presence,
  committee,
};

const ALL = Object.values(MECHANISMS);
// Maps, since a kind comes from outside: "constructor" must not find what an object inherits.
const ACTIONS = new Map(ALL.flatMap(({ actions }) => Object.entries(actions)));
const EVENTS = new Map(ALL.flatMap(({ events }) => Object.entries(events)));
const AMOUNTS = new Set(ALL.flatMap(({ amounts }) => amounts));
const PEERS = new Set(ALL.flatMap(({ peers }) => peers));

/** One field of a kind that this page does not know. */
function fieldText(field: string, value: unknown, nameOf: NameOf): string {
  if (PEERS.has(field) && typeof value === "number") return nameOf(value);
  const grains = AMOUNTS.has(field) ? money(value) : undefined;
  return grains ?? valueText(value);
}

function allFields(fields: Fields, nameOf: NameOf): string {
  return Object.entries(fields)
    .map(([name, value]) => `${words(name)} ${fieldText(name, value, nameOf)}`)
    .join(", ");
}

/** What a transaction does; a kind that this page does not know is listed field by field. */
export function actionText({ kind, fields }: Variant, nameOf: NameOf): string {
  return ACTIONS.get(kind)?.(fields, nameOf) ?? `${words(kind)} ${allFields(fields, nameOf)}`;
}

/** What happened; a kind that this page does not know is listed field by field. */
export function eventText({ kind, fields }: Variant, nameOf: NameOf): string {
  const known = EVENTS.get(kind);
  if (known !== undefined) return known(fields, nameOf);
  const details = allFields(fields, nameOf);
  return details === "" ? words(kind) : `${words(kind)}: ${details}`;
}
