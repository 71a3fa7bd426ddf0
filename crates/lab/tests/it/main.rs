//! Integration tests of `muster-lab`.

mod cabal;
mod reputation;
mod verification;
