//! The model's thread: own steps, requests of others, and bought continuations take turns.

mod clock;
mod generate;
mod serve;
pub mod worker;
