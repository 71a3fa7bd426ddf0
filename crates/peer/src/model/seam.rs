//! The seam between a peer and whatever computes for it.
//!
//! A [`Model`] is asked in turns, on one thread ([`crate::model::worker`]). Only plain vectors with
//! their shapes, and numbers, cross the seam: a model may as well live in another process, or be
//! written in another language. It never sees a socket or a clock: what it wants to ask of other
//! peers it hands out as [`Question`]s, and the answers are handed in.

use crate::exchange::counters::Refusal;
use muster_learning::{
    Activations, Evaluation, Keep, PeerIndex, RequestKey, Sampling, TensorError, Tokens, WeightRow,
};

/// What other peers are asked: the same tokens go to each of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Who is asked.
    pub peers: Vec<PeerIndex>,
    /// About what.
    pub tokens: Tokens,
}

/// Work of a model that waits for answers.
#[derive(Debug)]
pub struct Pending<W> {
    /// What is asked. There is one answer, or none, of each peer to each question, in order.
    pub questions: Vec<Question>,
    /// What the model needs to finish the work.
    pub work: W,
}

/// What an own step leaves for the other peers.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Gradient of the loss with respect to each usable answer, to be sent to its peer.
    pub gradients: Vec<(PeerIndex, Activations)>,
    /// Answers that could not be used, and why.
    pub refused: Vec<(PeerIndex, TensorError)>,
}

/// Why a model cannot go on with its own work: it broke, or was used against its contract. Nothing
/// that other peers send leads here.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ModelError(Box<dyn std::error::Error + Send + Sync>);

impl ModelError {
    /// For this reason.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// Whatever learns, answers and writes for a peer.
pub trait Model: Send {
    /// What is kept of an own step until its answers come.
    type Step;
    /// What is kept of an evaluation until its answers come.
    type Evaluation;
    /// What is kept of a draft until its answers come.
    type Draft;

    /// Own steps finished.
    fn steps(&self) -> u64;

    /// Values at each position of an answer.
    fn answer_width(&self) -> usize;

    /// Begins an own step, asking some of `available`.
    ///
    /// # Errors
    /// [`ModelError`].
    fn begin_step(&mut self, available: &[PeerIndex]) -> Result<Pending<Self::Step>, ModelError>;

    /// Trains with the answers that came; what is missing or malformed, the model does without.
    ///
    /// # Errors
    /// [`ModelError`].
    fn finish_step(
        &mut self,
        step: Self::Step,
        answers: Vec<Option<Activations>>,
    ) -> Result<Outcome, ModelError>;

    /// Begins an evaluation on text that is never trained on, asking some of `available`.
    ///
    /// # Errors
    /// [`ModelError`].
    fn begin_evaluation(
        &mut self,
        available: &[PeerIndex],
    ) -> Result<Pending<Self::Evaluation>, ModelError>;

    /// Evaluates with the answers that came.
    ///
    /// # Errors
    /// [`ModelError`].
    fn finish_evaluation(
        &mut self,
        evaluation: Self::Evaluation,
        answers: Vec<Option<Activations>>,
    ) -> Result<Evaluation, ModelError>;

    /// What the others are worth to this model, with `self_loop` kept for fees.
    fn weights(&self, self_loop: f64) -> WeightRow;

    /// Hidden states `[batch, sequence, width]` of another peer's tokens; where something is to be
    /// kept, a gradient may follow.
    ///
    /// # Errors
    /// A [`Refusal`] for the peer that asks.
    fn forward(&mut self, keep: Option<Keep>, tokens: &Tokens) -> Result<Activations, Refusal>;

    /// Trains on the gradient of the answer to `key`, as far as the sender's `standing` in [0, 1]
    /// goes; says whether it did.
    ///
    /// # Errors
    /// A [`Refusal`] for the peer that sent it.
    fn backward(
        &mut self,
        key: RequestKey,
        gradient: &Activations,
        standing: f64,
    ) -> Result<bool, Refusal>;

    /// Continues `text` by `bytes` bytes without asking anybody.
    ///
    /// # Errors
    /// A [`Refusal`] for who wants the continuation.
    fn write_alone(
        &self,
        text: &[u8],
        bytes: usize,
        sampling: Sampling,
    ) -> Result<Vec<u8>, Refusal>;

    /// Drafts up to `draft` bytes after `text`, and asks some of `available` about them.
    /// `position` counts the bytes written so far.
    ///
    /// # Errors
    /// A [`Refusal`] for who wants the continuation.
    fn begin_draft(
        &mut self,
        text: &[u8],
        draft: usize,
        sampling: Sampling,
        position: u64,
        available: &[PeerIndex],
    ) -> Result<Pending<Self::Draft>, Refusal>;

    /// The next bytes, at least one: those of the draft that the answers bear out, and the one
    /// that follows.
    ///
    /// # Errors
    /// A [`Refusal`] for who wants the continuation.
    fn finish_draft(
        &mut self,
        draft: Self::Draft,
        answers: Vec<Option<Activations>>,
        sampling: Sampling,
        position: u64,
    ) -> Result<Vec<u8>, Refusal>;

    /// A model of the same sizes whose own steps, with nobody to ask, cost what those of the
    /// control cost that is trained beside this one; none where there is no control.
    ///
    /// # Errors
    /// [`ModelError`].
    fn control(&self) -> Result<Option<Self>, ModelError>
    where
        Self: Sized;

    /// Everything that training depends on, to go on from after a restart.
    fn checkpoint(&self) -> Vec<u8>;
}
