//! Experiments on presence: the headcount by proof-of-work.

mod best_deadline;
mod figure_1;
mod joint;
mod malicious;
mod prize;
mod propositions;
mod race;
mod rates;
mod shared;
mod solutions;

use crate::experiment::Experiment;

/// In the order of the page.
pub const EXPERIMENTS: &[&Experiment] = &[
    &figure_1::EXPERIMENT,
    &propositions::EXPERIMENT,
    &race::EXPERIMENT,
    &best_deadline::EXPERIMENT,
    &solutions::EXPERIMENT,
    &prize::EXPERIMENT,
    &rates::EXPERIMENT,
    &joint::EXPERIMENT,
    &malicious::EXPERIMENT,
];
