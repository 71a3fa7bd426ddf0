/**
 * Server-sent events over `fetch`, so that a broken stream goes on from the last id that was
 * seen, also where the browser's own EventSource would have given up.
 */

import { ApiError, type Client } from "./client.ts";
import type { LedgerEvent } from "./types.ts";
import * as types from "./types.ts";

export interface ServerEvent {
  id: string;
  type: string;
  data: string;
}

/** Longest event that is kept; a longer one is a broken or hostile stream. */
const EVENT_CHARACTERS_MAX = 1 << 20;

/** The event-stream format (WHATWG HTML, 9.2.6), fed in pieces of any size. */
export class EventParser {
  #rest = "";
  #id = "";
  #type = "";
  #data: string[] = [];
  #size = 0;

  push(chunk: string): ServerEvent[] {
    const complete: ServerEvent[] = [];
    this.#rest += chunk;
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (end === null) break;
      this.#line(this.#rest.slice(0, end.index), complete);
      this.#rest = this.#rest.slice(end.index + end[0].length);
    }
    if (this.#rest.length + this.#size > EVENT_CHARACTERS_MAX) {
      throw new ApiError(
        "misunderstood",
        "v1/events: an event is longer than a million characters",
      );
    }
    return complete;
  }

  #line(line: string, complete: ServerEvent[]): void {
    if (line === "") {
      if (this.#data.length > 0) {
        complete.push({
          id: this.#id,
          type: this.#type === "" ? "message" : this.#type,
          data: this.#data.join("\n"),
        });
      }
      this.#data = [];
      this.#type = "";
      this.#size = 0;
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") {
      this.#data.push(value);
      this.#size += value.length;
    } else if (field === "event") {
      this.#type = value;
    } else if (field === "id" && !value.includes("\0")) {
      this.#id = value;
    }
  }
}

/** What the stream carries, made an event; undefined for what this page cannot read. */
export function ledgerEvent({ data }: ServerEvent): LedgerEvent | undefined {
  try {
    return types.event(JSON.parse(data), "");
  } catch {
    return undefined;
  }
}

export interface StreamHandlers {
  /** The stream is open. */
  opened(): void;
  /** Those that arrived together, in order. */
  events(events: LedgerEvent[]): void;
  /** It broke; the next try comes after `retryMs`. */
  broken(error: ApiError, retryMs: number): void;
}

const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
/** Without a byte for this long, keep-alive comments included, the stream counts as broken. */
const SILENCE_MS = 45_000;

/** What the node answers where the last id is too far back. */
const GONE = 410;

/** Reads `/v1/events` until stopped, and goes on after the last id whenever the stream breaks. */
export class EventStream {
  #stop: AbortController | undefined;
  #last: string | undefined;
  #failures = 0;
  #open = false;

  constructor(
    private readonly client: Client,
    private readonly handlers: StreamHandlers,
  ) {}

  /** Whether a connection stands. */
  get open(): boolean {
    return this.#open;
  }

  get lastId(): string | undefined {
    return this.#last;
  }

  start(): void {
    if (this.#stop !== undefined) return;
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#open = false;
  }

  /** Where the next connection goes on: after this id, or with what is new. */
  goOnAfter(id: string | undefined): void {
    this.#last = id;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let error: ApiError;
      try {
        await this.#read(signal);
        error = new ApiError("unreachable", "the node ended the stream of events");
      } catch (thrown) {
        error =
          thrown instanceof ApiError
            ? thrown
            : new ApiError("unreachable", "the stream of events broke");
      }
      if (signal.aborted) return;
      // Further back than the node tells: what comes from now on is better than nothing.
      if (error.status === GONE) this.#last = undefined;
      const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 10_000;
      this.#failures += 1;
      this.handlers.broken(error, wait);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    const abort = () => silence.abort();
    signal.addEventListener("abort", abort);
    let timer = setTimeout(abort, SILENCE_MS);
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (this.#last !== undefined) headers["last-event-id"] = this.#last;
      const response = await this.client.open("v1/events", { headers, signal: silence.signal });
      if (response.body === null) throw new ApiError("misunderstood", "v1/events has no body");
      if (signal.aborted) return;
      this.#open = true;
      this.handlers.opened();
      const parser = new EventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || signal.aborted) return;
        this.#failures = 0;
        clearTimeout(timer);
        timer = setTimeout(abort, SILENCE_MS);
        this.#take(parser.push(value));
      }
    } finally {
      // After a stop, another run may have opened already.
      if (!signal.aborted) this.#open = false;
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      // Closes the connection also where the loop ended by an exception.
      abort();
    }
  }

  #take(arrived: ServerEvent[]): void {
    const events: LedgerEvent[] = [];
    for (const event of arrived) {
      if (event.id !== "") this.#last = event.id;
      const decoded = ledgerEvent(event);
      if (decoded !== undefined) events.push(decoded);
    }
    if (events.length > 0) this.handlers.events(events);
  }
}
