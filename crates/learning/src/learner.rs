//! A learner: a model of its own text that listens to other peers.
//!
//! The caller moves tensors between processes; this module only computes. One own step is
//! [`Learner::begin_step`], which reads a batch and names the peers to ask, and
//! [`Learner::finish_step`], which takes their answers, trains, and returns the gradient that each
//! peer should be sent. In between, and at any time, [`Learner::forward`] and
//! [`Learner::backward`] serve the others.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};

use crate::checkpoint::CheckpointError;
use crate::config::{ConfigError, ModelConfig, TrainingConfig};
use crate::control::Control;
use crate::corpus::{Batch, Corpus};
use crate::gate::{Gate, PEERS_MAX, PeerIndex};
use crate::model::{self, Leaves, matrix_from, values_of};
use crate::numerics::{CrossEntropy, sum_of_squares};
use crate::offline::Averages;
use crate::parameters::{AdamW, Trainable, clip};
use crate::pruning::{PruningScore, Scores, WeightRow, weight_row};
use crate::served::{
    HarmLimits, Received, RequestKey, Retained, RetainedRequests, SenderLedger, SenderRecord,
};
use crate::tensor::{Activations, TensorError, Tokens, VOCABULARY};

/// Why a learner refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearnerError {
    /// Sizes or rates are out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The corpus was cut for another context length.
    #[error("the corpus was split for a context of {corpus} tokens, the model reads {model}")]
    Context {
        /// Context of the corpus.
        corpus: usize,
        /// Context of the model.
        model: usize,
    },
    /// A tensor from outside was refused.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// No state is kept for this request.
    #[error(
        "no answer is waiting for a gradient under request {request} of peer {sender}: it was never asked, already trained on, or pushed out by newer requests"
    )]
    UnknownRequest {
        /// Sender's index.
        sender: u32,
        /// Its number for the request.
        request: u64,
    },
    /// A standing outside [0, 1].
    #[error("the standing of a sender is {standing}: it must be a number between 0 and 1")]
    Standing {
        /// The standing.
        standing: f64,
    },
    /// Enough received gradients were trained on for now.
    #[error(
        "{most} received gradients were trained on since the last own step: no more until the next"
    )]
    BudgetSpent {
        /// Received gradients allowed between own steps.
        most: usize,
    },
    /// Enough gradients of this sender were trained on for now.
    #[error(
        "{most} gradients of peer {sender} were trained on since the last own step: no more until the next"
    )]
    SenderBudgetSpent {
        /// Sender's index.
        sender: u32,
        /// Gradients of one sender allowed between own steps.
        most: usize,
    },
    /// The sender's gradients did harm.
    #[error(
        "peer {sender} was dropped: its gradients raised the loss on held-out text, or opposed those of all others"
    )]
    SenderDropped {
        /// Sender's index.
        sender: u32,
    },
    /// The index is beyond what a learner keeps keys for.
    #[error("peer index {index} is too large: a learner knows at most {PEERS_MAX} peers")]
    PeerIndex {
        /// The index.
        index: u32,
    },
    /// A temperature outside [0, 100].
    #[error("the temperature is {temperature}: it must be a number between 0 and 100")]
    Temperature {
        /// The temperature.
        temperature: f64,
    },
    /// Too many bytes asked for.
    #[error("{count} bytes were asked for: at most 65536 are generated at once")]
    Generated {
        /// Bytes asked for.
        count: usize,
    },
    /// A checkpoint was refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The number of answers is not the number of peers asked.
    #[error("{got} answers came for {asked} peers asked: give one, or nothing, for each in order")]
    AnswerCount {
        /// Answers given.
        got: usize,
        /// Peers asked.
        asked: usize,
    },
}

/// Sequences in the probe that watches over received gradients.
const PROBE_BATCH: usize = 4;

/// A model, its optimisers, the gate, the student, and books on those who ask.
pub struct Learner {
    pub(crate) model: ModelConfig,
    pub(crate) training: TrainingConfig,
    pub(crate) corpus: Corpus,
    pub(crate) seed: u64,
    pub(crate) device: Device,
    pub(crate) step: u64,
    pub(crate) trunk: Trainable,
    pub(crate) head: Trainable,
    pub(crate) join: Trainable,
    pub(crate) student: Trainable,
    /// What works without the network.
    pub(crate) averages: Averages,
    pub(crate) gate: Gate,
    /// Optimiser of the trunk for gradients that others send.
    pub(crate) received: AdamW,
    pub(crate) received_since_step: usize,
    pub(crate) received_from: BTreeMap<PeerIndex, usize>,
    pub(crate) control: Option<Control>,
    pub(crate) scores: Scores,
    pub(crate) senders: SenderLedger,
    /// Running mean of hidden states over own batches, `[width]`.
    pub(crate) features: Vec<f32>,
    pub(crate) retained: RetainedRequests,
    pub(crate) probe: Option<Probe>,
}

