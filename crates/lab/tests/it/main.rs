//! Integration tests of `muster-lab`.

mod cabal;
mod verification;
