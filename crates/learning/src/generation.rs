//! Continuing a text, byte by byte, with the network or offline.

use burn::tensor::Tensor;

use crate::gate::PeerIndex;
use crate::learner::{Learner, LearnerError};
use crate::model::{self, Leaves, values_of};
use crate::numerics::softmax_rows;
use crate::pruning::sample;
use crate::random::Stream;
use crate::step::{column_means, sort_answers};
use crate::tensor::{Activations, Tokens, VOCABULARY};

/// Most bytes that one call generates.
pub const GENERATED_MAX: usize = 65_536;

/// A question to the network: which byte comes next?
pub struct AskPlan {
    /// The last bytes of the text, one sequence, for each chosen peer.
    pub tokens: Tokens,
    /// Peers to ask, best first; answers are given back in this order.
    pub chosen: Vec<PeerIndex>,
    hidden: Tensor<2>,
}

/// How bytes are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Logits are divided by this; 0 takes the likeliest byte.
    pub temperature: f64,
    /// Draws follow from this seed.
    pub seed: u64,
}

impl Learner {
    /// Reads the end of `text` and names the peers to ask about it.
    ///
    /// # Errors
    /// [`LearnerError::Tensor`] for an empty text, [`LearnerError::PeerIndex`].
    pub fn begin_ask(
        &mut self,
        text: &[u8],
        available: &[PeerIndex],
    ) -> Result<AskPlan, LearnerError> {
        let available = self.know(available)?;
        let tokens = self.window(text)?;
        let hidden = self.hidden_of(&tokens);
        let features = column_means(&values_of(hidden.clone()), self.model.width);
        let chosen = self.gate.choose(
            &self.query(&features),
            &available,
            self.training.peers_asked,
            0.0,
            &mut Stream::new(self.seed, "no noise", 0),
        );
        Ok(AskPlan { tokens, chosen, hidden })
    }

    /// Draws the next byte from the answers that came, in the order of `plan.chosen`; `position`
    /// counts the bytes drawn so far. The student stands in for answers that are missing or
    /// malformed.
    ///
    /// # Errors
    /// [`LearnerError::AnswerCount`], [`LearnerError::Temperature`].
    pub fn finish_ask(
        &self,
        plan: &AskPlan,
        answers: Vec<Option<Activations>>,
        sampling: Sampling,
        position: u64,
    ) -> Result<u8, LearnerError> {
        let sorted = sort_answers(&plan.chosen, &plan.tokens, answers, self.model.out_dim)?;
        let logits = self.logits_with(&plan.hidden, &plan.tokens, &plan.chosen, &sorted.answers);
        draw(&logits, sampling, position)
    }

    /// Continues `prompt` by `count` bytes with the student in the network's place.
    ///
    /// # Errors
    /// [`LearnerError::Tensor`] for an empty prompt, [`LearnerError::Temperature`],
    /// [`LearnerError::Generated`].
    pub fn generate_offline(
        &self,
        prompt: &[u8],
        count: usize,
        sampling: Sampling,
    ) -> Result<Vec<u8>, LearnerError> {
        check_count(count)?;
        let mut text = prompt.to_vec();
        for position in 0..count {
            let tokens = self.window(&text)?;
            let hidden = self.hidden_of(&tokens);
            let logits = self.logits_from(hidden, self.stand_in(&tokens));
            text.push(draw(&logits, sampling, position as u64)?);
        }
        Ok(text.split_off(prompt.len()))
    }

    /// Continues `prompt` by `count` bytes; `ask` fetches the answers to each plan.
    ///
    /// # Errors
    /// As [`Learner::begin_ask`] and [`Learner::finish_ask`].
    pub fn generate_with_network(
        &mut self,
        prompt: &[u8],
        count: usize,
        sampling: Sampling,
        available: &[PeerIndex],
        mut ask: impl FnMut(&AskPlan) -> Vec<Option<Activations>>,
    ) -> Result<Vec<u8>, LearnerError> {
        check_count(count)?;
        let mut text = prompt.to_vec();
        for position in 0..count {
            let plan = self.begin_ask(&text, available)?;
            let answers = ask(&plan);
            text.push(self.finish_ask(&plan, answers, sampling, position as u64)?);
        }
        Ok(text.split_off(prompt.len()))
    }

    /// The last bytes that fit the context, as one sequence.
    fn window(&self, text: &[u8]) -> Result<Tokens, LearnerError> {
        let ids = text[text.len().saturating_sub(self.model.context)..].to_vec();
        let tokens = Tokens { batch: 1, sequence: ids.len(), ids };
        tokens.check(1, self.model.context)?;
        Ok(tokens)
    }

    fn hidden_of(&self, tokens: &Tokens) -> Tensor<2> {
        let trunk = Leaves::new(&self.trunk.parameters, &self.device, false);
        model::trunk_hidden(&self.model, &trunk, tokens, &self.device)
    }
}

fn check_count(count: usize) -> Result<(), LearnerError> {
    if count > GENERATED_MAX { Err(LearnerError::Generated { count }) } else { Ok(()) }
}

/// Draws a byte from the logits of the last position.
fn draw(logits: &[f32], sampling: Sampling, position: u64) -> Result<u8, LearnerError> {
    let temperature = sampling.temperature;
    if !(0.0..=100.0).contains(&temperature) {
        return Err(LearnerError::Temperature { temperature });
    }
    let mut row = logits[logits.len() - VOCABULARY..].to_vec();
    if temperature == 0.0 {
        let best = (0..VOCABULARY).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        return Ok(best as u8);
    }
    let scale = (1.0 / temperature.max(1e-3)) as f32;
    row.iter_mut().for_each(|value| *value *= scale);
    softmax_rows(&mut row, VOCABULARY);
    Ok(sample(&row, Stream::new(sampling.seed, "generation", position).uniform()))
}
