/** What this page can ask its node: where each answer stands, and how it is read. */

import type { Decoder } from "./decode.ts";
import * as types from "./types.ts";

export interface Question<T> {
  /** Address of the answer, under the one where the page came from. */
  readonly path: string;
  readonly decode: Decoder<T>;
}

function question<T>(path: string, decode: Decoder<T>): Question<T> {
  return { path, decode };
}

const written = encodeURIComponent;

/** The part of a list behind a number; all of it from -1 on, for the first item may have 0. */
const behind = (after: number) => (after < 0 ? "" : `?after=${after}`);

/** A test holds each of them against the node's own description of its API. */
export const questions = {
  status: () => question("v1/status", types.status),
  blocks: (limit: number) => question(`v1/blocks?limit=${limit}`, types.blocks),
  block: (height: number) => question(`v1/blocks/${height}`, types.block),
  transaction: (hash: string) => question(`v1/transactions/${written(hash)}`, types.transaction),
  account: (address: string) => question(`v1/accounts/${written(address)}`, types.account),
  peers: (after: number) => question(`v1/peers${behind(after)}`, types.peers),
  peer: (id: number) => question(`v1/peers/${id}`, types.peer),
  market: () => question("v1/market", types.market),
  rounds: (after: number) => question(`v1/rounds${behind(after)}`, types.rounds),
  round: (id: number) => question(`v1/rounds/${id}`, types.roundReport),
  history: (after: number) => question(`v1/history?after=${after}`, types.history),
};
