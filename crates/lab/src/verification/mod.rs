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
pub const EXPERIMENTS: &[&dyn Experiment] = &[
    &tables::Tables,
    &figure_2::Figure2,
    &appendix_13::Appendix13,
    &theorems::Theorems,
    &collusion::Collusion,
    &sybil::Sybil,
    &frontier::Frontier,
    &decision::DecisionErrors,
];
