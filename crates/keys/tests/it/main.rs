//! Tests of the keys through their public interface.

mod file;
mod mnemonic;
mod seal;
