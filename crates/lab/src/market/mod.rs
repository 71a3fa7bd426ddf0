//! Experiments on market: peers price each other.

use crate::experiment::Experiment;

mod cabal_map;
mod cabal_network;
mod competitive;
mod copying;
mod emission;
mod game;
mod minorities;
mod regret;
mod rules_map;
pub mod scenario;
mod shared;
mod three_way;
mod two_party;

/// In the order of the page.
pub const EXPERIMENTS: &[&Experiment] = &[
    &two_party::EXPERIMENT,
    &cabal_network::EXPERIMENT,
    &three_way::EXPERIMENT,
    &competitive::EXPERIMENT,
    &regret::EXPERIMENT,
    &copying::EXPERIMENT,
    &cabal_map::EXPERIMENT,
    &rules_map::EXPERIMENT,
    &minorities::EXPERIMENT,
    &emission::EXPERIMENT,
];
