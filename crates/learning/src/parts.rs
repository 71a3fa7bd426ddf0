//! The weights of a learner: trunk, head, join and student, each with its optimiser, and the
//! averages that work without the network.

use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::model::{self, Leaves, values_of};
use crate::offline::Averages;
use crate::parameters::Trainable;
use crate::tensor::Tokens;

/// Everything that is trained by own steps but the gate.
pub(crate) struct Parts {
    pub model: ModelConfig,
    pub device: Device,
    pub trunk: Trainable,
    pub head: Trainable,
    pub join: Trainable,
    pub student: Trainable,
    /// What works without the network.
    pub averages: Averages,
}

impl Parts {
    /// Draws the initial weights from `seed`.
    pub fn new(model: ModelConfig, seed: u64) -> Self {
        let trunk = Trainable::new(model::trunk_segments(&model), seed);
        let head = Trainable::new(model::head_segments(&model), seed);
        let join = Trainable::new(model::join_segments(&model), seed);
        let student = Trainable::new(model::student_segments(&model), seed);
        let averages = Averages {
            trunk: trunk.parameters.clone(),
            head: head.parameters.clone(),
            join: join.parameters.clone(),
            student: student.parameters.clone(),
        };
        Self { device: model::device(), model, trunk, head, join, student, averages }
    }

    /// The weights of `part` as the framework sees them; with `track`, to be differentiated.
    pub fn leaves(&self, part: &Trainable, track: bool) -> Leaves {
        Leaves::new(&part.parameters, &self.device, track)
    }

    /// Hidden states of `tokens`, `[positions, width]`, with these weights of the trunk.
    pub fn hidden(&self, trunk: &Leaves, tokens: &Tokens) -> Tensor<2> {
        model::trunk_hidden(&self.model, trunk, tokens, &self.device)
    }

    /// Takes the weights after `step` own steps into the averages.
    pub fn average(&mut self, step: u64) {
        let parts = [&self.trunk, &self.head, &self.join, &self.student];
        self.averages.add(step, parts.map(|part| &part.parameters));
    }

    /// Logits of hidden states and, if any, a joined input.
    pub fn logits_from(&self, hidden: Tensor<2>, joined: Option<Tensor<2>>) -> Vec<f32> {
        let head = self.leaves(&self.head, false);
        let hidden = match joined {
            Some(joined) => {
                let join = self.leaves(&self.join, false);
                hidden + model::join(&join, joined)
            }
            None => hidden,
        };
        values_of(model::head_logits(&head, hidden))
    }

    /// The student's prediction of the joined input, `[positions, out_dim]`; `None` before it has
    /// learned anything.
    pub fn stand_in(&self, tokens: &Tokens) -> Option<Tensor<2>> {
        self.is_taught().then(|| self.averages.joined(&self.model, tokens, &self.device))
    }

    /// Logits without the network, `[positions * vocabulary]`.
    pub fn logits_offline(&self, tokens: &Tokens) -> Vec<f32> {
        self.averages.logits(&self.model, tokens, self.is_taught(), &self.device)
    }

    fn is_taught(&self) -> bool {
        self.student.optimiser.steps > 0
    }

    /// Pooled gate query `[key_width]` of mean hidden features `[width]`.
    pub fn query(&self, features: &[f32]) -> Vec<f32> {
        let query = &self.join.parameters.values[self.model.out_dim * self.model.width..];
        let mut pooled = vec![0.0_f32; self.model.key_width];
        for (feature, row) in features.iter().zip(query.chunks_exact(self.model.key_width)) {
            for (sum, weight) in pooled.iter_mut().zip(row) {
                *sum += feature * weight;
            }
        }
        pooled
    }
}
