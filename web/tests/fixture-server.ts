/** Serves the built page and a make-believe market; see fixture-market.ts. */

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { FixtureMarket, type FixtureOptions } from "./fixture-market.ts";

const DIST = join(fileURLToPath(new URL(".", import.meta.url)), "..", "dist");
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** Items of a page: so few that whoever reads has to go on. */
const PEERS_PAGE = 5;
const EPOCHS_PAGE = 100;

export interface Fixture {
  url: string;
  market: FixtureMarket;
  /** Decides one block. */
  step(): void;
  /** Cuts all streams of events, as a node that restarts does. */
  cutStreams(): void;
  /** From now on, streams go back no further than this height. */
  forgetBefore(height: number): void;
  /** The `last-event-id` of every stream that was opened. */
  resumed: (string | undefined)[];
  close(): Promise<void>;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type });
  response.end(JSON.stringify(body));
}

function notFound(response: ServerResponse, detail: string): void {
  answer(response, 404, { type: "/problems/not-found", title: "Not found", status: 404, detail });
}

function staticFile(path: string, response: ServerResponse): void {
  const file = join(DIST, normalize(path === "/" ? "/index.html" : path));
  if (!file.startsWith(DIST) || !existsSync(file) || !statSync(file).isFile()) {
    notFound(response, `there is no ${path}`);
    return;
  }
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" });
  createReadStream(file).pipe(response);
}

function ask(market: FixtureMarket, url: URL): unknown {
  const [, , what = "", id = ""] = url.pathname.split("/");
  const query = (name: string, fallback: number) => Number(url.searchParams.get(name) ?? fallback);
  const height = Number(id);
  switch (what) {
    case "status":
      return market.status();
    case "blocks":
      if (id === "") return market.blocks(query("before", Infinity), query("limit", 20));
      return height >= 1 && height <= market.height ? market.block(height) : undefined;
    case "transactions":
      return market.findTransaction(id);
    case "accounts":
      return market.account(id);
    case "peers":
      if (id === "") return market.peers(query("after", -1), PEERS_PAGE);
      return height < market.size ? market.peer(height) : undefined;
    case "rounds":
      if (id === "") return market.rounds(query("after", -1));
      return height <= 2 ? market.round(height) : undefined;
    case "market":
      return market.market();
    case "history":
      return market.history(query("after", 0), EPOCHS_PAGE);
    default:
      return undefined;
  }
}

class Streams {
  readonly open = new Set<ServerResponse>();
  readonly resumed: (string | undefined)[] = [];
  /** Streams go back no further than this. */
  earliest = 0;

  constructor(private readonly market: FixtureMarket) {}

  take(request: IncomingMessage, response: ServerResponse): void {
    const last = request.headers["last-event-id"] as string | undefined;
    this.resumed.push(last);
    if (last !== undefined && Number.parseInt(last, 10) < this.earliest) {
      answer(response, 410, { title: "Too far back", status: 410, detail: "begin later" });
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": hello\n\n");
    const [height, index] = (last ?? `${this.market.height}.999`).split(".").map(Number);
    for (let next = height ?? 0; next <= this.market.height; next += 1) {
      const events = next < 1 ? [] : this.market.events(next);
      const skipped = next === height ? (index ?? 0) + 1 : 0;
      this.write(response, events.slice(skipped));
    }
    this.open.add(response);
    response.on("close", () => this.open.delete(response));
  }

  send(height: number): void {
    for (const response of this.open) this.write(response, this.market.events(height));
  }

  private write(response: ServerResponse, events: ReturnType<FixtureMarket["events"]>): void {
    for (const event of events) {
      const kind = String((event as Record<string, unknown>).kind);
      response.write(`id: ${event.id}\nevent: ${kind}\ndata: ${JSON.stringify(event)}\n\n`);
    }
  }
}

export async function startFixture(
  options: Partial<FixtureOptions> = {},
  port = 0,
): Promise<Fixture> {
  const market = new FixtureMarket({
    honest: 6,
    cabal: 2,
    height: 184,
    hostile: false,
    ...options,
  });
  const streams = new Streams(market);
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://fixture");
    if (url.pathname === "/v1/events") return streams.take(request, response);
    if (!url.pathname.startsWith("/v1/")) return staticFile(url.pathname, response);
    const body = ask(market, url);
    if (body === undefined) notFound(response, `there is no ${url.pathname}`);
    else answer(response, 200, body);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const cutStreams = () => {
    for (const response of streams.open) response.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    market,
    step() {
      market.height += 1;
      streams.send(market.height);
    },
    cutStreams,
    forgetBefore(height) {
      streams.earliest = height;
    },
    resumed: streams.resumed,
    close() {
      cutStreams();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { HOSTILE, HONEST = "6", CABAL = "2", HEIGHT = "184", PORT = "7799" } = process.env;
  const size = { honest: Number(HONEST), cabal: Number(CABAL), height: Number(HEIGHT) };
  const fixture = await startFixture({ ...size, hostile: HOSTILE === "1" }, Number(PORT));
  setInterval(() => fixture.step(), 1000);
  console.error(`a make-believe market at ${fixture.url}`);
}
