/** Addresses within the page (#/block/12), and what a search text means. */

import type { Peer } from "./api/types.ts";

export type Route =
  | { kind: "block"; height: number }
  | { kind: "transaction"; hash: string }
  | { kind: "address"; address: string }
  | { kind: "peer"; id: number };

const SS58 = /^[1-9A-HJ-NP-Za-km-z]{46,50}$/;
const HASH = /^(0x)?[0-9a-fA-F]{64}$/;
const WHOLE = /^[0-9]{1,15}$/;

export function routeHash(route: Route): string {
  switch (route.kind) {
    case "block":
      return `#/block/${route.height}`;
    case "transaction":
      return `#/transaction/${route.hash}`;
    case "address":
      return `#/address/${route.address}`;
    case "peer":
      return `#/peer/${route.id}`;
  }
}

/** The route of a location hash; undefined for the page itself and for nonsense. */
export function parseRoute(hash: string): Route | undefined {
  const match = /^#\/(block|transaction|address|peer)\/([0-9A-Za-z]{1,100})$/.exec(hash);
  const [kind, value] = [match?.[1], match?.[2] ?? ""];
  if (kind === "block" && WHOLE.test(value)) return { kind, height: Number(value) };
  if (kind === "peer" && WHOLE.test(value)) return { kind, id: Number(value) };
  if (kind === "transaction" && HASH.test(value)) return { kind, hash: value.toLowerCase() };
  if (kind === "address" && SS58.test(value)) return { kind, address: value };
  return undefined;
}

/** What the reader looks for: a route, or a sentence that says what can be looked for. */
export function interpretSearch(text: string, peers: readonly Peer[]): Route | string {
  const wanted = text.trim();
  const plain = wanted.replace(/[,\s]/g, "");
  if (WHOLE.test(plain)) return { kind: "block", height: Number(plain) };
  const numbered = /^(?:peer\s*)?#\s*([0-9]{1,10})$/i.exec(wanted);
  if (numbered !== null) return { kind: "peer", id: Number(numbered[1]) };
  if (HASH.test(wanted)) {
    return { kind: "transaction", hash: wanted.replace(/^0x/, "").toLowerCase() };
  }
  const lower = wanted.toLowerCase();
  const named = peers.filter((peer) => peer.name?.toLowerCase() === lower);
  const begun = peers.filter((peer) => peer.name?.toLowerCase().startsWith(lower) === true);
  const found = named[0] ?? (begun.length === 1 ? begun[0] : undefined);
  if (found !== undefined) return { kind: "peer", id: found.id };
  if (SS58.test(wanted)) {
    const hot = peers.find((peer) => peer.address === wanted);
    return hot === undefined ? { kind: "address", address: wanted } : { kind: "peer", id: hot.id };
  }
  if (begun.length > 1)
    return `${begun.length} peers begin like this; type more of the name, or # and the number.`;
  return "Nothing found. Type a block's height, a transaction's or block's hash (64 hexadecimal digits), an address, a peer's name, or # and its number.";
}
