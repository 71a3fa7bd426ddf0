//! Experiments on presence: the headcount by proof-of-work.

use crate::experiment::Experiment;

/// In the order of the page.
pub const EXPERIMENTS: &[&dyn Experiment] = &[];
