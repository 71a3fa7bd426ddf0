/** Governance: stake votes on parameters. */

import { address, type Kinds, plain } from "./kind.ts";

export const governance: Kinds = {
  actions: {
    propose: (fields) => `proposes: ${plain(fields, "change")}`,
    vote: (fields) =>
      `votes ${fields.approve === true ? "for" : "against"} proposal ${plain(fields, "proposal", 12)}`,
  },
  events: {
    proposed: (fields) => `${address(fields, "proposer")} proposed ${plain(fields, "change")}`,
    voted: (fields) =>
      `${address(fields, "owner")} voted ${fields.approve === true ? "for" : "against"} proposal ${plain(fields, "proposal")}`,
    proposal_closed: (fields) =>
      `Proposal ${plain(fields, "proposal")} was closed without a change`,
    upgrade_agreed: (fields) =>
      `Agreed: protocol version ${plain(fields, "version")} from block ${plain(fields, "from")} on (proposal ${plain(fields, "proposal")})`,
    parameter_changed: (fields) => `Parameter changed: ${plain(fields, "change")}`,
  },
  amounts: ["approving", "rejecting"],
  peers: [],
};
