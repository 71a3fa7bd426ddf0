//! Experiments on presence: the headcount by proof-of-work.

mod best_deadline;
mod figure_1;
mod joint;
mod prize;
mod propositions;
mod race;
mod rates;
mod shared;
mod solutions;

use crate::experiment::{Experiment, Part};

/// The part of the page.
pub const PART: Part = Part {
    heading: "Presence",
    about: "How many are here, told by how fast a puzzle is solved.",
    sources: env!("MUSTER_LAB_SOURCES_PRESENCE"),
};

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
];
