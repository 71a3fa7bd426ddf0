//! Continuing a text with the network or offline.
//!
//! One question to the network brings several bytes: the student drafts some, the peers answer
//! about every beginning of the draft at once, and the draft counts as far as it is what the
//! network itself draws (Leviathan, Kalman, Matias: Fast inference from transformers via
//! speculative decoding, 2023). Draws follow from seed and position alone, so a draft is accepted
//! where it is equal, and the text is the one that asking byte by byte gives; only the number of
//! questions differs.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::error::LearnerError;
use crate::gate::PeerIndex;
use crate::learner::Learner;
use crate::model::values_of;
use crate::numerics::softmax_rows;
use crate::pruning::sample;
use crate::random::Stream;
use crate::step::column_means;
use crate::tensor::{Activations, Tokens, VOCABULARY};

/// Most bytes that one call generates.
pub const GENERATED_MAX: usize = 65_536;
/// Most bytes of a draft that one question to the network covers.
pub const DRAFT_MAX: usize = 15;

/// A question to the network: which bytes come next, if the draft is right so far?
pub struct AskPlan {
    /// Whom to ask, about which sequences; answers are given back in this order. Each sequence is
    /// the end of the text with a beginning of the draft, filled up behind where it is shorter
    /// than the longest: no position sees what comes after it.
    pub requests: Vec<(PeerIndex, Tokens)>,
    draft: Vec<u8>,
    beginnings: Vec<Beginning>,
    sequence: usize,
    hidden: Tensor<2>,
}

/// The text with the first bytes of the draft: a row of the question.
struct Beginning {
    ids: Vec<u8>,
    /// Tokens before the filling.
    length: usize,
    chosen: Vec<PeerIndex>,
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
    /// Reads the end of `text`, drafts up to `draft` bytes (at most [`DRAFT_MAX`]) with the student
    /// and names the peers to ask about each beginning of the draft. `position` counts the bytes
    /// drawn so far.
    ///
    /// # Errors
    /// [`LearnerError::Tensor`] for an empty text, [`LearnerError::Peers`],
    /// [`LearnerError::Temperature`].
    pub fn begin_ask(
        &mut self,
        text: &[u8],
        draft: usize,
        sampling: Sampling,
        position: u64,
        available: &[PeerIndex],
    ) -> Result<AskPlan, LearnerError> {
        let available = self.know(available)?;
        // What others accept at once bounds the draft: a row for each beginning.
        let draft = draft.min(DRAFT_MAX).min(self.training.batch.saturating_mul(4) - 1);
        let draft = self.draft(text, draft, sampling, position)?;
        let mut drafted = text.to_vec();
        drafted.extend_from_slice(&draft);
        let windows = (text.len()..=drafted.len()).map(|end| self.window(&drafted[..end]));
        let windows: Vec<Tokens> = windows.collect::<Result<_, _>>()?;
        let sequence = windows.iter().map(|window| window.sequence).max().unwrap_or(0);
        let rows: Vec<Vec<u8>> = windows
            .iter()
            .map(|window| window.ids.iter().copied().chain(std::iter::repeat(0)).take(sequence))
            .map(Iterator::collect)
            .collect();
        let hidden = self.hidden_of(&Tokens { batch: rows.len(), sequence, ids: rows.concat() });
        let values = values_of(hidden.clone());
        let width = self.parts.model.width;
        let beginnings: Vec<Beginning> = rows
            .into_iter()
            .zip(&windows)
            .zip(values.chunks_exact(sequence * width))
            .map(|((ids, window), values)| {
                let features = column_means(&values[..window.sequence * width], width);
                let mut still = Stream::new(self.seed, "no noise", 0);
                let query = self.parts.query(&features);
                let count = self.training.peers_asked;
                let chosen = self.gate.choose(&query, &available, count, 0.0, &mut still);
                Beginning { ids, length: window.sequence, chosen }
            })
            .collect();
        Ok(AskPlan {
            requests: requests(&beginnings, sequence),
            draft,
            beginnings,
            sequence,
            hidden,
        })
    }

