//! How good the model is on text that it never trained on: with the network, without, and offline.

use burn::tensor::Tensor;

use crate::corpus::Batch;
use crate::error::LearnerError;
use crate::estimate::Estimate;
use crate::gate::PeerIndex;
use crate::joined::{Ingredients, join_answers};
use crate::learner::Learner;
use crate::model::{self, values_of};
use crate::numerics::CrossEntropy;
use crate::pruning::means_by_sequence;
use crate::random::Stream;
use crate::step::sort_answers;
use crate::tensor::{Activations, Tokens, VOCABULARY};

/// An evaluation that waits for answers.
pub struct EvaluationPlan {
    /// Peers to ask, best first. The choice rests on earlier batches, not on the text under
    /// evaluation, so nothing of what is to be predicted leaks into it.
    pub chosen: Vec<PeerIndex>,
    batches: Vec<Batch>,
}

impl EvaluationPlan {
    /// Tokens of each batch; every chosen peer is asked about each.
    pub fn requests(&self) -> impl ExactSizeIterator<Item = &Tokens> {
        self.batches.iter().map(|batch| &batch.tokens)
    }
}

/// Losses on held-out text in nats per byte; standard errors are over sequences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Own steps that were finished.
    pub step: u64,
    /// The control's loss, if there is a control.
    pub loss_alone: Option<Estimate>,
    /// With the answers of the network; `None` if nobody answered.
    pub loss_with_network: Option<Estimate>,
    /// Offline: the student in the network's place, and averaged weights.
    pub loss_student: Estimate,
    /// Control less network, sequence by sequence: above zero where the network helps.
    pub gain: Option<Estimate>,
}

impl Learner {
    /// Draws the held-out batches (always the same) and names the peers to ask.
    ///
    /// # Errors
    /// [`LearnerError::Peers`].
    pub fn begin_evaluation(
        &mut self,
        available: &[PeerIndex],
    ) -> Result<EvaluationPlan, LearnerError> {
        let available = self.know(available)?;
        let chosen = self.gate.choose(
            &self.parts.query(&self.features),
            &available,
            self.training.peers_asked,
            0.0,
            &mut Stream::new(self.seed, "no noise", 0),
        );
        let batches = (0..self.training.evaluation_batches as u64)
            .map(|index| self.corpus.evaluation_batch(self.seed, index, self.training.batch))
            .collect();
        Ok(EvaluationPlan { chosen, batches })
    }

    /// Evaluates with `answers[b][j]` the answer of `plan.chosen[j]` to request `b`.
    ///
    /// # Errors
    /// [`LearnerError::AnswerCount`]. Malformed answers count as missing.
    pub fn finish_evaluation(
        &self,
        plan: EvaluationPlan,
        answers: Vec<Vec<Option<Activations>>>,
    ) -> Result<Evaluation, LearnerError> {
        if answers.len() != plan.batches.len() {
            let (got, asked) = (answers.len(), plan.batches.len());
            return Err(LearnerError::AnswerCount { got, asked });
        }
        let (mut alone, mut network, mut student) = (Vec::new(), Vec::new(), Vec::new());
        let mut anybody = false;
        for (batch, answers) in plan.batches.iter().zip(answers) {
            let sequence = batch.tokens.sequence;
            let sorted =
                sort_answers(&plan.chosen, &batch.tokens, answers, self.parts.model.out_dim)?;
            anybody |= sorted.answers.iter().any(Option::is_some);
            let trunk = self.parts.leaves(&self.parts.trunk, false);
            let hidden = self.parts.hidden(&trunk, &batch.tokens);
            let losses = |logits: Vec<f32>| {
                let losses = CrossEntropy::new(logits, &batch.targets, VOCABULARY).losses;
                means_by_sequence(losses.into_iter().map(f64::from), sequence)
            };
            network.extend(losses(self.logits_with(
                &hidden,
                &batch.tokens,
                &plan.chosen,
                &sorted.answers,
            )));
            student.extend(losses(self.parts.logits_offline(&batch.tokens)));
            if let Some(control) = &self.control {
                let losses = control.losses(&self.parts.model, batch, &self.parts.device);
                alone.extend(means_by_sequence(losses.into_iter().map(f64::from), sequence));
            }
        }
        let gains: Vec<f64> = alone.iter().zip(&network).map(|(a, n)| a - n).collect();
        Ok(Evaluation {
            step: self.step,
            loss_alone: (!alone.is_empty()).then(|| Estimate::of(&alone)),
            loss_with_network: anybody.then(|| Estimate::of(&network)),
            loss_student: Estimate::of(&student),
            gain: (anybody && !gains.is_empty()).then(|| Estimate::of(&gains)),
        })
    }

    /// Logits with the answers that came, `[positions * vocabulary]`.
    pub(crate) fn logits_with(
        &self,
        hidden: &Tensor<2>,
        tokens: &Tokens,
        chosen: &[PeerIndex],
        answers: &[Option<Activations>],
    ) -> Vec<f32> {
        let head = self.parts.leaves(&self.parts.head, false);
        let join = self.parts.leaves(&self.parts.join, false);
        let ingredients = Ingredients {
            hidden: hidden.clone(),
            available: chosen,
            chosen,
            answers,
            stand_in: (answers.iter().any(Option::is_none) || answers.is_empty())
                .then(|| self.parts.stand_in(tokens))
                .flatten(),
            out_dim: self.parts.model.out_dim,
        };
        let parts = join_answers(&join, &self.gate, ingredients, &self.parts.device);
        let listening = match parts.joined {
            Some(joined) => hidden.clone() + model::join(&join, joined),
            None => hidden.clone(),
        };
        values_of(model::head_logits(&head, listening).inner())
    }
}
