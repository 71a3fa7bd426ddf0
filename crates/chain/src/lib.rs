//! A chain as one machine follows it: consensus, blocks, what waits for them, storage, snapshots.
//!
//! It knows nothing of HTTP and nothing of JSON: whoever runs it gives it a database, a key and
//! settings, and reads the newest state, the store and the counters.
//!
//! - [`consensus`] holds everything that knows the engine;
//! - [`chain`] builds, checks and applies blocks, and publishes the newest state;
//! - [`store`] is the one place that knows the disk.

pub mod chain;
pub mod consensus;
pub mod error;
pub mod mempool;
pub mod metrics;
pub mod snapshots;
pub mod store;
pub mod upkeep;

pub use error::ChainError;
