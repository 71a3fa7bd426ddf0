/** Actions and events of the ledger as sentences. */

import { amount, type Fields } from "../api/decode.ts";
import type { Named } from "../api/types.ts";
import { decimal, integer, label, mstExact, percent, shorten, words } from "../format.ts";

/** Turns a peer's id into what it is called. */
export type NameOf = (peer: number) => string;

/** Fields that hold grains. */
const AMOUNTS = new Set(["amount", "burned", "accrued", "paid", "approving", "rejecting"]);
/** Fields that hold the id of a peer. */
const PEERS = new Set(["peer", "by"]);

function isPeer(field: string, value: unknown): value is number {
  return PEERS.has(field) && typeof value === "number";
}

/** "12.5 MST" for a decimal text of grains; undefined for anything else. */
function money(value: unknown): string | undefined {
  try {
    return `${mstExact(amount(value, ""))} MST`;
  } catch {
    return undefined;
  }
}

/** One field of an action or event, as short as it stays clear. */
export function fieldText(field: string, value: unknown, nameOf: NameOf): string {
  if (isPeer(field, value)) return nameOf(value);
  if (typeof value === "string") {
    const grains = AMOUNTS.has(field) ? money(value) : undefined;
    if (grains !== undefined) return grains;
    return /^[0-9A-Za-z]{40,}$/.test(value) ? shorten(value) : label(value, 80);
  }
  if (typeof value === "number")
    return Number.isInteger(value) ? integer(value) : decimal(value, 6);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value))
    return `${integer(value.length)} ${value.length === 1 ? "entry" : "entries"}`;
  if (value === null || value === undefined) return "none";
  return label(JSON.stringify(value), 80);
}

function weightsText(value: unknown, nameOf: NameOf): string {
  if (!Array.isArray(value)) return "";
  const pairs = value.filter(
    (pair): pair is [number, number] =>
      Array.isArray(pair) && typeof pair[0] === "number" && typeof pair[1] === "number",
  );
  if (pairs.length === 0) return ": none";
  const shown = [...pairs].sort((a, b) => b[1] - a[1]).slice(0, 8);
  const rest = pairs.length > shown.length ? ` and ${pairs.length - shown.length} more` : "";
  return `: ${shown.map(([peer, share]) => `${nameOf(peer)} ${percent(share)}`).join(", ")}${rest}`;
}

const address = (fields: Fields, name: string) => shorten(label(String(fields[name] ?? "?"), 64));

const ACTIONS: Record<string, (fields: Fields, nameOf: NameOf) => string> = {
  transfer: (fields) => `sends ${money(fields.amount) ?? "money"} to ${address(fields, "to")}`,
  stake: (fields, nameOf) =>
    `stakes ${money(fields.amount) ?? "money"} on ${fieldText("peer", fields.peer, nameOf)}`,
  unstake: (fields, nameOf) =>
    `takes ${money(fields.amount) ?? "money"} of stake back from ${fieldText("peer", fields.peer, nameOf)}`,
  register: (fields) =>
    `registers a peer with hot key ${address(fields, "hot")}, paid by ${label(String(fields.payment ?? "?"), 12)}`,
  set_endpoint: (fields) => {
    const endpoint = fields.endpoint;
    const url =
      typeof endpoint === "object" && endpoint !== null && "url" in endpoint ? endpoint.url : "?";
    return `serves at ${label(String(url), 80)}`;
  },
  commit_weights: (fields) => `commits to weights ${address(fields, "commitment")}`,
  reveal_weights: (fields, nameOf) => `reveals its weights${weightsText(fields.weights, nameOf)}`,
  set_weights: (fields, nameOf) => `sets its weights${weightsText(fields.weights, nameOf)}`,
  emit: () => "pays out what it accrued",
  propose: (fields) => `proposes: ${label(String(fields.change ?? "?"), 120)}`,
  vote: (fields) =>
    `votes ${fields.approve === true ? "for" : "against"} proposal ${label(String(fields.proposal ?? "?"), 12)}`,
};

function allFields(fields: Fields, nameOf: NameOf): string {
  return Object.entries(fields)
    .map(([name, value]) => `${words(name)} ${fieldText(name, value, nameOf)}`)
    .join(", ");
}

/** What a transaction does; a kind that this page does not know is listed field by field. */
export function actionText(action: Named, nameOf: NameOf): string {
  const known = Object.hasOwn(ACTIONS, action.kind) ? ACTIONS[action.kind] : undefined;
  return (
    known?.(action.fields, nameOf) ?? `${words(action.kind)} ${allFields(action.fields, nameOf)}`
  );
}

const grains = (fields: Fields, name: string) => money(fields[name]) ?? "an unknown amount";
const plain = (fields: Fields, name: string) => label(String(fields[name] ?? "?"), 120);

const EVENTS: Record<string, (fields: Fields, peer: string, nameOf: NameOf) => string> = {
  transferred: (fields) =>
    `${grains(fields, "amount")} went from ${address(fields, "from")} to ${address(fields, "to")}`,
  staked: (fields, peer) =>
    `${address(fields, "owner")} staked ${grains(fields, "amount")} on ${peer}`,
  unstaked: (fields, peer) =>
    `${address(fields, "owner")} takes ${grains(fields, "amount")} back from ${peer}, due at block ${plain(fields, "due")}`,
  unbonded: (fields, peer) =>
    `${grains(fields, "amount")} of ${address(fields, "owner")} came back from ${peer}`,
  registered: (fields, peer) => `${peer} registered, burning ${grains(fields, "burned")}`,
  displaced: (fields, peer, nameOf) =>
    `${peer} lost its place to ${fieldText("by", fields.by, nameOf)}`,
  endpoint_set: (_, peer) => `${peer} changed where it serves`,
  weights_committed: (_, peer) => `${peer} committed to weights`,
  weights_set: (fields, peer) => `${peer} gives weight to ${plain(fields, "weights")}`,
  emitted: (fields, peer) =>
    `${peer} paid out ${grains(fields, "paid")} of the ${grains(fields, "accrued")} that it accrued`,
  proposed: (fields) => `${address(fields, "proposer")} proposed ${plain(fields, "change")}`,
  voted: (fields) =>
    `${address(fields, "owner")} voted ${fields.approve === true ? "for" : "against"} proposal ${plain(fields, "proposal")}`,
  proposal_closed: (fields) => `Proposal ${plain(fields, "proposal")} was closed without a change`,
  parameter_changed: (fields) => `Parameter changed: ${plain(fields, "change")}`,
  epoch_closed: (fields) =>
    `Epoch ${plain(fields, "epoch")} closed; ${grains(fields, "accrued")} accrued${fields.minting === true ? "" : ", nothing is minted"}`,
  committee_changed: () => "The committee changed",
};

/** What happened; a kind that this page does not know is listed field by field. */
export function eventText(event: Named, nameOf: NameOf): string {
  const peer = fieldText("peer", event.fields.peer, nameOf);
  const known = Object.hasOwn(EVENTS, event.kind) ? EVENTS[event.kind] : undefined;
  if (known !== undefined) return known(event.fields, peer, nameOf);
  const details = allFields(event.fields, nameOf);
  return details === "" ? words(event.kind) : `${words(event.kind)}: ${details}`;
}
