//! The model that works without the network: what production runs on, and what a peer that nobody
//! answers falls back to.
//!
//! It is the learner's own trunk and head with the student's prediction in the place of `G(x)`, all
//! of them as averages over the recent steps (Polyak, Juditsky: Acceleration of stochastic
//! approximation by averaging, 1992). Constant step sizes keep weights moving around a minimum
//! that their average is much nearer to, and the student aims at a network that moves as well.
//!
//! A comparison with the control must know that averaging helps by itself: measured on parts of two
//! texts, it is worth nothing to the control after 100 steps and 0.04 nats a byte after 400, where
//! the network is worth 0.15 and the offline model 0.17.

use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::model::{self, Leaves, values_of};
use crate::parameters::Parameters;
use crate::tensor::Tokens;

/// Largest share of the average that is kept at each step.
const KEPT_MAX: f64 = 0.98;
/// At step n the share n / (n + RECENT) is kept: the average spans the last part of all steps.
const RECENT: f64 = 10.0;

/// Averages of the weights of trunk, head, join and student.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Averages {
    pub trunk: Parameters,
    pub head: Parameters,
    pub join: Parameters,
    pub student: Parameters,
}

impl Averages {
    /// Takes in the weights after `step` own steps.
    pub fn add(&mut self, step: u64, parts: [&Parameters; 4]) {
        let steps = step as f64;
        let kept = (steps / (steps + RECENT)).min(KEPT_MAX) as f32;
        for (average, part) in self.parts_mut().into_iter().zip(parts) {
            for (mean, value) in average.values.iter_mut().zip(&part.values) {
                *mean = kept * *mean + (1.0 - kept) * value;
            }
        }
    }

    /// Trunk, head, join and student.
    pub fn parts(&self) -> [&Parameters; 4] {
        [&self.trunk, &self.head, &self.join, &self.student]
    }

    /// The same, to be changed.
    pub fn parts_mut(&mut self) -> [&mut Parameters; 4] {
        [&mut self.trunk, &mut self.head, &mut self.join, &mut self.student]
    }

    /// The student's prediction of the joined input, `[positions, out_dim]`.
    pub fn joined(&self, config: &ModelConfig, tokens: &Tokens, device: &Device) -> Tensor<2> {
        let student = Leaves::new(&self.student, device, false);
        model::student_joined(config, &student, tokens, device)
    }

    /// Logits without the network, `[positions * vocabulary]`; `taught` says whether there is a
    /// student to listen to.
    pub fn logits(
        &self,
        config: &ModelConfig,
        tokens: &Tokens,
        taught: bool,
        device: &Device,
    ) -> Vec<f32> {
        let leaves = |part| Leaves::new(part, device, false);
        let mut hidden = model::trunk_hidden(config, &leaves(&self.trunk), tokens, device);
        if taught {
            let joined = self.joined(config, tokens, device);
            hidden = hidden + model::join(&leaves(&self.join), joined);
        }
        values_of(model::head_logits(&leaves(&self.head), hidden))
    }
}
