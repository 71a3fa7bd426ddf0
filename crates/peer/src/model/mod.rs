//! The model's thread: own steps, requests of others, and bought continuations take turns.
//!
//! - [`seam`]: what a model must be able to do; the learner does it in this process, and noise
//!   takes its place where others are deceived;
//! - [`worker`]: the turns;
//! - [`own`]: steps, evaluations, checkpoints; [`progress`] is what is told of them.

mod clock;
mod contacts;
mod generate;
mod learner;
mod noise;
pub mod own;
pub mod progress;
pub mod seam;
mod serve;
pub mod worker;
