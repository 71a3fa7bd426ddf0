import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/api/client.ts";
import { Feed, PACE } from "../../src/state/feed.ts";
import { LossHistory } from "../../src/state/losses.ts";
import { mergeHistory } from "../../src/state/parts.ts";
import { Store } from "../../src/state/store.ts";
import { hash } from "../fixture-market.ts";
import { type Fixture, startFixture } from "../fixture-server.ts";

let fixture: Fixture;
let feed: Feed;
let store: Store;
let down = false;
let noStream = false;
/** Parts of the API that answer nonsense. */
let broken: string[] = [];

async function start(options = {}): Promise<void> {
  fixture = await startFixture(options);
  store = new Store();
  const client = new Client(`${fixture.url}/`, async (input, init) => {
    const url = String(input);
    if (down || (noStream && url.endsWith("/v1/events"))) throw new TypeError("refused");
    if (broken.some((part) => url.includes(part))) return new Response('{"surprise": 1}');
    return fetch(input, init);
  });
  feed = new Feed(client, store, new LossHistory());
  feed.start();
}

beforeEach(() => {
  down = false;
  noStream = false;
  broken = [];
});

afterEach(async () => {
  feed.stop();
  await fixture.close();
});

const until = (check: () => void) => vi.waitFor(check, { timeout: 8_000, interval: 20 });

describe("the feed", () => {
  it("follows blocks, epochs and events", async () => {
    await start({ height: 188 });
    await until(() => expect(store.state.connection.kind).toBe("live"));
    await until(() => expect(store.state.history).toHaveLength(18));
    expect(store.state.blocks?.[0]?.height).toBe(188);
    expect(store.state.peers).toHaveLength(8);
    // The events of the last blocks come at once; none is the mere fact of a block.
    await until(() => expect(store.state.events.length).toBeGreaterThan(5));
    expect(store.state.events.every((event) => event.kind !== "block")).toBe(true);
    fixture.step();
    fixture.step();
    await until(() => expect(store.state.status?.height).toBe(190));
    await until(() => expect(store.state.history?.at(-1)?.epoch).toBe(19));
    await until(() => expect(store.state.events[0]?.height).toBe(190));
    expect(store.state.transactions?.length).toBeGreaterThan(0);
  });

  it("goes on after the last event when the stream is cut", async () => {
    await start();
    await until(() => expect(store.state.connection.kind).toBe("live"));
    fixture.step();
    await until(() => expect(store.state.events[0]?.height).toBe(185));
    fixture.cutStreams();
    await until(() => expect(store.state.connection.kind).toBe("polling"));
    fixture.step();
    await until(() => expect(store.state.connection.kind).toBe("live"));
    await until(() => expect(store.state.events.some((event) => event.height === 186)).toBe(true));
    expect(fixture.resumed[0]).toBe("164.0");
    expect(fixture.resumed.at(-1)).toMatch(/^185\./);
    const ids = store.state.events.map((event) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("begins anew where the last event is too far back for the node", async () => {
    await start();
    await until(() => expect(store.state.connection.kind).toBe("live"));
    fixture.forgetBefore(1_000_000);
    fixture.cutStreams();
    await until(() => expect(store.state.connection.kind).toBe("polling"));
    await until(() => expect(store.state.connection.kind).toBe("live"));
    expect(fixture.resumed.at(-2)).toMatch(/^18\d\./);
    expect(fixture.resumed.at(-1)).toBeUndefined();
    fixture.step();
    await until(() => expect(store.state.events[0]?.height).toBe(185));
  });

  it("polls where there is no stream", async () => {
    noStream = true;
    await start();
    await until(() => expect(store.state.connection.kind).toBe("polling"));
    fixture.step();
    await until(() => expect(store.state.blocks?.[0]?.height).toBe(185));
  });

  it("says that the node is gone, keeps what it knew, and comes back", async () => {
    await start();
    await until(() => expect(store.state.connection.kind).toBe("live"));
    down = true;
    fixture.cutStreams();
    await until(() => expect(store.state.connection.kind).toBe("unreachable"));
    expect(store.state.blocks?.length).toBeGreaterThan(0);
    down = false;
    fixture.step();
    await until(() => expect(store.state.connection.kind).toBe("live"));
    await until(() => expect(store.state.status?.height).toBe(185));
  });

  it("is live again when only the answers failed, not the stream", async () => {
    await start();
    await until(() => expect(store.state.connection.kind).toBe("live"));
    down = true;
    fixture.step();
    await until(() => expect(store.state.connection.kind).toBe("unreachable"));
    down = false;
    fixture.step();
    await until(() => expect(store.state.connection.kind).toBe("live"));
    expect(fixture.resumed).toHaveLength(1);
  });

  it("lets one part fail without the others", async () => {
    broken = ["/v1/history"];
    await start({ height: 184 });
    await until(() => expect(store.state.failures.history).toContain("epochs is not a list"));
    await until(() => expect(store.state.peers).toHaveLength(8));
    expect(store.state.history).toBeUndefined();
    broken = [];
    fixture.step();
    await until(() => expect(store.state.history).toHaveLength(18));
    expect(store.state.failures.history).toBeUndefined();
  });

  it("forgets everything when another chain answers", async () => {
    await start();
    await until(() => expect(store.state.history?.length).toBe(18));
    fixture.market.chain = hash("another");
    fixture.market.height = 12;
    await until(() => expect(store.state.status?.height).toBe(12));
    await until(() => expect(store.state.history).toHaveLength(1));
    expect(store.state.blocks?.[0]?.height).toBe(12);
    await until(() => expect(fixture.resumed.at(-1)).toBe("0.0"));
    await until(() => expect(store.state.events.every((event) => event.height <= 12)).toBe(true));
    fixture.step();
    await until(() => expect(store.state.status?.height).toBe(13));
  });
});

it("asks for the newest epochs of a long history, not for all", async () => {
  await start({ height: 12_345 });
  await until(() => expect(store.state.history).toHaveLength(500));
  expect(store.state.history?.at(-1)?.epoch).toBe(1_234);
});

it("asks for nothing after it was stopped", async () => {
  await start();
  await until(() => expect(store.state.connection.kind).toBe("live"));
  feed.stop();
  const before = store.state;
  fixture.step();
  await new Promise((resolve) => setTimeout(resolve, PACE.settle * 3));
  expect(store.state).toBe(before);
});

it("merges history by epoch", () => {
  const epoch = (number: number, loss = 0) => ({
    epoch: number,
    height: number * 10,
    time_ms: 0,
    loss,
    minted: 0n,
    peers: [],
  });
  const merged = mergeHistory([epoch(1), epoch(2)], [epoch(2, 5), epoch(3)]);
  expect(merged.map((each) => [each.epoch, each.loss])).toEqual([
    [1, 0],
    [2, 5],
    [3, 0],
  ]);
});
