//! What the model's thread hears besides requests: answers of other peers, and questions of our
//! own.

use crate::exchange::replay::RequestId;
use crate::ledger::directory::Weights;
use muster_learning::{Activations, PeerIndex};
use std::time::Duration;
use tokio::sync::oneshot;

/// The answer of one peer, or why there is none.
#[derive(Debug)]
pub struct Fetched {
    /// Who was asked.
    pub peer: PeerIndex,
    /// The request's id and the answer.
    pub answer: Result<(RequestId, Activations), String>,
    /// How long it took.
    pub took: Duration,
}

/// What the model's thread hears besides requests.
#[derive(Debug)]
pub enum Notice {
    /// Answers to the own step, or to the evaluation.
    Own(Vec<Fetched>),
    /// Answers for a continuation.
    Continuation {
        /// Which.
        number: u64,
        /// One of each peer that was asked.
        answers: Vec<Fetched>,
    },
    /// The ledger wants to hear the weights.
    Weights(oneshot::Sender<Weights>),
}
