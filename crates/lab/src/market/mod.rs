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
pub const EXPERIMENTS: &[&dyn Experiment] = &[
    &two_party::TwoParty,
    &cabal_network::CabalNetwork,
    &three_way::ThreeWay,
    &competitive::CompetitiveRanks,
    &regret::ZeroRegret,
    &copying::WeightCopying,
    &cabal_map::CabalMap,
    &rules_map::RulesMap,
    &minorities::Minorities,
    &emission::Emission,
];
