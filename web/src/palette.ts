/**
 * One colour and dash per peer, the same in every chart, table and drawing, for as long as the
 * peer lives: it follows from the peer's id alone.
 *
 * The eight colours differ for people with and without colour vision deficiency, and from the
 * background they stand on (tests/unit/palette.test.ts measures both). Beyond eight peers the
 * colours come again with another dash, and everything drawn has its name beside it.
 */

import { currentTheme, type Theme } from "./theme.ts";

export const COLOURS: Record<Theme, readonly string[]> = {
  light: ["#004ae9", "#d57d0b", "#006363", "#af719c", "#846503", "#2b96ea", "#5a3a9a", "#64300d"],
  dark: ["#5ca4e9", "#ec5231", "#8fc9ad", "#bc578c", "#f3a824", "#a9f3ff", "#6b64ff", "#e2ee94"],
};

export const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

export function colour(peer: number, theme: Theme = currentTheme()): string {
  return COLOURS[theme][peer % 8] ?? "#808080";
}

export function dash(peer: number): readonly number[] {
  return DASHES[Math.floor(peer / 8) % DASHES.length] ?? [];
}

/** Class that paints an element in a peer's colour; the style sheet knows both themes. */
export function colourClass(peer: number): string {
  return `peer-colour-${peer % 8}`;
}
