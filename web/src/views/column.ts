/** A column of the table of peers. */

import type { Peer } from "../api/types.ts";

export interface Row {
  peer: Peer;
  /** Stake at the first epoch that is known of this peer; undefined before. */
  stakeBefore: bigint | undefined;
}

export interface Column {
  name: string;
  explain: string;
  /** What the rows are ordered by; undefined where there is no value. */
  order(row: Row): bigint | number | string | undefined;
  text(row: Row): string;
  title?(row: Row): string;
  /** Whether the value shows that the network helps this peer. */
  helps?(row: Row): boolean;
}
