//! Models that learn from text and from each other.
//!
//! A [`Learner`] trains a byte-level transformer on its own [`Corpus`] while listening to other
//! peers: a gate chooses whom to ask, their answers are joined into its own computation, and the
//! gradient of its loss goes back to them, who train on it in turn. A control without the network
//! shows what that is worth, a student learns to do without the network, and pruning scores say
//! what each peer contributes.
//!
//! This crate computes; it does not know networks, ledgers, clocks or disks. Tensors cross its
//! boundary as plain vectors, so nothing that uses it depends on the machine-learning framework.

mod agreement;
mod checkpoint;
pub mod config;
mod control;
pub mod corpus;
mod error;
pub mod estimate;
pub mod evaluation;
mod format;
pub mod gate;
pub mod generation;
mod joined;
pub mod learner;
mod model;
pub mod numerics;
mod offline;
mod parameters;
mod parts;
pub mod pruning;
pub mod random;
pub mod served;
pub mod step;
pub mod tensor;

pub use config::{ConfigError, ModelConfig, TrainingConfig};
pub use corpus::{Batch, Corpus, CorpusError};
pub use error::LearnerError;
pub use estimate::Estimate;
pub use evaluation::{Evaluation, EvaluationPlan};
pub use format::CheckpointError;
pub use gate::PeerIndex;
pub use generation::{AskPlan, Sampling};
pub use learner::Learner;
pub use pruning::{PruningScore, WeightRow, weight_row};
pub use served::{Keep, Received, RequestKey, SenderRecord};
pub use step::{StepOutcome, StepPlan};
pub use tensor::{Activations, Shape, TensorError, Tokens, VOCABULARY};
