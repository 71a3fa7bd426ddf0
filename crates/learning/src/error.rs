//! Why a learner refuses what it is given.

use crate::config::ConfigError;
use crate::format::CheckpointError;
use crate::gate::PEERS_MAX;
use crate::tensor::TensorError;

/// Why a learner refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearnerError {
    /// Sizes or rates are out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The corpus was cut for another context length.
    #[error("the corpus was split for a context of {corpus} tokens, the model reads {model}")]
    Context {
        /// Context of the corpus.
        corpus: usize,
        /// Context of the model.
        model: usize,
    },
    /// A tensor from outside was refused.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// No state is kept for this request.
    #[error(
        "no answer is waiting for a gradient under request {request} of peer {sender}: it was never asked, already trained on, or pushed out by newer requests"
    )]
    UnknownRequest {
        /// Sender's index.
        sender: u32,
        /// Its number for the request.
        request: u64,
    },
    /// A standing outside [0, 1].
    #[error("the standing of a sender is {standing}: it must be a number between 0 and 1")]
    Standing {
        /// The standing.
        standing: f64,
    },
    /// Enough received gradients were trained on for now.
    #[error(
        "{most} received gradients were trained on since the last own step: no more until the next"
    )]
    BudgetSpent {
        /// Received gradients allowed between own steps.
        most: usize,
    },
    /// Enough gradients of this sender were trained on for now.
    #[error(
        "{most} gradients of peer {sender} were trained on since the last own step: no more until the next"
    )]
    SenderBudgetSpent {
        /// Sender's index.
        sender: u32,
        /// Gradients of one sender allowed between own steps.
        most: usize,
    },
    /// The sender's gradients did harm.
    #[error(
        "peer {sender} was dropped: its gradients raised the loss on held-out text, or opposed those of all others"
    )]
    SenderDropped {
        /// Sender's index.
        sender: u32,
    },
    /// More peers at once than a learner keeps keys for.
    #[error("{count} peers are available: a learner knows at most {PEERS_MAX} at once")]
    Peers {
        /// How many.
        count: usize,
    },
    /// A temperature outside [0, 100].
    #[error("the temperature is {temperature}: it must be a number between 0 and 100")]
    Temperature {
        /// The temperature.
        temperature: f64,
    },
    /// Too many bytes asked for.
    #[error("{count} bytes were asked for: at most 65536 are generated at once")]
    Generated {
        /// Bytes asked for.
        count: usize,
    },
    /// A checkpoint was refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The number of answers is not the number of peers asked.
    #[error("{got} answers came for {asked} peers asked: give one, or nothing, for each in order")]
    AnswerCount {
        /// Answers given.
        got: usize,
        /// Peers asked.
        asked: usize,
    },
}
