//! Experiments on reputation: trust distilled from endorsements.
//!
//! Source: Drineas, Nema, Ostrovsky and Zikas, "Game of Trust".

mod audit;
mod bitcoin_otc;
mod committee;
mod equilibrium;
mod hierarchical;
mod incremental;
mod misinformation;
mod noisy;
mod repeated;
mod shared;

use crate::experiment::{Experiment, Part};

/// The part of the page.
pub const PART: Part = Part {
    heading: "Reputation",
    about: "Trust distilled from endorsements.",
    sources: env!("MUSTER_LAB_SOURCES_REPUTATION"),
};

/// In the order of the page.
pub const EXPERIMENTS: &[&Experiment] = &[
    &equilibrium::EXPERIMENT,
    &hierarchical::EXPERIMENT,
    &noisy::EXPERIMENT,
    &audit::EXPERIMENT,
    &misinformation::EXPERIMENT,
    &repeated::EXPERIMENT,
    &incremental::EXPERIMENT,
    &committee::EXPERIMENT,
    &bitcoin_otc::EXPERIMENT,
];
