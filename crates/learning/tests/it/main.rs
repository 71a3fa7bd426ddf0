//! What a learner promises to those who use it.

mod checkpoint;
mod determinism;
mod generation;
mod hostile;
mod network;
mod poisoner;
mod support;
