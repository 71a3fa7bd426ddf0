//! The project's own documents and sources, in the program itself: the text that a market learns
//! from when no other is given.

/// What the text's file is called.
pub const NAME: &str = "muster.txt";

/// The text.
pub const TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/muster.txt"));
