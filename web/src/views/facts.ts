/** What the contents of the dialog are made of: facts, lists, links, codes, amounts. */

import { type Child, h } from "../dom.ts";
import { label, mstExact } from "../format.ts";
import { type Route, routeHash } from "../route.ts";

/** Name and value; one without a value is not shown. */
export type Fact = [name: string, value: Child | undefined];

/** What one mechanism tells of a peer or an account. */
export interface Told {
  facts?: Fact[];
  /** Stands below the facts of all mechanisms. */
  more?: Child[];
}

export function facts(list: Fact[]): HTMLElement {
  return h(
    "dl",
    { class: "facts" },
    ...list
      .filter(([, value]) => value !== undefined)
      .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

/** What several mechanisms tell, as one content. */
export function contentOf(told: Told[]): Child[] {
  return [
    facts(told.flatMap((each) => each.facts ?? [])),
    ...told.flatMap((each) => each.more ?? []),
  ];
}

/** A heading and what stands under it; nothing where there is nothing. */
export function list(title: string, items: Child[]): Child {
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

export const code = (text: string) => h("code", {}, label(text, 140));

export const money = (grains: bigint) => `${mstExact(grains)} MST`;

export function link(route: Route, text: string): HTMLElement {
  return h("a", { href: routeHash(route) }, text);
}

export const addressLink = (address: string) =>
  h("a", { href: `#/address/${encodeURIComponent(address)}`, class: "code" }, label(address, 64));
