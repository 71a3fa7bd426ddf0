/** What a mechanism's file of kinds tells, and the words that all of them are made of. */

import { amount, type Fields } from "../api/decode.ts";
import { decimal, integer, label, mstExact, percent, shorten } from "../format.ts";

/** Turns a peer's id into what it is called. */
export type NameOf = (peer: number) => string;

/** An action or an event in words. A field that is missing or odd leaves a gap, not an error. */
export type Sentence = (fields: Fields, nameOf: NameOf) => string;

/** The actions and events of one mechanism of the ledger. */
export interface Kinds {
  /** By kind; the signer's name stands before the sentence. */
  actions: Readonly<Record<string, Sentence>>;
  /** By kind. */
  events: Readonly<Record<string, Sentence>>;
  /** Names of fields that hold grains, in whatever kind. */
  amounts: readonly string[];
  /** Names of fields that hold the id of a peer, in whatever kind. */
  peers: readonly string[];
}

/** "12.5 MST" for a decimal text of grains; undefined for anything else. */
export function money(value: unknown): string | undefined {
  try {
    return `${mstExact(amount(value, ""))} MST`;
  } catch {
    return undefined;
  }
}

/** A value of which nothing is known, as short as it stays clear. */
export function valueText(value: unknown): string {
  if (typeof value === "string")
    return /^[0-9A-Za-z]{40,}$/.test(value) ? shorten(value) : label(value, 80);
  if (typeof value === "number")
    return Number.isInteger(value) ? integer(value) : decimal(value, 6);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value))
    return `${integer(value.length)} ${value.length === 1 ? "entry" : "entries"}`;
  if (value === null || value === undefined) return "none";
  return label(JSON.stringify(value), 80);
}

/** A field that holds a peer's id, as the peer's name. */
export function peer(fields: Fields, name: string, nameOf: NameOf): string {
  const value = fields[name];
  return typeof value === "number" ? nameOf(value) : valueText(value);
}

/** A field that holds grains; `gap` where it does not. */
export const grains = (fields: Fields, name: string, gap = "an unknown amount") =>
  money(fields[name]) ?? gap;

/** A field that holds an address or a digest, shortened. */
export const address = (fields: Fields, name: string) =>
  shorten(label(String(fields[name] ?? "?"), 64));

/** A field as it stands, at most `longest` characters of it. */
export const plain = (fields: Fields, name: string, longest = 120) =>
  label(String(fields[name] ?? "?"), longest);

/** A field that is an object; one without fields where it is not. */
export function inner(fields: Fields, name: string): Fields {
  const value = fields[name];
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

/** A field that holds a row of weights: ": peer-1 80 %, peer-0 20 %", the largest first. */
export function weights(fields: Fields, name: string, nameOf: NameOf): string {
  const value = fields[name];
  if (!Array.isArray(value)) return "";
  const pairs = value.filter(
    (pair): pair is [number, number] =>
      Array.isArray(pair) && typeof pair[0] === "number" && typeof pair[1] === "number",
  );
  if (pairs.length === 0) return ": none";
  const shown = [...pairs].sort((a, b) => b[1] - a[1]).slice(0, 8);
  const rest = pairs.length > shown.length ? ` and ${pairs.length - shown.length} more` : "";
  return `: ${shown.map(([id, share]) => `${nameOf(id)} ${percent(share)}`).join(", ")}${rest}`;
}
