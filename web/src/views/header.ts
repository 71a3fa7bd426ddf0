/** The bar at the top: what network, whether the node answers, search, theme. */

import { h, setAttribute, setText, svg } from "../dom.ts";
import { label } from "../format.ts";
import type { State } from "../state/store.ts";
import { currentTheme, toggleTheme } from "../theme.ts";
import type { View } from "./view.ts";

function logo(): SVGSVGElement {
  const disc = (cx: number, cy: number, name: string) =>
    svg("circle", { cx, cy, r: 3.2, class: name });
  return svg(
    "svg",
    { viewBox: "0 0 32 32", class: "logo", "aria-hidden": "true" },
    svg("path", { d: "M5 25 8 8 16 18 24 8 27 25", class: "logo-line" }),
    disc(5, 25, "logo-disc"),
    disc(8, 8, "logo-disc"),
    disc(16, 18, "logo-disc logo-centre"),
    disc(24, 8, "logo-disc"),
    disc(27, 25, "logo-disc"),
  );
}

const CONNECTION = {
  connecting: "Connecting",
  live: "Live",
  polling: "Polling",
  unreachable: "Unreachable",
} as const;

function connectionTitle({ connection }: State): string {
  switch (connection.kind) {
    case "connecting":
      return "Asking the node for the first time";
    case "live":
      return "Events arrive as they happen";
    case "polling":
      return `No stream of events (${connection.reason}); asking again and again instead`;
    case "unreachable":
      return `No answer from the node (${connection.reason}); trying again`;
  }
}

function themeButton(themeChanged: () => void): HTMLButtonElement {
  const button = h("button", { type: "button", class: "button theme-toggle" });
  const name = () => {
    const other = currentTheme() === "dark" ? "light" : "dark";
    setText(button, other === "dark" ? "Dark" : "Light");
    setAttribute(button, "aria-label", `Switch to ${other} colours`);
  };
  button.addEventListener("click", () => {
    toggleTheme();
    name();
    themeChanged();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
  return button;
}

function searchForm(search: (text: string) => void): HTMLFormElement {
  const input = h("input", {
    type: "search",
    class: "search-input",
    "aria-label": "Search: block height, transaction hash, address or peer",
    placeholder: "Block, transaction, address, peer",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 200,
  });
  const form = h(
    "form",
    { class: "search", role: "search" },
    input,
    h("button", { type: "submit", class: "button" }, "Search"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "") input.focus();
    else search(text);
  });
  return form;
}

export function headerView(themeChanged: () => void, search: (text: string) => void): View {
  const network = h("span", { class: "network" });
  const connection = h("span", { class: "connection", role: "status" });
  const element = h(
    "header",
    { class: "top" },
    h("div", { class: "brand" }, logo(), h("h1", {}, "Muster"), network),
    connection,
    searchForm(search),
    themeButton(themeChanged),
  );
  return {
    element,
    update(state) {
      setText(network, state.status === undefined ? "" : label(state.status.network));
      setText(connection, CONNECTION[state.connection.kind]);
      setAttribute(connection, "class", `connection connection-${state.connection.kind}`);
      setAttribute(connection, "title", connectionTitle(state));
    },
  };
}
