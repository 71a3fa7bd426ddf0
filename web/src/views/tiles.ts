/** The numbers of the network as a whole. */

import { h, setAttribute, setText } from "../dom.ts";
import { decimal, integer, label, mst, mstExact } from "../format.ts";
import type { State } from "../state/store.ts";
import type { View } from "./view.ts";

interface Tile {
  element: HTMLElement;
  value: HTMLElement;
  note: HTMLElement;
}

function tile(name: string, ...more: Element[]): Tile {
  const value = h("dd", { class: "tile-value" }, "–");
  const note = h("dd", { class: "tile-note" });
  return {
    element: h("div", { class: "tile" }, h("dt", {}, name), value, ...more, note),
    value,
    note,
  };
}

/** How many blocks of the running epoch, which closes at the height `end`, are decided. */
export function epochProgress(height: number, end: number, epochBlocks: number): number {
  return Math.min(Math.max(epochBlocks - (end - height), 0), epochBlocks);
}

export function tilesView(): View {
  const height = tile("Height");
  const speed = tile("Blocks a second");
  const bar = h("progress", { class: "epoch-bar", max: 1, value: 0, "aria-label": "Epoch" });
  const epoch = tile("Epoch", h("dd", { class: "tile-bar" }, bar));
  const supply = tile("Supply, MST");
  const transactions = tile("Transactions");
  const validators = tile("Validators");
  const element = h(
    "dl",
    { class: "tiles" },
    ...[height, speed, epoch, supply, transactions, validators].map((each) => each.element),
  );
  return {
    element,
    update({ status, market }: State) {
      if (status === undefined) return;
      setText(height.value, integer(status.height));
      setText(height.note, status.height === 0 ? "no block yet" : "blocks decided");
      setText(speed.value, decimal(status.blocks_per_second, 2));
      setText(speed.note, `aim ${decimal(1000 / Math.max(1, status.block_time_ms), 2)}`);
      const done = epochProgress(status.height, status.epoch_end, status.epoch_blocks);
      setText(epoch.value, integer(status.epoch + 1));
      setText(epoch.note, `${done} of ${status.epoch_blocks} blocks`);
      bar.max = Math.max(1, status.epoch_blocks);
      bar.value = done;
      setAttribute(
        epoch.element,
        "title",
        market === undefined ? "" : `Rule: ${label(market.rule)}`,
      );
      setText(supply.value, mst(status.supply.total));
      setText(
        supply.note,
        `+${mst(status.supply.minted)} minted, −${mst(status.supply.burned, 4)} burned`,
      );
      setAttribute(supply.element, "title", `${mstExact(status.supply.total)} MST`);
      setText(transactions.value, integer(status.transactions));
      setText(transactions.note, `${integer(status.mempool.transactions)} waiting`);
      const signing = status.validators.filter((validator) => validator.online === true).length;
      setText(validators.value, `${signing} of ${status.validators.length}`);
      setText(validators.note, "signed lately");
    },
  };
}
