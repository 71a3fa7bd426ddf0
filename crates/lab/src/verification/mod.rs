//! Experiments on verification: paying for checks that nobody can check.

use crate::experiment::Experiment;

/// In the order of the page.
pub const EXPERIMENTS: &[&dyn Experiment] = &[];
