/**
 * The parts of what the page knows beside the node's status: when each is to be asked for, and
 * what its answer changes. One more part is one more entry of the list at the end.
 */

import type { Client } from "../api/client.ts";
import { questions } from "../api/questions.ts";
import type { BlockSummary, HistoryEpoch, RoundReport, Status, Transaction } from "../api/types.ts";
import type { LossHistory } from "./losses.ts";
import type { PartName, State, Store } from "./store.ts";

export const BLOCKS_SHOWN = 24;
export const TRANSACTIONS_SHOWN = 40;
/** A block with more than this is not fetched unasked: it can have a megabyte. */
const BLOCK_TRANSACTIONS_MAX = 200;
/** Epochs asked for at first, and kept at most. */
const HISTORY_FIRST = 500;
const HISTORY_MAX = 2_000;
/** Presence rounds shown: of each, beliefs of up to ten thousand numbers are asked for. */
export const ROUNDS_SHOWN = 3;
/** Peers are asked for this often, for their telemetry, which makes no events. */
const PEERS_MS = 3_000;

/** What a new status says about one part. */
export interface Turn {
  status: Status;
  /** A block was decided since the status before; so also where there was none before. */
  higher: boolean;
  /** An epoch closed since the status before; so also where there was none before. */
  epochClosed: boolean;
  /** When this part was asked for last, it failed: it is due again at once, whatever changed. */
  failed: boolean;
  /** Time since this part was asked for; infinite where it never was. */
  since_ms: number;
}

export interface Part {
  readonly name: PartName;
  due(turn: Turn, state: State): boolean;
  /** Asks the node and puts the answer into the store; fails as the client does. */
  ask(client: Client, store: Store): Promise<void>;
}

class Blocks implements Part {
  readonly name = "blocks";
  #transactions = new Map<number, readonly Transaction[]>();

  due({ higher, failed }: Turn): boolean {
    return higher || failed;
  }

  async ask(client: Client, store: Store): Promise<void> {
    const { blocks } = await client.ask(questions.blocks(BLOCKS_SHOWN));
    const newest = [...blocks].sort((a, b) => b.height - a.height).slice(0, BLOCKS_SHOWN);
    store.update({ blocks: newest });
    store.update({ transactions: await this.#transactionsOf(newest, client) });
  }

  /** The transactions of the newest blocks, each block asked for once; very full ones are not. */
  async #transactionsOf(blocks: readonly BlockSummary[], client: Client): Promise<Transaction[]> {
    const wanted = blocks.filter(
      ({ transactions }) => transactions > 0 && transactions <= BLOCK_TRANSACTIONS_MAX,
    );
    const kept = new Map<number, readonly Transaction[]>();
    let total = 0;
    for (const { height } of wanted) {
      if (total >= TRANSACTIONS_SHOWN) break;
      const items =
        this.#transactions.get(height) ?? (await client.ask(questions.block(height))).items;
      kept.set(height, items);
      total += items.length;
    }
    this.#transactions = kept;
    const all = [...kept.values()].flatMap((items) => [...items].reverse());
    return all.slice(0, TRANSACTIONS_SHOWN);
  }
}

const history: Part = {
  name: "history",
  due: ({ epochClosed, failed, status }, { history }) =>
    epochClosed || failed || (history?.at(-1)?.epoch ?? 0) < status.epoch,
  async ask(client, store) {
    const known = store.state.history ?? [];
    const newest = store.state.status?.epoch ?? 0;
    const after = known.at(-1)?.epoch ?? Math.max(0, newest - HISTORY_FIRST);
    const pages = await client.pages(after, questions.history);
    const epochs = pages.flatMap((page) => page.epochs);
    store.update({ history: mergeHistory(known, epochs) });
  },
};

/** Oldest first, each epoch once, the newest `HISTORY_MAX`. */
export function mergeHistory(
  known: readonly HistoryEpoch[],
  fresh: readonly HistoryEpoch[],
): HistoryEpoch[] {
  const epochs = new Map<number, HistoryEpoch>();
  for (const epoch of [...known, ...fresh]) epochs.set(epoch.epoch, epoch);
  return [...epochs.values()].sort((a, b) => a.epoch - b.epoch).slice(-HISTORY_MAX);
}

const market: Part = {
  name: "market",
  due: ({ epochClosed, failed }) => epochClosed || failed,
  async ask(client, store) {
    store.update({ market: await client.ask(questions.market()) });
  },
};

/** The newest presence rounds; one that is over stays as it is, so that it is asked for once. */
class Rounds implements Part {
  readonly name = "rounds";
  #over = new Map<number, RoundReport>();

  due({ higher, failed }: Turn): boolean {
    return higher || failed;
  }

  async ask(client: Client, store: Store): Promise<void> {
    const pages = await client.pages(-1, questions.rounds);
    const newest = pages.flatMap((page) => page.rounds).slice(-ROUNDS_SHOWN);
    const reports: RoundReport[] = [];
    for (const round of newest.reverse()) {
      // What may still change of one that is over is its prize.
      const known = this.#over.get(round.id);
      const report = known ?? (await client.ask(questions.round(round.id)));
      reports.push({ ...report, round: known === undefined ? report.round : round });
    }
    this.#over = new Map(
      reports.filter(({ round }) => round.phase !== "open").map((each) => [each.round.id, each]),
    );
    store.update({ rounds: reports });
  }
}

function peers(losses: LossHistory, now: () => number): Part {
  return {
    name: "peers",
    due: ({ epochClosed, since_ms }) => epochClosed || since_ms >= PEERS_MS,
    async ask(client, store) {
      const pages = await client.pages(-1, questions.peers);
      const peers = pages.flatMap((page) => page.peers);
      losses.record(now(), peers);
      store.update({ peers, losses: [...losses.samples] });
    },
  };
}

/** All parts, as nothing is known of any; `losses` keeps what peers report of themselves. */
export function allParts(losses: LossHistory, now: () => number): Part[] {
  return [new Blocks(), history, market, new Rounds(), peers(losses, now)];
}
