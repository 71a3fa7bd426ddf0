//! Integration tests of `muster-mechanism`.

mod committee;
mod market;
mod presence;
mod reference;
mod reputation;
mod reputation_extremes;
mod scoring;
