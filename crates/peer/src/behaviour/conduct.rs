//! The choices in which behaviours differ.

use crate::ledger::directory::{Directory, Weights};
use muster_learning::Activations;
use muster_ledger::crypto::PublicKey;

/// What a peer does with requests for its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// Its model answers.
    Model,
    /// Noise answers.
    Noise,
    /// Nothing answers; the caller waits until its deadline.
    Never,
}

/// The choices in which behaviours differ. The defaults are honest.
pub trait Conduct: Send {
    /// Whether it makes training steps of its own.
    fn learns(&self) -> bool {
        true
    }

    /// What it answers.
    fn answering(&self) -> Answering {
        Answering::Model
    }

    /// The gradient that it sends back for an answer, given the true one.
    fn gradient(&mut self, honest: Activations) -> Activations {
        honest
    }

    /// The weights that it sets, given what it measured, itself included.
    fn weights(&mut self, honest: Weights, _me: &PublicKey, _directory: &Directory) -> Weights {
        honest
    }
}

/// Learns, answers, and gives weights by what it measured.
pub(super) struct Honest;

impl Conduct for Honest {}