    /// Draws the next bytes, at least one, from the answers that came, in the order of
    /// `plan.requests`: those of the draft as far as it is right, and the one that follows. The
    /// student stands in for answers that are missing or malformed.
    ///
    /// # Errors
    /// [`LearnerError::AnswerCount`], [`LearnerError::Temperature`].
    pub fn finish_ask(
        &self,
        plan: &AskPlan,
        answers: Vec<Option<Activations>>,
        sampling: Sampling,
        position: u64,
    ) -> Result<Vec<u8>, LearnerError> {
        if answers.len() != plan.requests.len() {
            let (got, asked) = (answers.len(), plan.requests.len());
            return Err(LearnerError::AnswerCount { got, asked });
        }
        let shape = |tokens: &Tokens| tokens.answer_shape(self.parts.model.out_dim);
        // For each peer, its answer and how many of its rows were read.
        let mut usable: BTreeMap<PeerIndex, (Activations, usize)> = plan
            .requests
            .iter()
            .zip(answers)
            .filter_map(|((peer, tokens), answer)| Some((peer, tokens, answer?)))
            .filter(|(_, tokens, answer)| answer.check(shape(tokens)).is_ok())
            .map(|(peer, _, answer)| (*peer, (answer, 0)))
            .collect();
        let mut bytes = Vec::with_capacity(plan.beginnings.len());
        for (row, beginning) in plan.beginnings.iter().enumerate() {
            let answers: Vec<_> =
                beginning.chosen.iter().map(|peer| next_row(usable.get_mut(peer)?)).collect();
            let first = row * plan.sequence;
            let hidden = plan
                .hidden
                .clone()
                .slice([first..first + plan.sequence, 0..self.parts.model.width]);
            let tokens = Tokens { batch: 1, sequence: plan.sequence, ids: beginning.ids.clone() };
            let logits = self.logits_with(&hidden, &tokens, &beginning.chosen, &answers);
            let logits = &logits[..beginning.length * VOCABULARY];
            let byte = draw(logits, sampling, position + row as u64)?;
            bytes.push(byte);
            if plan.draft.get(row) != Some(&byte) {
                break;
            }
        }
        Ok(bytes)
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
        self.draft(prompt, count, sampling, 0)
    }

    /// `count` bytes that the student draws after `prompt`, the first at `position`.
    fn draft(
        &self,
        prompt: &[u8],
        count: usize,
        sampling: Sampling,
        position: u64,
    ) -> Result<Vec<u8>, LearnerError> {
        let mut text = prompt.to_vec();
        for drawn in 0..count as u64 {
            let tokens = self.window(&text)?;
            let logits = self.parts.logits_offline(&tokens);
            text.push(draw(&logits, sampling, position + drawn)?);
        }
        Ok(text.split_off(prompt.len()))
    }

    /// Continues `prompt` by `count` bytes, with drafts of up to `draft` bytes; `ask` fetches the
    /// answers to each plan.
    ///
    /// # Errors
    /// As [`Learner::begin_ask`] and [`Learner::finish_ask`].
    pub fn generate_with_network(
        &mut self,
        prompt: &[u8],
        count: usize,
        draft: usize,
        sampling: Sampling,
        available: &[PeerIndex],
        mut ask: impl FnMut(&AskPlan) -> Vec<Option<Activations>>,
    ) -> Result<Vec<u8>, LearnerError> {
        check_count(count)?;
        let mut text = prompt.to_vec();
        while text.len() < prompt.len() + count {
            let position = text.len() - prompt.len();
            let draft = draft.min(count - position - 1);
            let plan = self.begin_ask(&text, draft, sampling, position as u64, available)?;
            let answers = ask(&plan);
            text.extend(self.finish_ask(&plan, answers, sampling, position as u64)?);
        }
        Ok(text.split_off(prompt.len()))
    }

    /// The last bytes that fit the context, as one sequence.
    fn window(&self, text: &[u8]) -> Result<Tokens, LearnerError> {
        let ids = text[text.len().saturating_sub(self.parts.model.context)..].to_vec();
        let tokens = Tokens { batch: 1, sequence: ids.len(), ids };
        tokens.check(1, self.parts.model.context)?;
        Ok(tokens)
    }

    fn hidden_of(&self, tokens: &Tokens) -> Tensor<2> {
        let trunk = self.parts.leaves(&self.parts.trunk, false);
        self.parts.hidden(&trunk, tokens)
    }
}

/// The rows that each peer is asked about, peers in order of their indices.
fn requests(beginnings: &[Beginning], sequence: usize) -> Vec<(PeerIndex, Tokens)> {
    let mut rows: BTreeMap<PeerIndex, Vec<u8>> = BTreeMap::new();
    for beginning in beginnings {
        for peer in &beginning.chosen {
            rows.entry(*peer).or_default().extend_from_slice(&beginning.ids);
        }
    }
    rows.into_iter()
        .map(|(peer, ids)| (peer, Tokens { batch: ids.len() / sequence, sequence, ids }))
        .collect()
}

/// The next sequence of a peer's answer.
fn next_row((answer, read): &mut (Activations, usize)) -> Option<Activations> {
    let shape = crate::tensor::Shape { batch: 1, ..answer.shape };
    let length = shape.values()?;
    let values = answer.values.get(*read * length..(*read + 1) * length)?.to_vec();
    *read += 1;
    Some(Activations { shape, values })
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
