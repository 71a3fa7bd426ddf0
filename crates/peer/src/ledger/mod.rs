//! The ledger as a peer sees it, through the HTTP interface of its nodes.
//!
//! [`refresh`] keeps the [`directory`] of peers fresh, of the one chain that is pinned ([`pin`]);
//! `desk` signs what is handed in; [`report`] tells the nodes how it goes.

pub(crate) mod desk;
pub mod directory;
pub mod pin;
pub mod refresh;
pub mod report;
