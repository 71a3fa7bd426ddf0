/** The committee: who decides blocks. */

import type { Kinds } from "./kind.ts";

export const committee: Kinds = {
  actions: {},
  events: {
    committee_changed: () => "The committee changed",
  },
  amounts: [],
  peers: [],
};
