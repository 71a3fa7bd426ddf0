/**
 * Making and changing elements. Data becomes text nodes and attributes here and nowhere else;
 * nothing in this page parses a string as HTML.
 */

export type Child = Node | string | number | undefined | false;

type Attributes = Record<string, string | number | boolean | undefined | ((event: never) => void)>;

const SVG = "http://www.w3.org/2000/svg";

// An attribute that runs code or holds styles never comes through here: event handlers are
// functions, styles are classes or single CSSOM properties.
function applyAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") {
      element.addEventListener(name, value as EventListener);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

function append(parent: Element, children: Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    parent.append(typeof child === "number" ? String(child) : child);
  }
}

/** h("p", { class: "note", click: () => … }, "text", element) */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  applyAttributes(element, attributes);
  append(element, children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag) as SVGElementTagNameMap[K];
  applyAttributes(element, attributes);
  append(element, children);
  return element;
}

/** Sets text only where it changed, so that a screen reader and a selection stay undisturbed. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A pane with a heading, which names it to assistive technology. */
export function pane(id: string, title: string, note: Child, ...children: Child[]): HTMLElement {
  return h(
    "section",
    { class: `pane pane-${id}`, "aria-labelledby": `${id}-title` },
    h(
      "header",
      { class: "pane-head" },
      h("h2", { id: `${id}-title` }, title),
      note !== undefined && note !== false && h("p", { class: "note" }, note),
    ),
    ...children,
  );
}

/**
 * Keeps the children of `parent` in step with `items`: an item keeps its element as long as its
 * key lives, so focus, hover and selection survive a refresh.
 */
export function keyed<T>(
  parent: Element,
  items: readonly T[],
  key: (item: T) => string,
  create: (item: T) => Element,
  update: (element: Element, item: T) => void,
): void {
  const known = new Map<string, Element>();
  for (const child of Array.from(parent.children)) {
    known.set(child.getAttribute("data-key") ?? "", child);
  }
  let position: Element | null = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let element = known.get(name);
    known.delete(name);
    if (element === undefined) {
      element = create(item);
      element.setAttribute("data-key", name);
    }
    update(element, item);
    if (element === position) {
      position = position.nextElementSibling;
    } else {
      parent.insertBefore(element, position);
    }
  }
  for (const gone of known.values()) gone.remove();
}
