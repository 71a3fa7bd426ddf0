//! Experiments on market: peers price each other.

use crate::experiment::Experiment;

/// In the order of the page.
pub const EXPERIMENTS: &[&dyn Experiment] = &[];
