/** What exactly one is looking at, and where to read on. */

import { h, setAttribute, setText } from "../dom.ts";
import { label, shorten } from "../format.ts";
import type { View } from "./view.ts";

export function footerView(): View {
  const node = h("p", {});
  const chain = h("p", { class: "code" });
  const element = h(
    "footer",
    { class: "bottom" },
    node,
    chain,
    h(
      "nav",
      { "aria-label": "More from this node" },
      h("a", { href: "openapi.json" }, "API (OpenAPI)"),
      h("a", { href: "metrics" }, "Metrics"),
    ),
  );
  return {
    element,
    update({ status }) {
      if (status === undefined) return;
      setText(node, `Served by ${label(status.name)}, Muster ${label(status.version, 40)}`);
      setText(
        chain,
        `chain ${shorten(status.chain, 10, 6)} · state root ${shorten(status.state_root, 10, 6)}`,
      );
      setAttribute(chain, "title", `chain ${status.chain}, state root ${status.state_root}`);
    },
  };
}
