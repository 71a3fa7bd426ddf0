//! Integration tests of `muster-mechanism`.

mod market;
