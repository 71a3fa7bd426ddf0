/** Blocks as they come: newest first, each a link to what is in it. */

import type { BlockSummary } from "../api/types.ts";
import { h, keyed, pane, setAttribute, setText } from "../dom.ts";
import { decimal, integer, label, shorten, timeOfDay } from "../format.ts";
import type { State } from "../state/store.ts";
import type { View } from "./view.ts";

export function proposerName(block: BlockSummary): string {
  return block.proposer_name === undefined
    ? shorten(block.proposer)
    : label(block.proposer_name, 20);
}

function createBlock(): HTMLElement {
  return h(
    "li",
    {},
    h(
      "a",
      { class: "block" },
      h("span", { class: "block-height" }),
      h("span", { class: "block-transactions" }),
      h("span", { class: "block-gap" }),
      h("span", { class: "block-proposer" }),
    ),
  );
}

function updateBlock(
  element: Element,
  block: BlockSummary,
  before: BlockSummary | undefined,
): void {
  const link = element.firstElementChild;
  if (link === null) return;
  const [height, transactions, gap, proposer] = link.children;
  if (!height || !transactions || !gap || !proposer) return;
  const seconds = before === undefined ? undefined : (block.time_ms - before.time_ms) / 1000;
  setAttribute(link, "href", `#/block/${block.height}`);
  setAttribute(
    link,
    "title",
    `Block ${block.height}, ${timeOfDay(block.time_ms)}, round ${block.round}, signed by ${block.signatures[0]} of ${block.signatures[1]}`,
  );
  link.classList.toggle("block-late", block.round > 0);
  setText(height, integer(block.height));
  setText(transactions, `${integer(block.transactions)} tx`);
  setText(gap, seconds === undefined ? "\u00a0" : `+${decimal(seconds, 1)} s`);
  setText(proposer, proposerName(block));
}

export function blocksView(): View {
  const list = h("ol", { class: "blocks", "aria-label": "Newest blocks, newest first" });
  const empty = h("p", { class: "empty" }, "Waiting for the first block.");
  const element = pane(
    "blocks",
    "Blocks",
    "Newest first. Below the height: transactions, seconds since the block before, proposer.",
    empty,
    list,
  );
  let drawn: State["blocks"];
  return {
    element,
    update({ blocks, failures }) {
      setText(
        empty,
        failures.blocks === undefined
          ? "Waiting for the first block."
          : `The node did not give its blocks: ${label(failures.blocks, 200)}`,
      );
      empty.hidden = blocks !== undefined && blocks.length > 0 && failures.blocks === undefined;
      if (blocks === undefined || blocks === drawn) return;
      drawn = blocks;
      const byHeight = new Map(blocks.map((block) => [block.height, block]));
      keyed(
        list,
        blocks,
        (block) => String(block.height),
        createBlock,
        (item, block) => updateBlock(item, block, byHeight.get(block.height - 1)),
      );
    },
  };
}
