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

use crate::experiment::Experiment;

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
