//! Experiments that run Muster's mechanisms on many seeds.
//!
//! - [`cabal`]: how a cabal's share of all stake develops, by rule, graph, leak and stake.

pub mod cabal;
