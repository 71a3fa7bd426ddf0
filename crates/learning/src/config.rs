//! Sizes and rates of a learner, validated once.

use crate::tensor::VOCABULARY;

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A size is outside its limits.
    #[error("{name} is {value}: it must be between {min} and {max}")]
    Size {
        /// Which field.
        name: &'static str,
        /// Its value.
        value: usize,
        /// Smallest allowed.
        min: usize,
        /// Largest allowed.
        max: usize,
    },
    /// The width cannot be shared between the attention heads.
    #[error("width {width} is not a multiple of {heads} heads")]
    Heads {
        /// Width of the residual stream.
        width: usize,
        /// Number of heads.
        heads: usize,
    },
    /// A rate is outside its limits.
    #[error("{name} is {value}: it must be a number between {min} and {max}")]
    Rate {
        /// Which field.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
}

/// Shape of a byte-level transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelConfig {
    /// Values in the residual stream.
    pub width: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Attention heads; they divide the width.
    pub heads: usize,
    /// Longest sequence read, in tokens.
    pub context: usize,
    /// Values per position of every answer. The network agrees on one number, whatever the widths
    /// of its peers.
    pub out_dim: usize,
    /// Width of the gate's queries and keys.
    pub key_width: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { width: 48, layers: 1, heads: 4, context: 32, out_dim: 48, key_width: 16 }
    }
}

impl ModelConfig {
    /// Refuses sizes that are zero, huge, or do not divide.
    ///
    /// # Errors
    /// The first field that is out of bounds.
    ///
    /// ```
    /// use muster_learning::ModelConfig;
    /// assert!(ModelConfig::default().validate().is_ok());
    /// let odd = ModelConfig { width: 50, heads: 4, ..ModelConfig::default() };
    /// let error = odd.validate().unwrap_err().to_string();
    /// assert_eq!(error, "width 50 is not a multiple of 4 heads");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        size("width", self.width, 4, 4096)?;
        size("layers", self.layers, 1, 64)?;
        size("heads", self.heads, 1, 64)?;
        size("context", self.context, 2, 4096)?;
        size("out_dim", self.out_dim, 1, 4096)?;
        size("key_width", self.key_width, 1, 1024)?;
        if !self.width.is_multiple_of(self.heads) {
            return Err(ConfigError::Heads { width: self.width, heads: self.heads });
        }
        Ok(())
    }

    /// Trainable numbers of the part that a peer serves and of its own head, without gate, join
    /// and student.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let Self { width, layers, context, out_dim, .. } = *self;
        let block = 12 * width * width + 2 * width;
        (VOCABULARY + context) * width + layers * block + width + width * out_dim // trunk, answer
            + width + width * VOCABULARY // head
    }
}

/// How a learner trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingConfig {
    /// Sequences in a batch.
    pub batch: usize,
    /// Step size of the own loss.
    pub learning_rate: f64,
    /// Weight decay of all optimisers.
    pub weight_decay: f64,
    /// Largest norm of the gradient of an own step.
    pub gradient_norm_max: f64,
    /// Peers asked at each step (k of the noisy top-k gate).
    pub peers_asked: usize,
    /// Standard deviation of the gate's selection noise.
    pub gate_noise: f64,
    /// Weight of the load-balancing term in the loss.
    pub load_balance: f64,
    /// What the text's labels count in what the student learns, in [0, 1]; the network's
    /// distribution counts the rest.
    pub student_labels: f64,
    /// Optimiser steps of the student on each batch that it learns from.
    pub student_steps: usize,
    /// The student learns at every step whose number divides by this.
    pub student_every: u64,
    /// Pruning scores are taken at every step whose number divides by this.
    pub score_every: u64,
    /// Batches in an evaluation on held-out text.
    pub evaluation_batches: usize,
    /// Step size of training on gradients that others send, at full standing.
    pub received_learning_rate: f64,
    /// Largest norm of a received gradient (with respect to the weights) before it is scaled down.
    pub received_norm_max: f64,
    /// Received gradients trained on between two own steps; further ones are declined.
    pub received_per_step: usize,
    /// Gradients of one sender trained on between two own steps; further ones are declined.
    pub received_per_sender: usize,
    /// An update from a received gradient that raises the probe's loss by more than this, in nats
    /// per byte, is taken back.
    pub harm_per_update_max: f64,
    /// Rise of the probe's loss that is forgiven at every update, in nats per byte at full
    /// standing.
    pub harm_allowance: f64,
    /// A sender whose updates raised the probe's loss by more than this beyond the allowance, in
    /// nats per byte, is dropped.
    pub harm_per_sender_max: f64,
    /// Requests whose state is kept for a gradient that may come back; the oldest goes first.
    pub retained_requests: usize,
    /// Whether to train a control without the network beside the learner.
    pub control: bool,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            batch: 16,
            learning_rate: 3e-3,
            weight_decay: 0.01,
            gradient_norm_max: 1.0,
            peers_asked: 2,
            gate_noise: 1.0,
            load_balance: 0.01,
            student_labels: 0.5,
            student_steps: 2,
            student_every: 1,
            score_every: 5,
            evaluation_batches: 4,
            received_learning_rate: 1e-3,
            received_norm_max: 1.0,
            received_per_step: 8,
            received_per_sender: 2,
            harm_per_update_max: 0.05,
            harm_allowance: 0.002,
            harm_per_sender_max: 0.5,
            retained_requests: 16,
            control: true,
        }
    }
}

impl TrainingConfig {
    /// Refuses rates that are not numbers or out of bounds.
    ///
    /// # Errors
    /// The first field that is out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        size("batch", self.batch, 1, 4096)?;
        size("peers_asked", self.peers_asked, 0, 64)?;
        size("evaluation_batches", self.evaluation_batches, 1, 1024)?;
        size("student_steps", self.student_steps, 1, 64)?;
        size("received_per_step", self.received_per_step, 0, 1_000_000)?;
        size("received_per_sender", self.received_per_sender, 0, 1_000_000)?;
        size("retained_requests", self.retained_requests, 0, 4096)?;
        size(
            "student_every",
            usize::try_from(self.student_every).unwrap_or(usize::MAX),
            1,
            1_000_000,
        )?;
        size("score_every", usize::try_from(self.score_every).unwrap_or(usize::MAX), 1, 1_000_000)?;
        rate("learning_rate", self.learning_rate, 0.0, 1.0)?;
        rate("weight_decay", self.weight_decay, 0.0, 1.0)?;
        rate("gradient_norm_max", self.gradient_norm_max, 1e-6, 1e6)?;
        rate("gate_noise", self.gate_noise, 0.0, 1e3)?;
        rate("student_labels", self.student_labels, 0.0, 1.0)?;
        rate("load_balance", self.load_balance, 0.0, 1e3)?;
        rate("received_learning_rate", self.received_learning_rate, 0.0, 1.0)?;
        rate("received_norm_max", self.received_norm_max, 1e-6, 1e6)
    }
}

fn size(name: &'static str, value: usize, min: usize, max: usize) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Size { name, value, min, max })
    }
}

fn rate(name: &'static str, value: f64, min: f64, max: f64) -> Result<(), ConfigError> {
    // A comparison with NaN is false, so NaN is refused as well.
    if value >= min && value <= max {
        Ok(())
    } else {
        Err(ConfigError::Rate { name, value, min, max })
    }
}
