//! A learner: a model of its own text that listens to other peers.
//!
//! The caller moves tensors between processes; this module only computes. One own step is
//! [`Learner::begin_step`], which reads a batch and names the peers to ask, and
//! [`Learner::finish_step`], which takes their answers, trains, and returns the gradient that each
//! peer should be sent. In between, and at any time, [`Learner::forward`] and
//! [`Learner::backward`] serve the others.

use crate::config::{ModelConfig, TrainingConfig};
use crate::control::Control;
use crate::corpus::Corpus;
use crate::error::LearnerError;
use crate::gate::{Gate, PEERS_MAX, PeerIndex};
use crate::parts::Parts;
use crate::pruning::{PruningScore, Scores, WeightRow, weight_row};
use crate::served::{Keep, PROBE_BATCH, Received, RequestKey, SenderRecord, Served, Upstream};
use crate::tensor::{Activations, Tokens};

/// A model, its optimisers, the gate, the student, and books on those who ask.
pub struct Learner {
    pub(crate) training: TrainingConfig,
    pub(crate) corpus: Corpus,
    pub(crate) seed: u64,
    pub(crate) step: u64,
    pub(crate) parts: Parts,
    pub(crate) gate: Gate,
    /// Running mean of hidden states over own batches, `[width]`: what an evaluation chooses by.
    pub(crate) features: Vec<f32>,
    pub(crate) control: Option<Control>,
    pub(crate) scores: Scores,
    /// What was answered to others, and what their gradients did.
    pub(crate) served: Served,
}

impl Learner {
    /// A fresh learner; its weights, batches and choices follow from `seed` alone.
    ///
    /// # Errors
    /// [`LearnerError::Config`] or [`LearnerError::Context`].
    pub fn new(
        model: ModelConfig,
        training: TrainingConfig,
        corpus: Corpus,
        seed: u64,
    ) -> Result<Self, LearnerError> {
        model.validate()?;
        training.validate()?;
        if corpus.context() != model.context {
            return Err(LearnerError::Context { corpus: corpus.context(), model: model.context });
        }
        let parts = Parts::new(model, seed);
        Ok(Self {
            served: Served::new(training.retained_requests, parts.trunk.parameters.len()),
            gate: Gate::new(model.key_width, seed),
            control: training.control.then(|| Control::new(&model, seed)),
            features: vec![0.0; model.width],
            scores: Scores::default(),
            step: 0,
            parts,
            training,
            corpus,
            seed,
        })
    }

    /// Shape of the model.
    #[must_use]
    pub fn model(&self) -> &ModelConfig {
        &self.parts.model
    }

    /// How the model is trained.
    #[must_use]
    pub fn training(&self) -> &TrainingConfig {
        &self.training
    }

    /// Own steps finished.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Pruning scores of all peers met so far.
    #[must_use]
    pub fn scores(&self) -> Vec<PruningScore> {
        self.scores.scores()
    }

    /// The row of weights to publish, with `self_loop` kept for fees. A peer whose gradients were
    /// dropped gets nothing, whatever its answers are worth.
    #[must_use]
    pub fn weights(&self, self_loop: f64) -> WeightRow {
        let mut scores = self.scores();
        scores.retain(|score| !self.served.books.senders.is_dropped(score.peer));
        weight_row(&scores, self_loop)
    }

    /// What the gradients of each sender did.
    #[must_use]
    pub fn senders(&self) -> Vec<SenderRecord> {
        self.served.books.senders.records()
    }

    /// Requests whose state is kept.
    #[must_use]
    pub fn retained_requests(&self) -> usize {
        self.served.retained()
    }

    /// Answers another peer: hidden states `[batch, sequence, out_dim]` of `tokens`.
    ///
    /// With `keep`, the state is kept so that [`Learner::backward`] can train on the gradient.
    ///
    /// # Errors
    /// [`LearnerError::Tensor`] if the tokens exceed 4 times the own batch size or the context.
    pub fn forward(
        &mut self,
        keep: Option<Keep>,
        tokens: &Tokens,
    ) -> Result<Activations, LearnerError> {
        tokens.check(self.training.batch.saturating_mul(4), self.parts.model.context)?;
        Ok(self.served.answer(&self.parts, keep, tokens))
    }

    /// Trains on the gradient that `key.sender` computed for an earlier answer.
    ///
    /// `standing` in [0, 1] scales the step.
    ///
    /// # Errors
    /// Everything that is not a well-formed, affordable gradient of an answer that was given.
    pub fn backward(
        &mut self,
        key: RequestKey,
        upstream: &Activations,
        standing: f64,
    ) -> Result<Received, LearnerError> {
        let probe = || self.corpus.probe_batch(self.seed, self.step, PROBE_BATCH);
        let gradient = Upstream { key, values: upstream, standing };
        let received =
            self.served.train(&mut self.parts, &self.training, self.seed, &probe, gradient)?;
        // What is kept of a sender is kept for as long as it has a slot.
        self.meet(&[key.sender]);
        Ok(received)
    }

    /// Makes room for the peers and sorts out doubles.
    pub(crate) fn know(&mut self, peers: &[PeerIndex]) -> Result<Vec<PeerIndex>, LearnerError> {
        let mut known = peers.to_vec();
        known.sort_unstable();
        known.dedup();
        if known.len() > PEERS_MAX as usize {
            return Err(LearnerError::Peers { count: known.len() });
        }
        self.meet(&known);
        Ok(known)
    }

    /// Makes room for the peers; what was known of those that leave for it is forgotten.
    fn meet(&mut self, peers: &[PeerIndex]) {
        for peer in self.gate.meet(peers) {
            self.scores.peers.remove(&peer);
            self.served.books.senders.forget(peer);
        }
    }
}
