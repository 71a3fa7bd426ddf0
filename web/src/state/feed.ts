/**
 * Keeps the store in step with the node: events as they come, and answers asked for again when
 * an event, an epoch or the clock says that they changed. Without events it polls; without
 * answers it goes on trying and says so.
 */

import { ApiError, type Client } from "../api/client.ts";
import { EventStream } from "../api/events.ts";
import type { BlockSummary, HistoryEpoch, LedgerEvent, Status, Transaction } from "../api/types.ts";
import type { LossHistory } from "./losses.ts";
import { emptyState, type Part, type Store } from "./store.ts";

export const BLOCKS_SHOWN = 24;
export const EVENTS_KEPT = 100;
export const TRANSACTIONS_SHOWN = 40;
/** Opening the page shows the events of this many blocks before. */
const EVENT_BLOCKS = 20;
/** A block with more than this is not fetched unasked: it can have a megabyte. */
const BLOCK_TRANSACTIONS_MAX = 200;
/** Epochs asked for at first, and kept at most. */
const HISTORY_FIRST = 500;
const HISTORY_MAX = 2_000;

/** Pauses between questions, in milliseconds. */
export const PACE = {
  /** After an event, this much is waited for more of the same block. */
  settle: 150,
  /** Status, while events arrive: only in case that one was lost. */
  status_live: 4_000,
  /** Status, without events. */
  status_polling: 1_500,
  /** Peers, for their telemetry, which makes no events. */
  peers: 3_000,
  /** Status, while the node does not answer. */
  unreachable: 3_000,
} as const;

export class Feed {
  readonly #stream: EventStream;
  #statusTimer: ReturnType<typeof setTimeout> | undefined;
  #peersAsked_ms = 0;
  #asking = false;
  #again = false;
  #running = false;

