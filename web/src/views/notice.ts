/** One sentence above everything when something is wrong: no node, no blocks, misbehaviour. */

import { h, setText } from "../dom.ts";
import { duration, label } from "../format.ts";
import type { State } from "../state/store.ts";
import type { View } from "./view.ts";

/** Without a block for this many block times (and at least 10 s), the page says so. */
const STALLED_BLOCK_TIMES = 5;

export function notice(state: State, now_ms: number): string | undefined {
  const { connection, status, advanced_ms, failures } = state;
  if (connection.kind === "unreachable") {
    const since = duration((now_ms - connection.since_ms) / 1000);
    const stale = status === undefined ? "" : ` What you see is as of block ${status.height}.`;
    return `No answer from the node for ${since}: ${connection.reason}. Trying again every few seconds.${stale}`;
  }
  if (failures.status !== undefined) {
    return `The node answers, but not as expected: ${label(failures.status, 300)}`;
  }
  if (status === undefined || advanced_ms === undefined) return undefined;
  const silent_ms = now_ms - advanced_ms;
  if (silent_ms > Math.max(10_000, STALLED_BLOCK_TIMES * status.block_time_ms)) {
    return `No new block for ${duration(silent_ms / 1000)}. More than two thirds of the validators must be up and reach each other.`;
  }
  if (status.equivocations.length > 0) {
    const names = new Set(
      status.equivocations.map(
        ({ address }) =>
          status.validators.find((validator) => validator.address === address)?.name ?? address,
      ),
    );
    return `This node saw conflicting signatures of ${label([...names].join(", "), 200)}.`;
  }
  return undefined;
}

export function noticeView(): View {
  const text = h("p", {});
  const element = h("div", { class: "notice", role: "alert", hidden: true }, text);
  let latest: State | undefined;
  const draw = () => {
    const message = latest === undefined ? undefined : notice(latest, Date.now());
    element.hidden = message === undefined;
    setText(text, message ?? "");
  };
  // The sentence counts seconds, also when nothing arrives. An alert would be read out at every
  // change, so the seconds move in steps.
  setInterval(draw, 5_000);
  return {
    element,
    update(state) {
      latest = state;
      draw();
    },
  };
}
