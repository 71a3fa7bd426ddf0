/** The market: what it makes of a peer, and the peers that an account has in it. */

import type { Account, Peer } from "../api/types.ts";
import { h } from "../dom.ts";
import { decimal, integer, mst, mstExact, percent } from "../format.ts";
import { linkTo } from "../names.ts";
import type { State } from "../state/store.ts";
import type { Column } from "./column.ts";
import { addressLink, code, list, money, type Told } from "./facts.ts";
import { historyChart } from "./history.ts";

export const MARKET_COLUMNS: readonly Column[] = [
  {
    name: "Rank",
    explain: "Scaled stake times the weight that it is given",
    order: (row) => row.peer.rank,
    text: (row) => decimal(row.peer.rank, 4),
  },
  {
    name: "Trust",
    explain: "0 to 1: above a half where most of the stake connects to it",
    order: (row) => row.peer.trust,
    text: (row) => decimal(row.peer.trust, 4),
  },
  {
    name: "Incentive",
    explain: "What it is paid by",
    order: (row) => row.peer.incentive,
    text: (row) => decimal(row.peer.incentive, 4),
  },
  {
    name: "Earned",
    explain: "Paid by the market so far, in MST",
    order: (row) => row.peer.earned.market,
    text: (row) => mst(row.peer.earned.market),
    title: (row) => `${mstExact(row.peer.earned.market)} MST`,
  },
];

export const trustChart = () =>
  historyChart({
    id: "trust",
    title: "Trust over time",
    note: "Above 0.5: most of the stake connects to the peer",
    name: "Trust, 0 to 1",
    value: (point) => point.trust,
    format: (value) => decimal(value, 2),
    range: [-0.02, 1.02],
  });

export function marketOfPeer(peer: Peer, peers: State["peers"]): Told {
  return {
    facts: [
      ["Earned from the market", money(peer.earned.market)],
      ["Accrued, not paid out yet", money(peer.accrued)],
      ["Rank", decimal(peer.rank, 6)],
      ["Trust", decimal(peer.trust, 6)],
      ["Incentive", decimal(peer.incentive, 6)],
      ["Scaling", decimal(peer.scaling, 6)],
      ["Hot key", addressLink(peer.address)],
      ["Cold key", addressLink(peer.owner)],
      // Not a link: a stranger wrote it.
      ["Serves at", code(`${peer.endpoint.url} (${peer.endpoint.modality})`)],
      ["Registered in block", integer(peer.registered)],
      [
        "Weights set in block",
        peer.weights_set === undefined ? "never" : integer(peer.weights_set),
      ],
    ],
    more: [
      list(
        "Gives weight to",
        [...peer.weights]
          .sort((a, b) => b[1] - a[1])
          .map(([id, share]) =>
            h("span", {}, id === peer.id ? "itself" : linkTo(id, peers), ` ${percent(share, 2)}`),
          ),
      ),
    ],
  };
}

export function marketOfAccount(account: Account, peers: State["peers"]): Told {
  const { hot_of: hotOf, owns } = account;
  return {
    facts: [["Hot key of", hotOf === undefined ? undefined : linkTo(hotOf, peers)]],
    more: [
      list(
        "Owns",
        owns.map((id) => linkTo(id, peers)),
      ),
    ],
  };
}
