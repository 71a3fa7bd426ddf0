//! Integration tests of `muster-lab`.

mod cabal;
mod market;
mod reputation;
mod verification;
