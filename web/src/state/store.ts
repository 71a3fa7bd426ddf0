/** Everything the page knows, in one place; views are told when some of it changed. */

import type {
  BlockSummary,
  HistoryEpoch,
  LedgerEvent,
  Market,
  Peer,
  RoundReport,
  Status,
  Transaction,
} from "../api/types.ts";
import type { LossSample } from "./losses.ts";

export type Connection =
  | { kind: "connecting" }
  /** Events arrive as they happen. */
  | { kind: "live" }
  /** No stream of events; the page asks again and again. */
  | { kind: "polling"; reason: string }
  /** No answer at all; the page goes on trying. */
  | { kind: "unreachable"; reason: string; since_ms: number };

/** The parts that the node is asked for, each undefined until it answered. */
export interface Parts {
  status: Status | undefined;
  /** Newest first. */
  blocks: readonly BlockSummary[] | undefined;
  peers: readonly Peer[] | undefined;
  market: Market | undefined;
  /** The newest presence rounds, newest first. */
  rounds: readonly RoundReport[] | undefined;
  /** Oldest first. */
  history: readonly HistoryEpoch[] | undefined;
}

export type PartName = keyof Parts;

export interface State extends Parts {
  connection: Connection;
  /** When the height last rose, by this device's clock; undefined before the first answer. */
  advanced_ms: number | undefined;
  /** Of the newest blocks, newest first; very full blocks are left out. */
  transactions: readonly Transaction[] | undefined;
  /** Newest first. */
  events: readonly LedgerEvent[];
  losses: readonly LossSample[];
  /** Parts that the node refused or that were not understood, with the reason in words. */
  failures: Partial<Record<PartName, string>>;
}

export function emptyState(): State {
  return {
    connection: { kind: "connecting" },
    status: undefined,
    advanced_ms: undefined,
    blocks: undefined,
    transactions: undefined,
    peers: undefined,
    market: undefined,
    rounds: undefined,
    history: undefined,
    events: [],
    losses: [],
    failures: {},
  };
}

export class Store {
  #state = emptyState();
  #views: ((state: State) => void)[] = [];
  #told = true;

  get state(): State {
    return this.#state;
  }

  subscribe(view: (state: State) => void): void {
    this.#views.push(view);
  }

  /** Takes the changes; the views hear of all those of one turn at once. */
  update(changes: Partial<State>): void {
    this.#state = { ...this.#state, ...changes };
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      for (const view of this.#views) view(this.#state);
    });
  }
}
