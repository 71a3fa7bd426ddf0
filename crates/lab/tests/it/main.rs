//! Integration tests of `muster-lab`.

mod cabal;
mod market;
mod presence;
mod reputation;
mod support;
mod verification;
