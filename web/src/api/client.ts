/** Questions to the node that served this page. */

import { ShapeError } from "./decode.ts";
import type { Question } from "./questions.ts";
import * as types from "./types.ts";

export type Failure =
  /** Nobody answered. */
  | "unreachable"
  /** The node answered with a problem document. */
  | "refused"
  /** The node answered something that this page does not understand. */
  | "misunderstood";

/** A question that got no usable answer; `message` is a sentence for people. */
export class ApiError extends Error {
  readonly failure: Failure;
  readonly status: number | undefined;

  constructor(failure: Failure, message: string, status?: number) {
    super(message);
    this.name = "ApiError";
    this.failure = failure;
    this.status = status;
  }
}

const TIMEOUT_MS = 8_000;

async function refusal(response: Response): Promise<ApiError> {
  let detail = `the node answered ${response.status} ${response.statusText}`.trim();
  try {
    detail = types.problem(await response.json(), "").detail;
  } catch {
    // No problem document: the status has to say it.
  }
  return new ApiError("refused", detail, response.status);
}

export class Client {
  /** `base`: where the page came from; API addresses are relative to it. */
  constructor(
    private readonly base: string,
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  url(path: string): string {
    return new URL(path, this.base).href;
  }

  async ask<T>({ path, decode }: Question<T>): Promise<T> {
    const response = await this.open(path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    try {
      return decode(await response.json(), "");
    } catch (error) {
      if (error instanceof ShapeError || error instanceof SyntaxError) {
        throw new ApiError("misunderstood", `${path}: ${error.message}`);
      }
      throw new ApiError("unreachable", "the connection broke in the middle of an answer");
    }
  }

  /** All pages of a list behind `after`, one after another; each goes on behind the one before. */
  async pages<T extends { next: number | undefined }>(
    after: number,
    question: (after: number) => Question<T>,
  ): Promise<T[]> {
    const pages: T[] = [];
    for (let from: number | undefined = after; from !== undefined; ) {
      const asked = question(from);
      const page = await this.ask(asked);
      pages.push(page);
      if (page.next !== undefined && page.next <= from) {
        throw new ApiError("misunderstood", `${asked.path}: the next page does not go on`);
      }
      from = page.next;
    }
    return pages;
  }

  /** A response whose body is still to be read; used for streams too. */
  async open(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.fetcher(this.url(path), { ...init, cache: "no-store" });
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") {
        throw new ApiError("unreachable", `the node did not answer within ${TIMEOUT_MS / 1000} s`);
      }
      throw new ApiError("unreachable", "the node cannot be reached");
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}
