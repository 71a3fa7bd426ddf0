//! Experiments on reputation: trust distilled from endorsements.

use crate::experiment::Experiment;

/// In the order of the page.
pub const EXPERIMENTS: &[&dyn Experiment] = &[];
