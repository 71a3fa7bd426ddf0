//! Experiments on verification: paying for checks that nobody can check.

mod appendix_13;
mod collusion;
mod decision;
mod figure_2;
mod frontier;
mod shared;
mod sybil;
mod tables;
mod theorems;

use crate::experiment::Experiment;

/// In the order of the page.
pub const EXPERIMENTS: &[&Experiment] = &[
    &tables::EXPERIMENT,
    &figure_2::EXPERIMENT,
    &appendix_13::EXPERIMENT,
    &theorems::EXPERIMENT,
    &collusion::EXPERIMENT,
    &sybil::EXPERIMENT,
    &frontier::EXPERIMENT,
    &decision::EXPERIMENT,
];