  constructor(
    private readonly client: Client,
    private readonly store: Store,
    private readonly losses: LossHistory,
    private readonly now: () => number = Date.now,
  ) {
    this.#stream = new EventStream(client, {
      opened: () => this.store.update({ connection: { kind: "live" } }),
      events: (events) => this.#events(events),
      broken: (error) => this.#streamBroken(error),
    });
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#refresh().then(() => {
      this.#chooseFirstEvent();
      if (this.#running) this.#stream.start();
    });
  }

  /** While nobody looks: no connection, no questions. `start` goes on after the last event. */
  stop(): void {
    this.#running = false;
    this.#scheduledFor = Number.POSITIVE_INFINITY;
    this.#stream.stop();
    clearTimeout(this.#statusTimer);
  }

  /** Goes on after the last event, but not further back than a few blocks. */
  #chooseFirstEvent(): void {
    const height = this.store.state.status?.height;
    if (height === undefined) return;
    const earliest = Math.max(0, height - EVENT_BLOCKS);
    const last = this.#stream.lastId;
    if (last === undefined || Number.parseInt(last, 10) < earliest) {
      this.#stream.goOnAfter(`${earliest}.0`);
    }
  }

  #events(arrived: readonly LedgerEvent[]): void {
    const { events } = this.store.state;
    const known = new Set(events.map((event) => event.id));
    const fresh = arrived
      .filter((event) => event.kind !== "block" && !known.has(event.id))
      .reverse();
    if (fresh.length > 0) {
      this.store.update({ events: [...fresh, ...events].slice(0, EVENTS_KEPT) });
    }
    this.#schedule(PACE.settle);
  }

  #streamBroken(error: ApiError): void {
    const { connection } = this.store.state;
    if (connection.kind === "unreachable") return;
    this.store.update({ connection: { kind: "polling", reason: error.message } });
    this.#schedule(PACE.settle);
  }

  // The earliest wish wins: an event may not be put off by the ones after it.
  #scheduledFor = Number.POSITIVE_INFINITY;
  #schedule(delay: number): void {
    const at = this.now() + delay;
    if (!this.#running || at >= this.#scheduledFor) return;
    this.#scheduledFor = at;
    clearTimeout(this.#statusTimer);
    this.#statusTimer = setTimeout(() => {
      this.#scheduledFor = Number.POSITIVE_INFINITY;
      void this.#refresh();
    }, delay);
  }

  async #refresh(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      const status = await this.client.status();
      this.#reached();
      await this.#take(status);
    } catch (error) {
      this.#failed("status", error);
    } finally {
      this.#asking = false;
    }
    if (this.#again) {
      this.#again = false;
      this.#schedule(PACE.settle);
    }
    const { kind } = this.store.state.connection;
    this.#schedule(
      kind === "live"
        ? PACE.status_live
        : kind === "unreachable"
          ? PACE.unreachable
          : PACE.status_polling,
    );
  }

  /** The node answers again; its stream may have stayed open all the while, or be still to come. */
  #reached(): void {
    if (this.store.state.connection.kind !== "unreachable") return;
    const reason = "the stream of events is not open yet";
    this.store.update({
      connection: this.#stream.open ? { kind: "live" } : { kind: "polling", reason },
    });
  }

  async #take(status: Status): Promise<void> {
    const before = this.store.state.status;
    const another =
      before !== undefined && (before.chain !== status.chain || status.height < before.height);
    if (another) this.#forget();
    this.losses.begin(status.chain);
    const old = this.store.state.status;
    const higher = old === undefined || status.height > old.height;
    this.store.update({
      status,
      losses: [...this.losses.samples],
      advanced_ms: higher ? this.now() : this.store.state.advanced_ms,
      failures: without(this.store.state.failures, "status"),
    });
    if (another) {
      // The open stream waits for a height of the chain that is gone.
      this.#chooseFirstEvent();
      if (this.#running) this.#stream.start();
    }
    const asked: Promise<void>[] = [];
    const epochClosed = old === undefined || status.epoch !== old.epoch;
    const epochsMissing = (this.store.state.history?.at(-1)?.epoch ?? 0) < status.epoch;
    // What failed is asked for again at once, not only when it changes.
    const { failures } = this.store.state;
    if (higher || failures.blocks !== undefined) asked.push(this.#blocks());
    if (epochClosed || epochsMissing || failures.history !== undefined) asked.push(this.#history());
    if (epochClosed || failures.market !== undefined) asked.push(this.#market());
    if (epochClosed || this.now() - this.#peersAsked_ms >= PACE.peers) asked.push(this.#peers());
    await Promise.all(asked);
  }

  /** Another chain answers, or the same one began anew: nothing known holds any more. */
  #forget(): void {
    const { connection } = this.store.state;
    this.#stream.stop();
    this.#stream.goOnAfter(undefined);
    this.#transactionsOf = new Map();
    this.store.update({ ...emptyState(), connection });
  }

  #blocks(): Promise<void> {
    return this.#part("blocks", async () => {
      const { blocks } = await this.client.blocks(BLOCKS_SHOWN);
      const newest = [...blocks].sort(newestFirst).slice(0, BLOCKS_SHOWN);
      this.store.update({ blocks: newest });
      await this.#transactions(newest);
    });
  }

  #transactionsOf = new Map<number, readonly Transaction[]>();

  /** The transactions of the newest blocks, each block asked for once; very full ones are not. */
  async #transactions(blocks: readonly BlockSummary[]): Promise<void> {
    const wanted = blocks.filter(
      ({ transactions }) => transactions > 0 && transactions <= BLOCK_TRANSACTIONS_MAX,
    );
    const kept = new Map<number, readonly Transaction[]>();
    let total = 0;
    for (const { height } of wanted) {
      if (total >= TRANSACTIONS_SHOWN) break;
      const items = this.#transactionsOf.get(height) ?? (await this.client.block(height)).items;
      kept.set(height, items);
      total += items.length;
    }
    this.#transactionsOf = kept;
    const all = [...kept.values()].flatMap((items) => [...items].reverse());
    this.store.update({ transactions: all.slice(0, TRANSACTIONS_SHOWN) });
  }

  #history(): Promise<void> {
    return this.#part("history", async () => {
      const known = this.store.state.history ?? [];
      const newest = this.store.state.status?.epoch ?? 0;
      const after = known.at(-1)?.epoch ?? Math.max(0, newest - HISTORY_FIRST);
      const { epochs } = await this.client.history(after);
      this.store.update({ history: mergeHistory(known, epochs) });
    });
  }

  #peers(): Promise<void> {
    return this.#part("peers", async () => {
      this.#peersAsked_ms = this.now();
      const { peers } = await this.client.peers();
      this.losses.record(this.now(), peers);
      this.store.update({ peers, losses: [...this.losses.samples] });
    });
  }

  #market(): Promise<void> {
    return this.#part("market", async () => {
      this.store.update({ market: await this.client.market() });
    });
  }

  /** One part may fail without the others: its pane says why, the rest goes on. */
  async #part(part: Part, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
      const { failures } = this.store.state;
      if (part in failures) this.store.update({ failures: without(failures, part) });
    } catch (error) {
      this.#failed(part, error);
    }
  }

  #failed(part: Part, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const unreachable = error instanceof ApiError && error.failure === "unreachable";
    const { connection, failures } = this.store.state;
    if (unreachable) {
      const since_ms = connection.kind === "unreachable" ? connection.since_ms : this.now();
      this.store.update({ connection: { kind: "unreachable", reason: message, since_ms } });
    } else {
      this.store.update({ failures: { ...failures, [part]: message } });
    }
  }
}

function newestFirst(a: BlockSummary, b: BlockSummary): number {
  return b.height - a.height;
}

function without(failures: Partial<Record<Part, string>>, part: Part) {
  const { [part]: _gone, ...rest } = failures;
  return rest;
}

/** Oldest first, each epoch once, the newest `HISTORY_MAX`. */
export function mergeHistory(
  known: readonly HistoryEpoch[],
  fresh: readonly HistoryEpoch[],
): HistoryEpoch[] {
  const epochs = new Map<number, HistoryEpoch>();
  for (const epoch of [...known, ...fresh]) epochs.set(epoch.epoch, epoch);
  return [...epochs.values()].sort((a, b) => a.epoch - b.epoch).slice(-HISTORY_MAX);
}
