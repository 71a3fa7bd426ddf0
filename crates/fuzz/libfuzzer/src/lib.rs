//! libFuzzer's runtime, of which `cargo xtask fuzz` takes the library that the build script of
//! `libfuzzer-sys` compiles.

pub use libfuzzer_sys::Corpus;
