/** What a search or a link leads to: one block, transaction, account or peer, in a dialog. */

import { ApiError, type Client } from "../api/client.ts";
import { questions } from "../api/questions.ts";
import type { Account, Peer } from "../api/types.ts";
import { type Child, h } from "../dom.ts";
import { integer, label, shorten } from "../format.ts";
import { peerName } from "../names.ts";
import { interpretSearch, parseRoute, type Route, routeHash } from "../route.ts";
import type { State, Store } from "../state/store.ts";
import { accountOf } from "./account.ts";
import { blockContent, transactionContent } from "./chain.ts";
import { contentOf } from "./facts.ts";
import { marketOfAccount, marketOfPeer } from "./market.ts";
import { stakeOfAccount, stakeOfPeer } from "./stake.ts";
import { telemetryOfPeer } from "./telemetry.ts";

function accountContent(account: Account, { peers }: State): Child[] {
  return contentOf([
    accountOf(account),
    marketOfAccount(account, peers),
    stakeOfAccount(account, peers),
  ]);
}

function peerContent(peer: Peer, { peers }: State): Child[] {
  return contentOf([
    { facts: [["Number", `#${peer.id}`]] },
    stakeOfPeer(peer),
    marketOfPeer(peer, peers),
    telemetryOfPeer(peer),
  ]);
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
