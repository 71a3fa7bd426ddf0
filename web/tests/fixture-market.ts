/**
 * A make-believe market for the tests and for working on the page without a node: answers in the
 * shape of `/v1`, made from a seed. It exists only here; the page never falls back to it.
 */

const MST = 1_000_000_000n;
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** mulberry32: small, seeded, the same everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function text(of: string, length: number, alphabet: string): string {
  let seed = 7;
  for (const letter of of) seed = (Math.imul(seed, 31) + letter.charCodeAt(0)) >>> 0;
  const next = random(seed);
  return Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join("");
}

export const address = (of: string) => `5${text(of, 47, ALPHABET)}`;
export const hash = (of: string) => text(of, 64, "0123456789abcdef");

export interface FixtureOptions {
  honest: number;
  cabal: number;
  /** Height at the start. */
  height: number;
  /** Names and texts that try to break out of their places. */
  hostile: boolean;
}

export const HOSTILE_NAMES = [
  "<img src=x onerror=\"document.title='owned'\">",
  "</td><script>document.title='owned'</script>",
  "javascript:alert(1)",
  "\u202Eevil\u202C \u0000\u0007 bell",
  "a".repeat(5_000),
  "Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307algo",
  "{{constructor.constructor('document.title=1')()}}",
  "",
];

const EPOCH_BLOCKS = 10;
const START_MS = 1_790_000_000_000;

export class FixtureMarket {
  height: number;
  chain = hash("chain");

  constructor(readonly options: FixtureOptions) {
    this.height = options.height;
  }

  get size(): number {
    return this.options.honest + this.options.cabal;
  }

  name(peer: number): string {
    if (this.options.hostile) return HOSTILE_NAMES[peer % HOSTILE_NAMES.length] ?? "";
    return peer < this.options.honest ? `peer-${peer}` : `cabal-${peer - this.options.honest}`;
  }

  stake(peer: number, epoch: number): bigint {
    const drift = peer < this.options.honest ? 2.2 + 0.5 * (peer % 4) : 0.12;
    const wobble = Math.sin(epoch / 3 + peer) * 0.6;
    const grains = (100 + 6 * (peer % 3) + drift * epoch + wobble) * 1e9;
    return BigInt(Math.round(grains)) + BigInt(peer);
  }

  trust(peer: number, epoch: number): number {
    const start = 0.5;
    const end = peer < this.options.honest ? 0.985 - 0.02 * (peer % 3) : 0.04;
    return start + (end - start) * (1 - Math.exp(-epoch / 4));
  }

  weights(peer: number): [number, number][] {
    const { honest } = this.options;
    const next = random(peer + 91);
    if (peer >= honest) {
      const others = Array.from({ length: this.options.cabal }, (_, i) => honest + i);
      return others.map((other) => [other, 1 / others.length]);
    }
    const row: [number, number][] = [[peer, 0.08]];
    const raw = Array.from({ length: honest }, (_, other) => (other === peer ? 0 : next() ** 2));
    const sum = raw.reduce((a, b) => a + b, 0) || 1;
    for (const [other, weight] of raw.entries()) {
      if (weight > 0.1) row.push([other, (0.9 * weight) / sum]);
    }
    return row.sort((a, b) => a[0] - b[0]);
  }

  epoch(): number {
    return Math.floor(this.height / EPOCH_BLOCKS);
  }

  status() {
    const minted = 21n * MST * BigInt(this.epoch());
    const burned = 1_250_000n * BigInt(this.height);
    return {
      name: "validator-0",
      version: "0.1.0",
      protocol: { version: 3, newest: 3 },
      network: this.options.hostile ? HOSTILE_NAMES[0] : "trial",
      chain: this.chain,
      height: this.height,
      first_block: 1,
      time_ms: START_MS + this.height * 1003,
      block: hash(`block ${this.height}`),
      state_root: hash(`state ${this.height}`),
      epoch: this.epoch(),
      epoch_end: (this.epoch() + 1) * EPOCH_BLOCKS,
      epoch_blocks: EPOCH_BLOCKS,
      block_time_ms: 1000,
      blocks_per_second: 0.997,
      validators: [0, 1, 2, 3].map((index) => ({
        name: `validator-${index}`,
        address: address(`validator ${index}`),
        online: index !== 3 || this.height % 40 > 6,
      })),
      peers: this.size,
      transactions: 2 * this.height,
      mempool: { transactions: this.height % 5, bytes: 320 * (this.height % 5) },
      supply: {
        genesis: String(1000n * MST),
        minted: String(minted),
        burned: String(burned),
        total: String(1000n * MST + minted - burned),
      },
      equivocations: [],
    };
  }