/// A held-out batch that watches over received gradients between two own steps.
pub(crate) struct Probe {
    batch: Batch,
    /// The student's prediction: the student does not change between own steps.
    joined: Option<Tensor<2>>,
    /// Loss of the present weights, if it was measured since they last changed.
    loss: Option<f64>,
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
        Ok(Self {
            received: AdamW::new(trunk.parameters.len()),
            trunk,
            head,
            join,
            student,
            averages,
            gate: Gate::new(model.key_width, seed),
            control: training.control.then(|| Control::new(&model, seed)),
            features: vec![0.0; model.width],
            retained: RetainedRequests::new(training.retained_requests),
            scores: Scores::default(),
            senders: SenderLedger::default(),
            device: model::device(),
            received_since_step: 0,
            received_from: BTreeMap::new(),
            probe: None,
            step: 0,
            model,
            training,
            corpus,
            seed,
        })
    }

    /// Shape of the model.
    #[must_use]
    pub fn model(&self) -> &ModelConfig {
        &self.model
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
        scores.retain(|score| !self.senders.is_dropped(score.peer));
        weight_row(&scores, self_loop)
    }

    /// What the gradients of each sender did.
    #[must_use]
    pub fn senders(&self) -> Vec<SenderRecord> {
        self.senders.records()
    }

    /// Requests whose state is kept.
    #[must_use]
    pub fn retained_requests(&self) -> usize {
        self.retained.len()
    }

    /// Answers another peer: hidden states `[batch, sequence, out_dim]` of `tokens`.
    ///
    /// With a `key`, the state is kept so that [`Learner::backward`] can train on the gradient.
    ///
    /// # Errors
    /// [`LearnerError::Tensor`] if the tokens exceed 4 times the own batch size or the context.
    pub fn forward(
        &mut self,
        key: Option<RequestKey>,
        tokens: &Tokens,
    ) -> Result<Activations, LearnerError> {
        tokens.check(self.training.batch.saturating_mul(4), self.model.context)?;
        let shape = tokens.answer_shape(self.model.out_dim);
        let weights = Leaves::new(&self.trunk.parameters, &self.device, key.is_some());
        let hidden = model::trunk_hidden(&self.model, &weights, tokens, &self.device);
        let output = model::trunk_answer(&self.model, &weights, hidden);
        let values = values_of(output.clone().inner());
        if let Some(key) = key {
            self.retained.keep(Retained { key, output, weights, shape });
        }
        Ok(Activations { shape, values })
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
        let retained = self
            .retained
            .take(key)
            .ok_or(LearnerError::UnknownRequest { sender: key.sender.0, request: key.request })?;
        if !(0.0..=1.0).contains(&standing) {
            return Err(LearnerError::Standing { standing });
        }
        upstream.check(retained.shape)?;
        if self.senders.is_dropped(key.sender) {
            return Err(LearnerError::SenderDropped { sender: key.sender.0 });
        }
        let most = self.training.received_per_step;
        if self.received_since_step >= most {
            return Err(LearnerError::BudgetSpent { most });
        }
        let most = self.training.received_per_sender;
        let spent = self.received_from.entry(key.sender).or_default();
        if *spent >= most {
            let sender = key.sender.0;
            return Err(LearnerError::SenderBudgetSpent { sender, most });
        }
        *spent += 1;
        self.received_since_step += 1;
        let (rows, columns) = (retained.shape.positions(), retained.shape.width);
        let upstream = matrix_from(upstream.values.clone(), rows, columns, &self.device);
        let mut gradients = model::pull_back(retained.output, upstream);
        let mut gradient = retained.weights.gradient(&mut gradients);
        let norm = sum_of_squares(&gradient).sqrt();
        if !norm.is_finite() {
            // Finite values may still overflow on their way through the model.
            return Ok(Received { norm, change: 0.0, reverted: true });
        }
        if self.senders.drop_if_opposed(key.sender, &gradient, standing, self.seed) {
            return Err(LearnerError::SenderDropped { sender: key.sender.0 });
        }
        let usual = self.senders.usual_norm(key.sender, norm, standing);
        clip(&mut gradient, usual.min(self.training.received_norm_max));
        Ok(self.train_received(key.sender, &gradient, norm, standing))
    }

    fn train_received(
        &mut self,
        sender: PeerIndex,
        gradient: &[f32],
        norm: f64,
        standing: f64,
    ) -> Received {
        if standing == 0.0 || norm == 0.0 {
            return Received { norm, change: 0.0, reverted: false };
        }
        let before = match self.probe.as_ref().and_then(|probe| probe.loss) {
            Some(loss) => loss,
            None => self.probe(),
        };
        let weights = self.trunk.parameters.values.clone();
        let optimiser = self.received.clone();
        self.received.step(
            &mut self.trunk.parameters.values,
            gradient,
            self.training.received_learning_rate * standing,
            0.0,
        );
        let after = self.probe();
        let limits = HarmLimits {
            allowance: self.training.harm_allowance * standing,
            per_update: self.training.harm_per_update_max,
            per_sender: self.training.harm_per_sender_max,
        };
        // A loss that is not a number is harm without limit.
        let change = if after.is_finite() { after - before } else { f64::INFINITY };
        let reverted = self.senders.book(sender, change.min(10.0), limits);
        if reverted {
            self.trunk.parameters.values = weights;
            self.received = optimiser;
        }
        if let Some(probe) = &mut self.probe {
            probe.loss = Some(if reverted { before } else { after });
        }
        Received { norm, change, reverted }
    }

    /// Mean loss on a small held-out batch, offline, in nats per byte.
    fn probe(&mut self) -> f64 {
        let probe = self.probe.take().unwrap_or_else(|| {
            let batch = self.corpus.probe_batch(self.seed, self.step, PROBE_BATCH);
            let joined = self.stand_in(&batch.tokens);
            Probe { batch, joined, loss: None }
        });
        let trunk = Leaves::new(&self.trunk.parameters, &self.device, false);
        let hidden = model::trunk_hidden(&self.model, &trunk, &probe.batch.tokens, &self.device);
        let logits = self.logits_from(hidden, probe.joined.clone());
        let loss = CrossEntropy::new(logits, &probe.batch.targets, VOCABULARY).mean();
        self.probe = Some(probe);
        loss
    }

    /// Logits of hidden states and, if any, a joined input.
    pub(crate) fn logits_from(&self, hidden: Tensor<2>, joined: Option<Tensor<2>>) -> Vec<f32> {
        let head = Leaves::new(&self.head.parameters, &self.device, false);
        let hidden = match joined {
            Some(joined) => {
                let join = Leaves::new(&self.join.parameters, &self.device, false);
                hidden + model::join(&join, joined)
            }
            None => hidden,
        };
        values_of(model::head_logits(&head, hidden))
    }

    /// The student's prediction of the joined input, `[positions, out_dim]`; `None` before it has
    /// learned anything.
    pub(crate) fn stand_in(&self, tokens: &Tokens) -> Option<Tensor<2>> {
        self.is_taught().then(|| self.averages.joined(&self.model, tokens, &self.device))
    }

    /// Logits without the network, `[positions * vocabulary]`.
    pub(crate) fn logits_offline(&self, tokens: &Tokens) -> Vec<f32> {
        self.averages.logits(&self.model, tokens, self.is_taught(), &self.device)
    }

    fn is_taught(&self) -> bool {
        self.student.optimiser.steps > 0
    }

    /// Makes room for the peers and sorts out doubles.
    pub(crate) fn know(&mut self, peers: &[PeerIndex]) -> Result<Vec<PeerIndex>, LearnerError> {
        let mut known = peers.to_vec();
        known.sort_unstable();
        known.dedup();
        if let Some(peer) = known.last() {
            if peer.0 >= PEERS_MAX {
                return Err(LearnerError::PeerIndex { index: peer.0 });
            }
            self.gate.know(*peer);
        }
        Ok(known)
    }

    /// Pooled gate query `[key_width]` of mean hidden features `[width]`.
    pub(crate) fn query(&self, features: &[f32]) -> Vec<f32> {
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
