/** Who decides blocks. */

import { h, keyed, pane, setAttribute, setText } from "../dom.ts";
import { label, shorten } from "../format.ts";
import type { State } from "../state/store.ts";
import type { View } from "./view.ts";

type Validator = NonNullable<State["status"]>["validators"][number];

const ONLINE = { true: "signing", false: "not signing", undefined: "not known yet" } as const;

function update(row: Element, validator: Validator, proposed: number): void {
  const [name, state, count, address] = row.children;
  if (!name || !state || !count || !address) return;
  const online = String(validator.online) as keyof typeof ONLINE;
  setText(name, label(validator.name));
  setText(state, ONLINE[online]);
  setAttribute(state, "class", `online-${online}`);
  setText(count, String(proposed));
  const link = address.firstElementChild;
  if (link === null) return;
  setText(link, shorten(validator.address));
  setAttribute(link, "href", `#/address/${encodeURIComponent(validator.address)}`);
  setAttribute(link, "title", validator.address);
}

export function validatorsView(): View {
  const body = h("tbody");
  const table = h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ...["Validator", "State", "Proposed*", "Key"].map((name) =>
          h("th", { scope: "col" }, name),
        ),
      ),
    ),
    body,
  );
  const empty = h("p", { class: "empty" }, "The node has not said yet who the validators are.");
  const element = pane(
    "validators",
    "Validators",
    "They decide the blocks; more than two thirds must sign each.",
    empty,
    h("div", { class: "scroll" }, table),
    h("p", { class: "note" }, "* of the newest blocks that this page shows"),
  );
  return {
    element,
    update({ status, blocks }) {
      if (status === undefined) return;
      empty.hidden = status.validators.length > 0;
      keyed(
        body,
        status.validators,
        (validator) => validator.address,
        () =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }),
            h("td"),
            h("td", { class: "number" }),
            h("td", {}, h("a")),
          ),
        (row, validator) =>
          update(
            row,
            validator,
            (blocks ?? []).filter((block) => block.proposer === validator.address).length,
          ),
      );
    },
  };
}
