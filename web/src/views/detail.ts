/** What a search or a link leads to: one block, transaction, account or peer, in a dialog. */

import { ApiError, type Client } from "../api/client.ts";
import { questions } from "../api/questions.ts";
import type { Account, Block, Peer, Transaction } from "../api/types.ts";
import { type Child, h } from "../dom.ts";
import { dateAndTime, decimal, integer, label, mstExact, percent, shorten } from "../format.ts";
import { actionText } from "../kinds/describe.ts";
import { nameOf, peerLink, peerName } from "../names.ts";
import { interpretSearch, parseRoute, type Route, routeHash } from "../route.ts";
import type { State, Store } from "../state/store.ts";
import { signerName } from "./activity.ts";

/** A block's transactions beyond this are counted, not listed. */
const LISTED_MAX = 100;

type Facts = [string, Child | undefined][];

function facts(list: Facts): HTMLElement {
  return h(
    "dl",
    { class: "facts" },
    ...list
      .filter(([, value]) => value !== undefined)
      .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

const code = (text: string) => h("code", {}, label(text, 140));
const money = (grains: bigint) => `${mstExact(grains)} MST`;

function link(route: Route, text: string): HTMLElement {
  return h("a", { href: routeHash(route) }, text);
}

const addressLink = (address: string) =>
  h("a", { href: `#/address/${encodeURIComponent(address)}`, class: "code" }, label(address, 64));

function list(title: string, items: Child[]): Child {
  return (
    items.length > 0 &&
    h(
      "section",
      {},
      h("h3", {}, title),
      h("ul", { class: "plain" }, ...items.map((item) => h("li", {}, item))),
    )
  );
}

function transactionLine(transaction: Transaction, peers: State["peers"]): HTMLElement {
  const what = actionText(transaction.action, (id) => nameOf(id, peers));
  const refused = transaction.state === "rejected" ? " (refused)" : "";
  return h(
    "span",
    {},
    link({ kind: "transaction", hash: transaction.hash }, shorten(transaction.hash, 8, 0)),
    ` ${signerName(transaction.signer, peers)} ${what}${refused}`,
  );
}

function blockContent(block: Block, state: State): Child[] {
  const more = block.items.length - LISTED_MAX;
  const newest = state.status?.height ?? block.height;
  return [
    h(
      "p",
      { class: "steps" },
      block.height > 1 && link({ kind: "block", height: block.height - 1 }, "Block before"),
      block.height < newest && link({ kind: "block", height: block.height + 1 }, "Block after"),
    ),
    facts([
      ["Time", dateAndTime(block.time_ms)],
      [
        "Proposer",
        h(
          "span",
          {},
          block.proposer_name === undefined ? "" : `${label(block.proposer_name)} `,
          addressLink(block.proposer),
        ),
      ],
      ["Round", block.round === 0 ? "0" : `${block.round}: an earlier proposer failed`],
      ["Signatures", `${block.signatures[0]} of ${block.signatures[1]} validators`],
      ["Size", `${integer(block.bytes)} bytes`],
      ["Transactions", integer(block.transactions)],
      ["Hash", code(block.hash)],
      ["Previous", code(block.previous)],
      ["State root", code(block.state_root)],
      ["Transactions root", code(block.transactions_root)],
    ]),
    list(
      "Transactions",
      block.items.slice(0, LISTED_MAX).map((item) => transactionLine(item, state.peers)),
    ),
    more > 0 &&
      h("p", { class: "note" }, `And ${integer(more)} more: see /v1/blocks/${block.height}.`),
  ];
}

const STATES: Record<string, string> = {
  pending: "waits in this node's mempool",
  applied: "applied",
  rejected: "refused: it paid its fee and had no effect",
};

function transactionContent(transaction: Transaction, { peers }: State): Child[] {
  return [
    h(
      "p",
      {},
      `${signerName(transaction.signer, peers)} ${actionText(transaction.action, (id) => nameOf(id, peers))}.`,
    ),
    facts([
      ["State", STATES[transaction.state] ?? label(transaction.state)],
      ["Why", transaction.rejection === undefined ? undefined : label(transaction.rejection, 300)],
      [
        "Block",
        transaction.height === undefined
          ? undefined
          : link({ kind: "block", height: transaction.height }, integer(transaction.height)),
      ],
      ["Signer", addressLink(transaction.signer)],
      ["Fee", transaction.fee === undefined ? undefined : money(transaction.fee)],
      ["Tip", money(transaction.tip)],
      ["Nonce", integer(transaction.nonce)],
      ["Valid until block", integer(transaction.expires)],
      ["Hash", code(transaction.hash)],
    ]),
  ];
}

function accountContent(account: Account, { peers }: State): Child[] {
  const linked = (id: number) => peerLink(peers?.find((peer) => peer.id === id) ?? { id });
  return [
    facts([
      ["Address", code(account.address)],
      ["Balance", money(account.balance)],
      ["Transactions sent", integer(account.nonce)],
      [
        "Waiting",
        account.nonce_pending > account.nonce
          ? `${integer(account.nonce_pending - account.nonce)} in this node's mempool`
          : undefined,
      ],
      ["Hot key of", account.hot_of === undefined ? undefined : linked(account.hot_of)],
    ]),
    list("Owns", account.owns.map(linked)),
    list(
      "Stake",
      account.delegations.map(({ peer, amount }) =>
        h("span", {}, linked(peer), ` ${money(amount)}`),
      ),
    ),
    list(
      "Stake on its way out",
      account.unbondings.map(({ due, peer, amount }) =>
        h("span", {}, `${money(amount)} from `, linked(peer), ` at block ${integer(due)}`),
      ),
    ),
  ];
}

function telemetryFacts({ telemetry }: Peer): Child[] {
  if (telemetry === undefined)
    return [h("p", { class: "note" }, "It has not reported anything of itself.")];
  const { loss_standard_error: error } = telemetry;
  return [
    h("h3", {}, "Self-reported, checked by nobody"),
    facts([
      ["Learning steps", integer(telemetry.steps)],
      [
        "A step takes",
        telemetry.step_ms === undefined ? undefined : `${decimal(telemetry.step_ms, 1)} ms`,
      ],
      ["Loss alone", `${decimal(telemetry.loss_alone)} nats a byte`],
      ["Loss with the network", `${decimal(telemetry.loss_with_network)} nats a byte`],
      ["Standard error of the difference", error === undefined ? undefined : decimal(error, 4)],
      ["Loss of the student", `${decimal(telemetry.loss_student)} nats a byte`],
      [
        "Compute against the control",
        telemetry.compute_relative_to_control === undefined
          ? undefined
          : `${decimal(telemetry.compute_relative_to_control, 2)} times`,
      ],
      [
        "Requests",
        `${integer(telemetry.answered)} answered, ${integer(telemetry.refused)} refused, ${integer(telemetry.asked)} asked`,
      ],
      ["Reported", dateAndTime(telemetry.at_ms)],
    ]),
  ];
}

function peerContent(peer: Peer, { peers }: State): Child[] {
  return [
    facts([
      ["Number", `#${peer.id}`],
      ["Stake", money(peer.stake)],
      ["Earned from the market", money(peer.earned.market)],
      ["Accrued, not paid out yet", money(peer.accrued)],
      ["Rank", decimal(peer.rank, 6)],
      ["Trust", decimal(peer.trust, 6)],
      ["Incentive", decimal(peer.incentive, 6)],
      ["Scaling", decimal(peer.scaling, 6)],
      ["Hot key", addressLink(peer.address)],
      ["Cold key", addressLink(peer.owner)],
      // Not a link: a stranger wrote it.
      ["Serves at", code(`${peer.endpoint.url} (${peer.endpoint.modality})`)],
      ["Registered in block", integer(peer.registered)],
      [
        "Weights set in block",
        peer.weights_set === undefined ? "never" : integer(peer.weights_set),
      ],
    ]),
    list(
      "Gives weight to",
      [...peer.weights]
        .sort((a, b) => b[1] - a[1])
        .map(([id, share]) =>
          h(
            "span",
            {},
            id === peer.id ? "itself" : peerLink(peers?.find((each) => each.id === id) ?? { id }),
            ` ${percent(share, 2)}`,
          ),
        ),
    ),
    ...telemetryFacts(peer),
  ];
}

function title(route: Route, state: State): string {
  switch (route.kind) {
    case "block":
      return `Block ${integer(route.height)}`;
    case "transaction":
      return `Transaction ${shorten(route.hash)}`;
    case "address":
      return `Account ${shorten(route.address)}`;
    case "peer": {
      const peer = state.peers?.find((each) => each.id === route.id);
      return peer === undefined ? `Peer #${route.id}` : `Peer ${peerName(peer)}`;
    }
  }
}

export class Detail {
  readonly element: HTMLDialogElement;
  readonly #heading = h("h2", { id: "detail-title", tabindex: -1 });
  readonly #content = h("div", { class: "detail-content" });
  /** Counts what was asked for, so that a late answer does not replace a newer one. */
  #asked = 0;

  constructor(
    private readonly client: Client,
    private readonly store: Store,
  ) {
    this.element = h(
      "dialog",
      { class: "detail", "aria-labelledby": "detail-title" },
      h(
        "div",
        { class: "detail-head" },
        this.#heading,
        h(
          "button",
          { type: "button", class: "button", click: () => this.element.close() },
          "Close",
        ),
      ),
      this.#content,
    );
    this.element.addEventListener("close", () => {
      this.#asked += 1;
      if (location.hash.startsWith("#/"))
        history.pushState(null, "", location.pathname + location.search);
    });
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close();
    });
    window.addEventListener("hashchange", () => this.follow());
    window.addEventListener("popstate", () => this.follow());
  }

  /** Shows what the address of the page says, or closes. */
  follow(): void {
    const route = parseRoute(location.hash);
    if (route === undefined) {
      if (location.hash.startsWith("#/"))
        this.#say("Not found", "This address leads to nothing on this page.");
      else if (this.element.open) this.element.close();
      return;
    }
    void this.#show(route);
  }

  search(text: string): void {
    const found = interpretSearch(text, this.store.state.peers ?? []);
    if (typeof found === "string") {
      this.#say("Search", found);
    } else if (location.hash === routeHash(found)) {
      this.follow();
    } else {
      location.hash = routeHash(found);
    }
  }

  #open(): void {
    if (!this.element.open) this.element.showModal();
    this.element.scrollTop = 0;
  }

  #say(heading: string, text: string): void {
    this.#asked += 1;
    this.#heading.textContent = heading;
    this.#content.replaceChildren(h("p", {}, text));
    this.#open();
  }

  async #show(route: Route): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    this.#heading.textContent = title(route, this.store.state);
    this.#content.replaceChildren(h("p", { class: "empty" }, "Asking the node."));
    this.#open();
    let content: Child[];
    try {
      content = await this.#ask(route);
    } catch (error) {
      content = [h("p", { role: "alert" }, this.#failure(route, error))];
    }
    if (asked !== this.#asked) return;
    this.#content.replaceChildren(...content.filter((child) => child instanceof Node));
    this.#heading.focus();
  }

  async #ask(route: Route): Promise<Child[]> {
    const { state } = this.store;
    switch (route.kind) {
      case "block":
        return blockContent(await this.client.ask(questions.block(route.height)), state);
      case "transaction": {
        const block = state.blocks?.find((each) => each.hash === route.hash);
        if (block !== undefined)
          return blockContent(await this.client.ask(questions.block(block.height)), state);
        return transactionContent(await this.client.ask(questions.transaction(route.hash)), state);
      }
      case "address":
        return accountContent(await this.client.ask(questions.account(route.address)), state);
      case "peer":
        return peerContent(await this.client.ask(questions.peer(route.id)), state);
    }
  }

  #failure(route: Route, error: unknown): string {
    if (error instanceof ApiError && error.status === 404) {
      const height = this.store.state.status?.height;
      if (route.kind === "block" && height !== undefined && route.height > height) {
        return `There is no block ${integer(route.height)} yet: the newest is ${integer(height)}.`;
      }
      if (route.kind === "transaction") {
        return `This node knows no transaction with this hash, and none of the newest blocks has it. (${label(error.message, 200)})`;
      }
    }
    return label(error instanceof Error ? error.message : String(error), 300);
  }
}
