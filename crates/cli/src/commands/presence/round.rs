//! What all verbs on rounds need.

use std::time::Duration;

use muster_ledger::crypto::Hash;

/// The name of the key with which a wallet signs its solution of this count in a round.
pub fn key_name(chain: &Hash, round: u64, count: u32) -> String {
    format!("presence/{chain}/{round}/{count}")
}

/// Milliseconds as people say them.
pub fn seconds(ms: u64) -> String {
    humantime::format_duration(Duration::from_millis(ms)).to_string()
}
