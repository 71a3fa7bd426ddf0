/** What a peer is called on this page. */

import { h, setText } from "./dom.ts";
import { label, shorten } from "./format.ts";
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

interface Keyed extends Nameable {
  /** Its hot key. */
  address: string;
  /** Its cold key. */
  owner: string;
}

/** The peer whose hot or cold key signed, else the key. */
export function signerName(address: string, peers: readonly Keyed[] | undefined): string {
  const hot = peers?.find((peer) => peer.address === address);
  if (hot !== undefined) return nameOf(hot.id, peers);
  const owned = peers?.find((peer) => peer.owner === address);
  if (owned !== undefined) return `owner of ${nameOf(owned.id, peers)}`;
  return shorten(address);
}

/** A disc in the peer's colour, drawn with its dash; decoration, the name stands beside it. */
export function swatch(peer: number): HTMLElement {
  const pattern = Math.floor(peer / 8) % 4;
  return h("span", {
    class: `swatch ${colourClass(peer)} swatch-${pattern}`,
    "aria-hidden": "true",
  });
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

/** The same for a peer of which only the id is at hand. */
export function linkTo(id: number, peers: readonly Nameable[] | undefined): HTMLAnchorElement {
  return peerLink(peers?.find((peer) => peer.id === id) ?? { id });
}

export function updatePeerLink(link: Element, peer: Nameable): void {
  const name = link.querySelector(".peer-name");
  if (name !== null) setText(name, peerName(peer));
}
