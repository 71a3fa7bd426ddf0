import { afterEach, describe, expect, it, vi } from "vitest";
import { type ApiError, Client } from "../../src/api/client.ts";
import { EventParser, EventStream, ledgerEvent } from "../../src/api/events.ts";
import type { LedgerEvent } from "../../src/api/types.ts";

const data = (height: number, index: number) =>
  `{"id":"${height}.${index}","height":${height},"kind":"emitted","peer":3}`;
const message = (height: number, index: number) =>
  `id: ${height}.${index}\nevent: emitted\ndata: ${data(height, index)}\n\n`;

describe("the parser", () => {
  it("reads the same events however the stream is cut", () => {
    const text =
      ': hello\n\nid: 1.0\nevent: block\ndata: {"a":\ndata: 1}\n\nid: 1.1\r\ndata:x\r\n\r\ndata:y\r\r';
    const whole = new EventParser().push(`${text}\n`);
    expect(whole).toEqual([
      { id: "1.0", type: "block", data: '{"a":\n1}' },
      { id: "1.1", type: "message", data: "x" },
      { id: "1.1", type: "message", data: "y" },
    ]);
    for (let cut = 0; cut <= text.length; cut += 1) {
      const parser = new EventParser();
      const events = [...parser.push(text.slice(0, cut)), ...parser.push(`${text.slice(cut)}\n`)];
      expect(events, `cut at ${cut}`).toEqual(whole);
    }
  });

  it("refuses an endless event", () => {
    const parser = new EventParser();
    const push = () => {
      for (let i = 0; i < 20; i += 1) parser.push("a".repeat(1 << 16));
    };
    expect(push).toThrow("longer than a million");
    const lines = new EventParser();
    const pushLines = () => {
      for (let i = 0; i < 20; i += 1) lines.push(`data: ${"a".repeat(1 << 16)}\n`);
    };
    expect(pushLines).toThrow("longer than a million");
  });

  it("drops what is no event of the ledger", () => {
    const event = (text: string) => ledgerEvent({ id: "1.0", type: "x", data: text });
    expect(event(data(5, 2))).toEqual({
      id: "5.2",
      height: 5,
      kind: "emitted",
      fields: { peer: 3 },
    });
    for (const text of ["", "null", "[]", "{", '{"id":"1.0"}', '{"id":1,"height":1,"kind":"x"}']) {
      expect(event(text), text).toBeUndefined();
    }
  });
});

/** A node that answers each request for events with the next of `bodies`, then ends the stream. */
function streams(bodies: (string | Error)[]) {
  const asked: (string | null)[] = [];
  const fetcher = vi.fn(async (_input: unknown, init?: RequestInit) => {
    asked.push(new Headers(init?.headers).get("last-event-id"));
    const body = bodies.shift();
    if (body === undefined) return await new Promise<Response>(() => {});
    if (body instanceof Error) throw body;
    return new Response(new Blob([body]).stream(), { status: 200 });
  });
  return { asked, client: new Client("http://node/", fetcher as unknown as typeof fetch) };
}

describe("the stream", () => {
  afterEach(() => vi.useRealTimers());

  function collect(bodies: (string | Error)[]) {
    const { asked, client } = streams(bodies);
    const events: LedgerEvent[] = [];
    const broken: ApiError[] = [];
    const waits: number[] = [];
    let opened = 0;
    const stream = new EventStream(client, {
      opened: () => (opened += 1),
      events: (arrived) => events.push(...arrived),
      broken: (error, retryMs) => {
        broken.push(error);
        waits.push(retryMs);
      },
    });
    return { stream, asked, events, broken, waits, opened: () => opened };
  }

  it("goes on after the last id that it saw", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const run = collect([message(7, 0) + message(7, 1), new TypeError("network"), message(8, 0)]);
    run.stream.start();
    await vi.waitFor(() => expect(run.broken).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.waitFor(() => expect(run.broken).toHaveLength(2));
    await vi.advanceTimersByTimeAsync(2_000);
    await vi.waitFor(() => expect(run.events).toHaveLength(3));
    run.stream.stop();
    expect(run.asked.slice(0, 3)).toEqual([null, "7.1", "7.1"]);
    expect(run.events.map((event) => event.id)).toEqual(["7.0", "7.1", "8.0"]);
    expect(run.stream.lastId).toBe("8.0");
    expect(run.opened()).toBe(2);
    expect(run.broken[1]?.message).toBe("the node cannot be reached");
  });

  it("waits longer each time that it fails", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const run = collect(Array.from({ length: 12 }, () => new TypeError("network")));
    run.stream.start();
    for (let i = 1; i <= 6; i += 1) await vi.advanceTimersByTimeAsync(10_000);
    run.stream.stop();
    const waits = run.waits;
    expect(waits.slice(0, 6)).toEqual([500, 1_000, 2_000, 5_000, 10_000, 10_000]);
  });

  it("starts where it is told", async () => {
    const run = collect([]);
    run.stream.goOnAfter("40.0");
    run.stream.start();
    await vi.waitFor(() => expect(run.asked).toEqual(["40.0"]));
    run.stream.stop();
  });
});
