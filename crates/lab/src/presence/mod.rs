//! Experiments on presence: the headcount by proof-of-work.

mod best_deadline;
mod figure_1;
mod games;
mod joint;
mod prize;
mod propositions;
mod race;
mod rates;
mod solutions;

use crate::experiment::Experiment;

/// In the order of the page.
pub const EXPERIMENTS: &[&dyn Experiment] = &[
    &figure_1::Figure1,
    &propositions::Propositions,
    &race::Race,
    &best_deadline::BestDeadline,
    &solutions::Solutions,
    &prize::Prize,
    &rates::Rates,
    &joint::Joint,
];
