/** What all parts of the page have in common. */

import type { State } from "../state/store.ts";

/** A part of the page: an element, and how it follows the state. */
export interface View {
  element: Element;
  update(state: State): void;
  /** Called when light became dark or back; only views that draw on a canvas need it. */
  themeChanged?(): void;
}
