//! What a peer owes the ledger.

pub mod clerk;
