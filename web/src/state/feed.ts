/**
 * Keeps the store in step with the node: events as they come, and answers asked for again when
 * an event, an epoch or the clock says that they changed. Without events it polls; without
 * answers it goes on trying and says so.
 */

import { ApiError, type Client } from "../api/client.ts";
import { EventStream } from "../api/events.ts";
import { questions } from "../api/questions.ts";
import type { LedgerEvent, Status } from "../api/types.ts";
import type { LossHistory } from "./losses.ts";
import { allParts, type Part, type Turn } from "./parts.ts";
import { emptyState, type PartName, type State, type Store } from "./store.ts";

export const EVENTS_KEPT = 100;
/** Opening the page shows the events of this many blocks before. */
const EVENT_BLOCKS = 20;

/** Pauses between questions, in milliseconds. */
export const PACE = {
  /** After an event, this much is waited for more of the same block. */
  settle: 150,
  /** Status, while events arrive: only in case that one was lost. */
  status_live: 4_000,
  /** Status, without events. */
  status_polling: 1_500,
  /** Status, while the node does not answer. */
  unreachable: 3_000,
} as const;

export class Feed {
  readonly #stream: EventStream;
  #statusTimer: ReturnType<typeof setTimeout> | undefined;
  #parts: Part[];
  /** When each part was asked for last, by this device's clock. */
  readonly #asked_ms = new Map<PartName, number>();
  #asking = false;
  #again = false;
  #running = false;

  constructor(
    private readonly client: Client,
    private readonly store: Store,
    private readonly losses: LossHistory,
    private readonly now: () => number = Date.now,
  ) {
    this.#parts = allParts(losses, now);
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
      const status = await this.client.ask(questions.status());
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
    const epochClosed = old === undefined || status.epoch !== old.epoch;
    await Promise.all(
      this.#parts
        .filter((part) => this.#due(part, { status, higher, epochClosed }))
        .map((part) => this.#ask(part)),
    );
  }

  #due(part: Part, turn: Pick<Turn, "status" | "higher" | "epochClosed">): boolean {
    const { state } = this.store;
    const failed = state.failures[part.name] !== undefined;
    const since_ms = this.now() - (this.#asked_ms.get(part.name) ?? Number.NEGATIVE_INFINITY);
    return part.due({ ...turn, failed, since_ms }, state);
  }

  /** Another chain answers, or the same one began anew: nothing known holds any more. */
  #forget(): void {
    const { connection } = this.store.state;
    this.#stream.stop();
    this.#stream.goOnAfter(undefined);
    this.#parts = allParts(this.losses, this.now);
    this.store.update({ ...emptyState(), connection });
  }

  /** One part may fail without the others: its pane says why, the rest goes on. */
  async #ask(part: Part): Promise<void> {
    this.#asked_ms.set(part.name, this.now());
    try {
      await part.ask(this.client, this.store);
      const { failures } = this.store.state;
      if (part.name in failures) this.store.update({ failures: without(failures, part.name) });
    } catch (error) {
      this.#failed(part.name, error);
    }
  }

  #failed(part: PartName, error: unknown): void {
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

function without(failures: State["failures"], part: PartName) {
  const { [part]: _gone, ...rest } = failures;
  return rest;
}
