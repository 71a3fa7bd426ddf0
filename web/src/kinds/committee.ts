/** The chain itself: who decides blocks, and by which rules. */

import { type Kinds, plain } from "./kind.ts";

export const committee: Kinds = {
  actions: {},
  events: {
    committee_changed: () => "The committee changed",
    upgraded: (fields) =>
      `The chain runs protocol version ${plain(fields, "version")} from here on`,
  },
  amounts: [],
  peers: [],
};
