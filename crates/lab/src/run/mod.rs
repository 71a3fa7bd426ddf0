//! Runs experiments: their cells on all cores, resumable, divisible between machines.
//!
//! The rows of a cell depend on the setting and its number alone, and tables are put together in
//! the order of cells. So the files that come out are the same to the byte for any number of
//! threads, of shards, and of interruptions.

mod error;
mod merge;
mod plan;
mod store;
mod sweep;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use merge::merge;
pub use plan::{Observer, Outcome, Plan, Shard, Status};
pub use sweep::run;
