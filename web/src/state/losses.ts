/**
 * Losses over time. The ledger does not keep them (they are self-reported), so the page does,
 * from what it sees while it is open; a reload of the page keeps them, closing it does not.
 */

import type { Peer } from "../api/types.ts";

export const LOSS_KINDS = ["with_network", "alone", "student"] as const;
export type LossKind = (typeof LOSS_KINDS)[number];

export interface LossSample {
  /** Milliseconds since 1970, by this device's clock. */
  time_ms: number;
  /** Per peer id: losses in nats a byte; null where the peer reports none. */
  values: Record<number, Record<LossKind, number | null>>;
}

const SAMPLES_MAX = 600;
const STORAGE_KEY = "muster.losses";

/** The place where samples survive a reload; the browser's sessionStorage fits. */
export interface Keeper {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export class LossHistory {
  #samples: LossSample[] = [];
  #chain: string | undefined;
  /** Samples closer than this are merged; doubles whenever the history is full. */
  #spacing_ms = 2_000;

  constructor(private readonly keeper?: Keeper) {}

  get samples(): readonly LossSample[] {
    return this.#samples;
  }

  /** Losses belong to one chain; another one starts empty, or with what was kept of it. */
  begin(chain: string): void {
    if (this.#chain === chain) return;
    this.#chain = chain;
    this.#samples = [];
    this.#spacing_ms = 2_000;
    this.#restore(chain);
  }

  /** Returns whether something new was taken. */
  record(time_ms: number, peers: readonly Peer[]): boolean {
    const values: LossSample["values"] = {};
    let any = false;
    for (const { id, telemetry } of peers) {
      if (telemetry === undefined) continue;
      const row = {
        with_network: telemetry.loss_with_network ?? null,
        alone: telemetry.loss_alone ?? null,
        student: telemetry.loss_student ?? null,
      };
      values[id] = row;
      any ||= LOSS_KINDS.some((kind) => row[kind] !== null);
    }
    if (!any) return false;
    const last = this.#samples.at(-1);
    if (last !== undefined && time_ms - last.time_ms < this.#spacing_ms) {
      last.values = values;
    } else {
      this.#samples.push({ time_ms, values });
    }
    if (this.#samples.length > SAMPLES_MAX) this.#thin();
    this.#keep();
    return true;
  }

  // Every second sample goes: the whole time stays visible, at half the resolution.
  #thin(): void {
    const last = this.#samples.length - 1;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0 || index === last);
    this.#spacing_ms *= 2;
  }

  #keep(): void {
    try {
      const { chain, samples } = { chain: this.#chain, samples: this.#samples };
      this.keeper?.setItem(
        STORAGE_KEY,
        JSON.stringify({ chain, spacing: this.#spacing_ms, samples }),
      );
    } catch {
      // No room, or forbidden: the losses then last as long as the page.
    }
  }

  #restore(chain: string): void {
    try {
      const kept = JSON.parse(this.keeper?.getItem(STORAGE_KEY) ?? "null");
      if (kept?.chain !== chain || !Array.isArray(kept.samples)) return;
      this.#samples = kept.samples.filter(
        (sample: unknown): sample is LossSample =>
          typeof (sample as LossSample)?.time_ms === "number" &&
          typeof (sample as LossSample)?.values === "object",
      );
      if (typeof kept.spacing === "number" && kept.spacing >= 2_000)
        this.#spacing_ms = kept.spacing;
    } catch {
      // What was kept is unreadable: begin anew.
    }
  }
}
