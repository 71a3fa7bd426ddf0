/** What a peer is called on this page. */

import { h, setText } from "./dom.ts";
import { label } from "./format.ts";
import { colourClass } from "./palette.ts";

interface Nameable {
  id: number;
  name?: string | undefined;
}

/**
 * The name that it gives itself, else "peer #3". Names are free to choose and may be taken twice,
 * so wherever there is room the id, which is not, stands beside it.
 */
export function peerName(peer: Nameable, longest = 24): string {
  const own = peer.name === undefined ? "" : label(peer.name, longest);
  return own === "" ? `peer #${peer.id}` : own;
}

export function nameOf(id: number, peers: readonly Nameable[] | undefined): string {
  return peerName(peers?.find((peer) => peer.id === id) ?? { id });
}

/** A disc in the peer's colour, drawn with its dash; decoration, the name stands beside it. */
export function swatch(peer: number): HTMLElement {
  const round = Math.floor(peer / 8) % 4;
  return h("span", { class: `swatch ${colourClass(peer)} swatch-${round}`, "aria-hidden": "true" });
}

/** Swatch and name as a link to the peer's page. */
export function peerLink(peer: Nameable): HTMLAnchorElement {
  return h(
    "a",
    { class: "peer-link", href: `#/peer/${peer.id}` },
    swatch(peer.id),
    h("span", { class: "peer-name" }, peerName(peer)),
  );
}

export function updatePeerLink(link: Element, peer: Nameable): void {
  const name = link.querySelector(".peer-name");
  if (name !== null) setText(name, peerName(peer));
}
