/** Stake: of a peer in the table, over time and in the dialog; of an account in the dialog. */

import type { Account, HistoryEpoch, Peer } from "../api/types.ts";
import { h } from "../dom.ts";
import { change, decimal, integer, mst, mstExact, mstNumber } from "../format.ts";
import { linkTo } from "../names.ts";
import type { State } from "../state/store.ts";
import type { Column } from "./column.ts";
import { list, money, type Told } from "./facts.ts";
import { historyChart } from "./history.ts";

export const STAKE_COLUMNS: readonly Column[] = [
  {
    name: "Stake",
    explain: "Stake of its pool, in MST",
    order: (row) => row.peer.stake,
    text: (row) => mst(row.peer.stake),
    title: (row) => `${mstExact(row.peer.stake)} MST`,
  },
  {
    name: "Change",
    explain: "Change of its stake since the first epoch in the charts",
    order: (row) =>
      row.stakeBefore ? Number(row.peer.stake) / Number(row.stakeBefore) : undefined,
    text: (row) => (row.stakeBefore === undefined ? "–" : change(row.stakeBefore, row.peer.stake)),
  },
];

/** Of each peer by its id: its stake at the first epoch that is known of it. */
export function stakeAtStart(history: readonly HistoryEpoch[] | undefined): Map<number, bigint> {
  const first = new Map<number, bigint>();
  for (const { peers } of history ?? []) {
    for (const { id, stake } of peers) if (!first.has(id)) first.set(id, stake);
  }
  return first;
}

export const stakeChart = () =>
  historyChart({
    id: "stake",
    title: "Stake over time",
    note: "MST at the close of each epoch",
    name: "Stake in MST",
    value: (point) => mstNumber(point.stake),
    format: (value) => (value >= 100 ? integer(Math.round(value)) : decimal(value, 1)),
  });

export function stakeOfPeer({ stake }: Peer): Told {
  return { facts: [["Stake", money(stake)]] };
}

export function stakeOfAccount(account: Account, peers: State["peers"]): Told {
  return {
    more: [
      list(
        "Stake",
        account.delegations.map(({ peer, amount }) =>
          h("span", {}, linkTo(peer, peers), ` ${money(amount)}`),
        ),
      ),
      list(
        "Stake on its way out",
        account.unbondings.map(({ due, peer, amount }) =>
          h("span", {}, `${money(amount)} from `, linkTo(peer, peers), ` at block ${integer(due)}`),
        ),
      ),
    ],
  };
}
