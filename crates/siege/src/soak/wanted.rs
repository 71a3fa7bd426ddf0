//! What a run is to be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::attack::Attack;
use crate::market::Plan;

/// What a soak is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The market.
    pub plan: Plan,
    /// Who attacks, and how much.
    pub rates: BTreeMap<Attack, f64>,
    /// How long.
    pub duration: Duration,
    /// Where the figure goes.
    pub figure: PathBuf,
}