  summary(height: number) {
    return {
      height,
      hash: hash(`block ${height}`),
      time_ms: START_MS + height * 1003,
      previous: hash(`block ${height - 1}`),
      state_root: hash(`state ${height}`),
      transactions_root: hash(`transactions ${height}`),
      next_committee: hash("committee"),
      proposer: address(`validator ${height % 4}`),
      proposer_name: `validator-${height % 4}`,
      transactions: this.transactions(height).length,
      bytes: 412 + 260 * this.transactions(height).length,
      round: height % 17 === 0 ? 1 : 0,
      signatures: [4, 4],
    };
  }

  blocks(before: number, limit: number) {
    const newest = Math.min(this.height, before - 1);
    const heights = Array.from({ length: Math.min(limit, newest) }, (_, index) => newest - index);
    return { blocks: heights.map((height) => this.summary(height)) };
  }

  block(height: number) {
    return {
      ...this.summary(height),
      certificate: { height, round: 0, block: hash(`block ${height}`), signatures: [] },
      items: this.transactions(height),
    };
  }

  transactions(height: number) {
    const next = random(height);
    return Array.from({ length: Math.floor(next() * 3.4) }, (_, index) =>
      this.transaction(height, index, Math.floor(next() * this.size)),
    );
  }

  transaction(height: number, index: number, peer: number) {
    const refused = height % 23 === 0;
    const action =
      index === 0
        ? { kind: "set_weights", weights: this.weights(peer) }
        : { kind: "transfer", to: address(`cold ${peer}`), amount: "12500000" };
    return {
      hash: hash(`transaction ${height}.${index}`),
      state: refused ? "rejected" : "applied",
      height,
      index,
      fee: "1250000",
      ...(refused ? { rejection: "the account has 0 MST and needs 0.0125 MST" } : {}),
      signer: index === 0 ? address(`hot ${peer}`) : address("user"),
      nonce: height,
      expires: height + 100,
      tip: "0",
      action,
    };
  }

