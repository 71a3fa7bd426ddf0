//! Tests of the ledger through its public interface.

mod accounts;
mod actions;
mod blocks;
mod crypto;
mod encodings;
mod governance;
mod keys;
mod light;
mod market;
mod money;
mod parameters;
mod pins;
mod presence;
mod presence_statistics;
mod properties;
mod protocol;
mod registration;
mod samples;
mod sequence;
mod snapshot;
mod staking;
mod support;
mod tree;
mod types;
mod unlocks;
