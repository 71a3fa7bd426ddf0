/** Governance: stake votes on parameters. */

import { address, grains, type Kinds, plain } from "./kind.ts";

export const governance: Kinds = {
  actions: {
    propose: (fields) => `proposes: ${plain(fields, "change")}`,
    vote: (fields) =>
      `votes ${fields.approve === true ? "for" : "against"} proposal ${plain(fields, "proposal", 12)}`,
  },
  events: {
    proposed: (fields) =>
      `${address(fields, "proposer")} proposed ${plain(fields, "change")}, decided by block ${plain(fields, "closes")}`,
    voted: (fields) =>
      `${address(fields, "owner")} voted ${fields.approve === true ? "for" : "against"} proposal ${plain(fields, "proposal")} with ${grains(fields, "weight")}`,
    proposal_closed: (fields) =>
      `Proposal ${plain(fields, "proposal")} was closed without a change`,
    change_agreed: (fields) =>
      `Agreed: ${plain(fields, "change")} from block ${plain(fields, "effect")} on (proposal ${plain(fields, "proposal")})`,
    upgrade_agreed: (fields) =>
      `Agreed: protocol version ${plain(fields, "version")} from block ${plain(fields, "from")} on (proposal ${plain(fields, "proposal")})`,
    parameter_changed: (fields) => `Parameter changed: ${plain(fields, "change")}`,
    change_lapsed: (fields) =>
      `Agreed, but not possible any more: ${plain(fields, "change")} (proposal ${plain(fields, "proposal")})`,
  },
  amounts: ["approving", "rejecting", "burned", "weight"],
  peers: [],
};