  findTransaction(wanted: string) {
    for (let height = this.height; height > Math.max(0, this.height - 200); height -= 1) {
      const found = this.transactions(height).find((each) => each.hash === wanted);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  peer(id: number) {
    const epoch = this.epoch();
    const honest = id < this.options.honest;
    const steps = Math.max(0, this.height * 3 - id);
    const alone = 2.1 + 1.9 * Math.exp(-steps / 120) + 0.03 * Math.sin(this.height / 5 + id);
    return {
      id,
      name: this.name(id),
      address: address(`hot ${id}`),
      owner: address(`cold ${id}`),
      endpoint: { url: `https://127.0.0.1:${8700 + id}`, modality: "text" },
      stake: String(this.stake(id, epoch)),
      rank: honest ? 0.12 + 0.01 * (id % 5) : 0.05,
      trust: this.trust(id, epoch),
      incentive: honest ? 0.16 + 0.012 * (id % 4) : 0.002,
      scaling: honest ? 1 : 0.4,
      earned: { market: honest ? String(this.stake(id, epoch) - this.stake(id, 0)) : "12345" },
      accrued: "41234567",
      registered: 0,
      weights_set: Math.max(0, this.height - 3),
      weights: this.weights(id),
      telemetry: honest
        ? {
            name: this.name(id),
            steps,
            loss_alone: alone,
            loss_with_network: alone - 0.14 - 0.02 * (id % 3),
            loss_student: alone - 0.05,
            loss_standard_error: 0.011,
            compute_relative_to_control: 1.4,
            step_ms: 190.5,
            answered: steps * 2,
            asked: steps * 2 + 5,
            refused: 1,
            at_ms: START_MS + this.height * 1003,
          }
        : { name: this.name(id), steps: 0, answered: steps, asked: 0, refused: 0, at_ms: START_MS },
    };
  }

  peers(after = -1, limit = Number.POSITIVE_INFINITY) {
    const rest = Array.from({ length: this.size }, (_, id) => id).filter((id) => id > after);
    const page = rest.slice(0, limit);
    return {
      height: this.height,
      peers: page.map((id) => this.peer(id)),
      ...(page.length < rest.length && { next: page.at(-1) }),
    };
  }

  market() {
    return {
      epoch: this.epoch(),
      height: this.epoch() * EPOCH_BLOCKS,
      rule: "connected-median",
      loss: -0.11,
      minting: true,
      staked: String(800n * MST),
      accrued: "0",
      inflation: 0.01,
      epoch_end: (this.epoch() + 1) * EPOCH_BLOCKS,
      registration_price: "1000000000",
      registration_difficulty: 18,
      registration_challenge: hash("challenge"),
    };
  }

  history(after: number, limit = Number.POSITIVE_INFINITY) {
    const epochs = [];
    const last = Math.min(this.epoch(), after + limit);
    for (let epoch = after + 1; epoch <= last; epoch += 1) {
      epochs.push({
        epoch,
        height: epoch * EPOCH_BLOCKS,
        time_ms: START_MS + epoch * EPOCH_BLOCKS * 1003,
        loss: -0.1,
        minted: String(21n * MST * BigInt(epoch)),
        peers: Array.from({ length: this.size }, (_, id) => ({
          id,
          stake: String(this.stake(id, epoch)),
          trust: this.trust(id, epoch),
          incentive: 0.1,
          rank: 0.1,
        })),
      });
    }
    return { epochs, ...(last < this.epoch() && { next: last }) };
  }

  /** Three presence rounds: solved early, lapsed, and running since the last block. */
  round(id: number) {
    const began_ms = START_MS + (id === 2 ? this.height - 1 : 5 * id) * 1003;
    const solved = id === 0;
    const players = Array.from({ length: 40 }, (_, index) => Math.exp(-(((index - 15) / 8) ** 2)));
    const later = players.map((share, index) => share * (index + 1) ** 2);
    const scaled = (shares: number[]) => {
      const sum = shares.reduce((a, b) => a + b, 0);
      return shares.map((share) => share / sum);
    };
    const round = {
      id,
      opener: address(`opener ${id}`),
      phase: ["acted", "lapsed", "open"][id],
      deadline_ms: 21_300,
      best_ms: 21_300,
      largest_ms: id === 1 ? 4e12 : 63_900,
      ...(id !== 1 && {
        unlocks: {
          action: { kind: "transfer", to: address("crowd"), amount: String(25n * MST) },
          held: solved ? "0" : String(25n * MST),
          carried_out: solved ? true : null,
        },
      }),
      prize: id === 1 ? "0" : String(2n * MST),
      deposit: "0",
      puzzle: "sha256",
      difficulty: 30_000_000_000,
      tries_per_second: 1e7,
      solutions_wanted: 2,
      challenge: hash(`round ${id}`),
      began_ms,
      solutions: solved
        ? [3_000, 7_000].map((after_ms) => ({ solver: address(`solver ${after_ms}`), after_ms }))
        : [],
    };
    return {
      height: this.height,
      time_ms: START_MS + this.height * 1003,
      round,
      design: {
        players: { listed: scaled(players) },
        malicious: { listed: [1] },
        payoff: { linear: { alone: 0, step: 1 } },
        null_payoff: 20,
        puzzle: "sha256",
        difficulty: 30_000_000_000,
        tries_per_second: 1e7,
        solutions: 2,
      },
      acting_probability: 0.42,
      prior: scaled(players),
      posterior: solved ? scaled(later) : null,
    };
  }

  rounds(after = -1) {
    const ids = [0, 1, 2].filter((id) => id > after);
    return {
      height: this.height,
      time_ms: START_MS + this.height * 1003,
      rounds: ids.map((id) => this.round(id).round),
    };
  }

  account(of: string) {
    return {
      address: of,
      balance: "123456789012",
      nonce: 4,
      nonce_pending: 5,
      deposit: "10000000",
      delegations: [{ peer: 0, amount: "5000000000" }],
      unbondings: [{ due: this.height + 20, peer: 0, amount: "1000000000" }],
      owns: [0],
    };
  }

  /** The events of one block: the block itself first, as the node sends them. */
  events(height: number) {
    const bodies: Record<string, unknown>[] = [
      {
        kind: "block",
        hash: hash(`block ${height}`),
        time_ms: START_MS + height * 1003,
        state_root: hash(`state ${height}`),
        proposer: address(`validator ${height % 4}`),
        transactions: this.transactions(height).length,
        round: 0,
      },
    ];
    for (const transaction of this.transactions(height)) {
      if (transaction.action.kind === "transfer") {
        bodies.push({
          kind: "transferred",
          from: transaction.signer,
          to: transaction.action.to,
          amount: transaction.action.amount,
        });
      } else {
        const peer = height % this.size;
        bodies.push({ kind: "weights_set", peer, weights: this.weights(peer).length });
        bodies.push({ kind: "emitted", peer, accrued: "812345678", paid: "644000111" });
      }
    }
    if (height % EPOCH_BLOCKS === 0) {
      const epoch = height / EPOCH_BLOCKS;
      bodies.push({ kind: "epoch_closed", epoch, accrued: "21000000000", minting: true });
    }
    return bodies.map((body, index) => ({ id: `${height}.${index}`, height, ...body }));
  }
}
