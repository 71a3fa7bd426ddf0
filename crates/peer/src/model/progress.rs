//! What a model's thread tells of itself.

use crate::ledger::directory::Weights;
use muster_learning::Evaluation;

/// What a model's thread tells of itself; the reporter reads it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Own steps.
    pub steps: u64,
    /// Running mean of the duration of an own step in milliseconds, waiting included.
    pub step_ms: Option<f64>,
    /// The last evaluation.
    pub evaluation: Option<Evaluation>,
    /// Processor time of the model's thread for learning and serving, relative to the control's.
    pub compute_relative_to_control: Option<f64>,
    /// Last row of weights handed to the ledger.
    pub weights: Weights,
}
