//! Calculators: one mechanism each, without a network and without state.

mod document;
pub mod market;
