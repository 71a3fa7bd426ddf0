/** The answers of a node's `/v1` API, as `muster-api` writes them; names are those of the JSON. */

import {
  amount,
  array,
  count,
  type Decoded,
  type Decoder,
  type Fields,
  fields,
  inside,
  number,
  object,
  optional,
  text,
  truth,
  tuple,
} from "./decode.ts";

const validator = object({ name: text, address: text, online: optional(truth) });

const supply = object({ genesis: amount, minted: amount, burned: amount, total: amount });

export const status = object({
  name: text,
  version: text,
  network: text,
  chain: text,
  height: count,
  time_ms: count,
  block: text,
  state_root: text,
  epoch: count,
  epoch_end: count,
  epoch_blocks: count,
  block_time_ms: count,
  blocks_per_second: number,
  validators: array(validator),
  peers: count,
  transactions: count,
  mempool: object({ transactions: count, bytes: count }),
  supply,
  equivocations: array(object({ address: text, height: count, kind: text })),
});

const summary = {
  height: count,
  hash: text,
  time_ms: count,
  previous: text,
  state_root: text,
  transactions_root: text,
  proposer: text,
  proposer_name: optional(text),
  transactions: count,
  bytes: count,
  round: count,
  signatures: tuple<[number, number]>(count, count),
};

export const blockSummary = object(summary);

export const blocks = object({ blocks: array(blockSummary) });

export interface Variant {
  /** The name of the variant, such as "transfer". */
  kind: string;
  fields: Fields;
}

export interface LedgerEvent extends Variant {
  id: string;
  height: number;
}

/** An action or an event: an object whose `kind` says which. */
export const variant: Decoder<Variant> = (value, path) => {
  const { kind, ...rest } = fields(value, path);
  return { kind: text(kind, inside(path, "kind")), fields: rest };
};

export const transaction = object({
  hash: text,
  state: text,
  height: optional(count),
  index: optional(count),
  fee: optional(amount),
  rejection: optional(text),
  signer: text,
  nonce: count,
  expires: count,
  tip: amount,
  action: variant,
});

/** Where the next page of a list begins; undefined on the last. */
const next = optional(count);

/** With the first page of its transactions. */
export const block = object({ ...summary, items: array(transaction) });

export const account = object({
  address: text,
  balance: amount,
  deposit: amount,
  nonce: count,
  nonce_pending: count,
  delegations: array(object({ peer: count, amount })),
  unbondings: array(object({ due: count, peer: count, amount })),
  owns: array(count),
  hot_of: optional(count),
});

/** Self-reported by the peer, signed with its hot key, checked by nobody. Losses: nats a byte. */
const telemetry = object({
  name: text,
  steps: count,
  loss_alone: optional(number),
  loss_with_network: optional(number),
  loss_student: optional(number),
  loss_standard_error: optional(number),
  compute_relative_to_control: optional(number),
  step_ms: optional(number),
  answered: count,
  asked: count,
  refused: count,
  at_ms: count,
});

export const peer = object({
  id: count,
  name: optional(text),
  address: text,
  owner: text,
  endpoint: object({ url: text, modality: text }),
  stake: amount,
  rank: number,
  trust: number,
  incentive: number,
  scaling: number,
  earned: object({ market: amount }),
  accrued: amount,
  registered: count,
  weights_set: optional(count),
  weights: array(tuple<[number, number]>(count, number)),
  telemetry: optional(telemetry),
});

export const peers = object({ height: count, peers: array(peer), next });

export const market = object({
  epoch: count,
  height: count,
  rule: text,
  loss: optional(number),
  minting: truth,
  epoch_end: count,
});

export const historyEpoch = object({
  epoch: count,
  height: count,
  time_ms: count,
  loss: number,
  minted: amount,
  peers: array(
    object({ id: count, stake: amount, trust: number, incentive: number, rank: number }),
  ),
});

export const history = object({ epochs: array(historyEpoch), next });

/** A presence round. Times are milliseconds after its beginning, and may be beyond any date. */
const round = object({
  id: count,
  opener: text,
  phase: text,
  deadline_ms: number,
  best_ms: number,
  largest_ms: number,
  /** What it does once it is solved in time. */
  unlocks: optional(object({ action: variant, held: amount, carried_out: optional(truth) })),
  prize: amount,
  puzzle: text,
  difficulty: number,
  solutions_wanted: count,
  began_ms: optional(count),
  solutions: array(object({ solver: text, after_ms: count })),
});

export const rounds = object({ height: count, rounds: array(round), next });

/** A round, and what is believed of the number of players, from 1, before and once solved. */
export const roundReport = object({
  height: count,
  time_ms: count,
  round,
  acting_probability: number,
  prior: array(number),
  posterior: optional(array(number)),
});

/** One event of the ledger; `id` is "height.index", where a broken stream goes on. */
export const event: Decoder<LedgerEvent> = (value, path) => {
  const { id, height, ...rest } = fields(value, path);
  return {
    id: text(id, inside(path, "id")),
    height: count(height, inside(path, "height")),
    ...variant(rest, path),
  };
};

/** RFC 9457. */
export const problem = object({ title: text, status: count, detail: text });

export type Status = Decoded<typeof status>;
export type BlockSummary = Decoded<typeof blockSummary>;
export type Block = Decoded<typeof block>;
export type Transaction = Decoded<typeof transaction>;
export type Account = Decoded<typeof account>;
export type Telemetry = Decoded<typeof telemetry>;
export type Peer = Decoded<typeof peer>;
export type Market = Decoded<typeof market>;
export type Round = Decoded<typeof round>;
export type RoundReport = Decoded<typeof roundReport>;
export type HistoryEpoch = Decoded<typeof historyEpoch>;
