//! Calculators: one mechanism each, without a network and without state.

pub mod document;
mod large;
pub mod market;
mod plot;
pub mod presence;
mod report;
pub mod reputation;
#[cfg(test)]
mod tests;
pub mod verification;
