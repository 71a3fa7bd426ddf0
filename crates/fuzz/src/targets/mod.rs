//! The targets, a file each.

pub mod checkpoint;
pub mod client;
pub mod consensus;
pub mod exchange;
pub mod execution;
pub mod files;
pub mod http;
pub mod lab;
pub mod launch;
pub mod ledger;
pub mod parquet;
pub mod proposals;
pub mod tables;

/// The first byte says which of several decoders reads the others.
fn chosen(bytes: &[u8], choices: u8) -> Option<(u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((first % choices, rest))
}

/// An input that a choice reads.
fn choose(choice: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    [&[choice], bytes.as_ref()].concat()
}
