//! The control: the same model, trained on the same batches, without the network.

use burn::tensor::Device;

use crate::config::{ModelConfig, TrainingConfig};
use crate::corpus::Batch;
use crate::model::{self, Leaves, matrix_from, values_of};
use crate::numerics::CrossEntropy;
use crate::parameters::{Trainable, clip_together};
use crate::tensor::VOCABULARY;

/// Trunk and head with their own optimisers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Control {
    pub trunk: Trainable,
    pub head: Trainable,
}

impl Control {
    /// Starts from the same weights as a learner with the same seed.
    pub fn new(config: &ModelConfig, seed: u64) -> Self {
        Self {
            trunk: Trainable::new(model::trunk_segments(config), seed),
            head: Trainable::new(model::head_segments(config), seed),
        }
    }

    /// One training step; returns the loss before it in nats per byte.
    pub fn step(
        &mut self,
        config: &ModelConfig,
        training: &TrainingConfig,
        batch: &Batch,
        device: &Device,
    ) -> f64 {
        let trunk = Leaves::new(&self.trunk.parameters, device, true);
        let head = Leaves::new(&self.head.parameters, device, true);
        let logits =
            model::head_logits(&head, model::trunk_hidden(config, &trunk, &batch.tokens, device));
        let entropy =
            CrossEntropy::new(values_of(logits.clone().inner()), &batch.targets, VOCABULARY);
        let upstream = entropy.gradient(&batch.targets, VOCABULARY);
        let upstream = matrix_from(upstream, batch.targets.len(), VOCABULARY, device);
        let mut gradients = model::pull_back(logits, upstream);
        let mut trunk_gradient = trunk.gradient(&mut gradients);
        let mut head_gradient = head.gradient(&mut gradients);
        clip_together(&mut [&mut trunk_gradient, &mut head_gradient], training.gradient_norm_max);
        self.trunk.train(&trunk_gradient, training.learning_rate, training.weight_decay);
        self.head.train(&head_gradient, training.learning_rate, training.weight_decay);
        entropy.mean()
    }

    /// Loss of each position of `batch` in nats.
    pub fn losses(&self, config: &ModelConfig, batch: &Batch, device: &Device) -> Vec<f32> {
        let trunk = Leaves::new(&self.trunk.parameters, device, false);
        let head = Leaves::new(&self.head.parameters, device, false);
        let hidden = model::trunk_hidden(config, &trunk, &batch.tokens, device);
        let logits = values_of(model::head_logits(&head, hidden));
        CrossEntropy::new(logits, &batch.targets, VOCABULARY).losses
    }
}
