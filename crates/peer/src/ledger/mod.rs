//! The ledger as a peer sees it, through the HTTP interface of its nodes.

pub mod directory;
pub mod refresh;
pub mod report;
