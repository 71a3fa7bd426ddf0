//! Integration tests of `muster-mechanism`.

mod market;
mod presence;
mod reference;
mod reputation;
mod verification;
