//! The list of all targets.

use crate::target::Target;
use crate::targets;

/// All of them, in the order in which they are run.
pub const TARGETS: [Target; 13] = [
    targets::ledger::TARGET,
    targets::execution::TARGET,
    targets::consensus::TARGET,
    targets::proposals::TARGET,
    targets::http::TARGET,
    targets::exchange::TARGET,
    targets::checkpoint::TARGET,
    targets::client::TARGET,
    targets::tables::TARGET,
    targets::parquet::TARGET,
    targets::files::TARGET,
    targets::lab::TARGET,
    targets::launch::TARGET,
];

/// The target of a name.
#[must_use]
pub fn named(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
