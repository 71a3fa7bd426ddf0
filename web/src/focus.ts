/** The peer that the reader points at: every chart, table and drawing brings it forward. */

type Listener = (peer: number | undefined) => void;

const listeners: Listener[] = [];
let pointed: number | undefined;
let pinned: number | undefined;

export function focusedPeer(): number | undefined {
  return pointed ?? pinned;
}

export function onFocusChange(listener: Listener): void {
  listeners.push(listener);
}

function tell(before: number | undefined): void {
  const now = focusedPeer();
  if (now !== before) for (const listener of listeners) listener(now);
}

/** While the pointer or the keyboard is on it. */
export function pointAt(peer: number | undefined): void {
  const before = focusedPeer();
  pointed = peer;
  tell(before);
}

/** Until it is chosen again or another is. */
export function togglePin(peer: number): void {
  const before = focusedPeer();
  pinned = pinned === peer ? undefined : peer;
  tell(before);
}

export function pinnedPeer(): number | undefined {
  return pinned;
}

/** Makes an element point at a peer while hovered or focused. */
export function pointsAt(element: Element, peer: () => number | undefined): void {
  for (const type of ["pointerenter", "focusin"]) {
    element.addEventListener(type, () => pointAt(peer()));
  }
  for (const type of ["pointerleave", "focusout"]) {
    element.addEventListener(type, () => pointAt(undefined));
  }
}
