//! A learner: a model of its own text that listens to other peers.
//!
//! The caller moves tensors between processes; this module only computes. One own step is
//! [`Learner::begin_step`], which reads a batch and names the peers to ask, and
//! [`Learner::finish_step`], which takes their answers, trains, and returns the gradient that each
//! peer should be sent. In between, and at any time, [`Learner::forward`] and
//! [`Learner::backward`] serve the others.

use burn::tensor::{Device, Tensor};

use crate::checkpoint::CheckpointError;
use crate::config::{ConfigError, ModelConfig, TrainingConfig};
use crate::control::Control;
use crate::corpus::{Batch, Corpus};
use crate::gate::{Gate, PEERS_MAX, PeerIndex};
use crate::joined::{Ingredients, Joined, join_answers};
use crate::model::{self, Leaves, matrix_from, values_of};
use crate::numerics::CrossEntropy;
use crate::parameters::{Trainable, clip, clip_together};
use crate::pruning::{PruningScore, Scored, Scores, WeightRow, weight_row};
use crate::random::Stream;
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
    /// The sender's gradients did harm.
    #[error("peer {sender} was dropped: its gradients raised the loss on held-out text")]
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

/// An own step that waits for answers.
pub struct StepPlan {
    /// Number of the step, from zero.
    pub step: u64,
    /// Tokens to send to each chosen peer.
    pub tokens: Tokens,
    /// Peers to ask, best first; answers are given back in this order.
    pub chosen: Vec<PeerIndex>,
    available: Vec<PeerIndex>,
    batch: Batch,
    trunk: Leaves,
    hidden: Tensor<2>,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutcome {
    /// Number of the step, from zero.
    pub step: u64,
    /// Loss on the batch before the step in nats per byte.
    pub loss: f64,
    /// Loss of the control on the same batch before its step, if there is a control.
    pub control_loss: Option<f64>,
    /// Gradient of the loss with respect to each usable answer, to be sent to its peer.
    pub gradients: Vec<(PeerIndex, Activations)>,
    /// Answers that were refused, and why; the student stood in for them.
    pub refused: Vec<(PeerIndex, TensorError)>,
    /// Peers that did not answer; the student stood in for them.
    pub missing: Vec<PeerIndex>,
    /// Mean gate weight of each peer that answered.
    pub gate_weights: Vec<(PeerIndex, f64)>,
    /// Divergence of the student from the network in nats per byte, where it learned at this step.
    pub student_divergence: Option<f64>,
}

/// Sequences in the probe that watches over received gradients.
const PROBE_BATCH: usize = 4;

/// How much the features of earlier batches count in the running mean that evaluations use to
/// choose whom to ask.
const FEATURE_DECAY: f32 = 0.95;

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
    pub(crate) gate: Gate,
    /// Optimiser of the trunk for gradients that others send.
    pub(crate) received: crate::parameters::AdamW,
    pub(crate) received_since_step: usize,
    pub(crate) control: Option<Control>,
    pub(crate) scores: Scores,
    pub(crate) senders: SenderLedger,
    /// Running mean of hidden states over own batches, `[width]`.
    pub(crate) features: Vec<f32>,
    pub(crate) retained: RetainedRequests,
    probe: Option<Probe>,
}

/// A held-out batch that watches over received gradients between two own steps.
struct Probe {
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
            return Err(LearnerError::Context {
                corpus: corpus.context(),
                model: model.context,
            });
        }
        let trunk = Trainable::new(model::trunk_segments(&model), seed);
        Ok(Self {
            received: crate::parameters::AdamW::new(trunk.parameters.len()),
            trunk,
            head: Trainable::new(model::head_segments(&model), seed),
            join: Trainable::new(model::join_segments(&model), seed),
            student: Trainable::new(model::student_segments(&model), seed),
            gate: Gate::new(model.key_width, seed),
            control: training.control.then(|| Control::new(&model, seed)),
            features: vec![0.0; model.width],
            retained: RetainedRequests::new(training.retained_requests),
            scores: Scores::default(),
            senders: SenderLedger::default(),
            device: model::device(),
            received_since_step: 0,
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

    /// The row of weights to publish, with `self_loop` kept for fees.
    #[must_use]
    pub fn weights(&self, self_loop: f64) -> WeightRow {
        weight_row(&self.scores(), self_loop)
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
            self.retained.keep(Retained {
                key,
                output,
                weights,
                shape,
            });
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
            .ok_or(LearnerError::UnknownRequest {
                sender: key.sender.0,
                request: key.request,
            })?;
        if !(0.0..=1.0).contains(&standing) {
            return Err(LearnerError::Standing { standing });
        }
        upstream.check(retained.shape)?;
        if self.senders.is_dropped(key.sender) {
            return Err(LearnerError::SenderDropped {
                sender: key.sender.0,
            });
        }
        let most = self.training.received_per_step;
        if self.received_since_step >= most {
            return Err(LearnerError::BudgetSpent { most });
        }
        self.received_since_step += 1;
        let (rows, columns) = (retained.shape.positions(), retained.shape.width);
        let upstream = matrix_from(upstream.values.clone(), rows, columns, &self.device);
        let mut gradients = model::pull_back(retained.output, upstream);
        let mut gradient = retained.weights.gradient(&mut gradients);
        let norm = clip(&mut gradient, self.training.received_norm_max);
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
            return Received {
                norm,
                change: 0.0,
                reverted: false,
            };
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
        let change = if after.is_finite() {
            after - before
        } else {
            f64::INFINITY
        };
        let reverted = self.senders.book(sender, change.min(10.0), limits);
        if reverted {
            self.trunk.parameters.values = weights;
            self.received = optimiser;
        }
        if let Some(probe) = &mut self.probe {
            probe.loss = Some(if reverted { before } else { after });
        }
        Received {
            norm,
            change,
            reverted,
        }
    }

    /// Mean loss on a small held-out batch, offline, in nats per byte.
    fn probe(&mut self) -> f64 {
        let probe = self.probe.take().unwrap_or_else(|| {
            let batch = self.corpus.probe_batch(self.seed, self.step, PROBE_BATCH);
            let joined = self.stand_in(&batch.tokens);
            Probe {
                batch,
                joined,
                loss: None,
            }
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
        (self.student.optimiser.steps > 0).then(|| {
            let student = Leaves::new(&self.student.parameters, &self.device, false);
            model::student_joined(&self.model, &student, tokens, &self.device)
        })
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
        for (feature, row) in features
            .iter()
            .zip(query.chunks_exact(self.model.key_width))
        {
            for (sum, weight) in pooled.iter_mut().zip(row) {
                *sum += feature * weight;
            }
        }
        pooled
    }

    /// Reads the next batch and chooses whom of `available` to ask.
    ///
    /// # Errors
    /// [`LearnerError::PeerIndex`].
    pub fn begin_step(&mut self, available: &[PeerIndex]) -> Result<StepPlan, LearnerError> {
        let available = self.know(available)?;
        let batch = self.corpus.batch(self.seed, self.step, self.training.batch);
        let trunk = Leaves::new(&self.trunk.parameters, &self.device, true);
        let hidden = model::trunk_hidden(&self.model, &trunk, &batch.tokens, &self.device);
        let features = column_means(&values_of(hidden.clone().inner()), self.model.width);
        let mut stream = Stream::new(self.seed, "gate noise", self.step);
        let chosen = self.gate.choose(
            &self.query(&features),
            &available,
            self.training.peers_asked,
            self.training.gate_noise,
            &mut stream,
        );
        self.gate.note_choice(&chosen);
        for (mean, feature) in self.features.iter_mut().zip(&features) {
            *mean = FEATURE_DECAY * *mean + (1.0 - FEATURE_DECAY) * feature;
        }
        let tokens = batch.tokens.clone();
        Ok(StepPlan {
            step: self.step,
            tokens,
            chosen,
            available,
            batch,
            trunk,
            hidden,
        })
    }

    /// Trains on the batch of `plan` with the answers that came, in the order of `plan.chosen`.
    ///
    /// # Errors
    /// [`LearnerError::AnswerCount`]. An answer that is malformed is not an error: it is listed in
    /// [`StepOutcome::refused`] and the student stands in for it.
    pub fn finish_step(
        &mut self,
        plan: StepPlan,
        answers: Vec<Option<Activations>>,
    ) -> Result<StepOutcome, LearnerError> {
        let sorted = sort_answers(&plan.chosen, &plan.tokens, answers, self.model.out_dim)?;
        let StepPlan {
            step,
            batch,
            trunk,
            hidden,
            chosen,
            available,
            ..
        } = plan;
        let own = self.train_own(
            &batch,
            &trunk,
            &hidden,
            &chosen,
            &available,
            &sorted.answers,
        );
        self.scores.note_gates(&available, &own.gate_weights);
        let hidden = values_of(hidden.inner());
        if let Some(joined) = &own.joined {
            if step.is_multiple_of(self.training.score_every) && !own.contributions.is_empty() {
                let mut stream = Stream::new(self.seed, "sampled labels", step);
                let scored = Scored {
                    hidden: &hidden,
                    joined,
                    contributions: &own.contributions,
                    targets: &batch.targets,
                    sequence: batch.tokens.sequence,
                    width: self.model.width,
                    out_dim: self.model.out_dim,
                };
                self.scores
                    .measure(&own.head, &own.join, &scored, &mut stream, &self.device);
            }
        }
        let complete = !chosen.is_empty() && own.contributions.len() == chosen.len();
        let learns = complete && step.is_multiple_of(self.training.student_every);
        let student_divergence = learns.then(|| self.train_student(&own, &hidden, &batch.tokens));
        let control_loss = self
            .control
            .as_mut()
            .map(|control| control.step(&self.model, &self.training, &batch, &self.device));
        self.step = step + 1;
        self.received_since_step = 0;
        self.probe = None;
        Ok(StepOutcome {
            step,
            loss: own.entropy.mean(),
            control_loss,
            gradients: own.gradients,
            refused: sorted.refused,
            missing: sorted.missing,
            gate_weights: own.gate_weights,
            student_divergence,
        })
    }

    fn train_own(
        &mut self,
        batch: &Batch,
        trunk: &Leaves,
        hidden: &Tensor<2>,
        chosen: &[PeerIndex],
        available: &[PeerIndex],
        answers: &[Option<Activations>],
    ) -> OwnStep {
        let head = Leaves::new(&self.head.parameters, &self.device, true);
        let join = Leaves::new(&self.join.parameters, &self.device, true);
        let ingredients = Ingredients {
            hidden: hidden.clone(),
            available,
            chosen,
            answers,
            stand_in: (answers.iter().any(Option::is_none) || answers.is_empty())
                .then(|| self.stand_in(&batch.tokens))
                .flatten(),
            out_dim: self.model.out_dim,
        };
        let parts = join_answers(&join, &self.gate, ingredients, &self.device);
        let listening = match &parts.joined {
            Some(joined) => hidden.clone() + model::join(&join, joined.clone()),
            None => hidden.clone(),
        };
        let logits = model::head_logits(&head, listening);
        let positions = batch.targets.len();
        let entropy = CrossEntropy::new(
            values_of(logits.clone().inner()),
            &batch.targets,
            VOCABULARY,
        );
        let upstream = entropy.gradient(&batch.targets, VOCABULARY);
        let upstream = matrix_from(upstream, positions, VOCABULARY, &self.device);
        let mut objective = (logits * upstream).sum();
        if let Some(balance) = &parts.balance {
            objective = objective + balance.clone().mul_scalar(self.training.load_balance);
        }
        let mut gradients = objective.backward();
        let mut parts_of_gradient = [
            trunk.gradient(&mut gradients),
            head.gradient(&mut gradients),
            join.gradient(&mut gradients),
            parts
                .keys
                .as_ref()
                .and_then(|k| k.grad_remove(&mut gradients))
                .map_or_else(Vec::new, values_of),
        ];
        let upstreams = answer_gradients(&parts, &mut gradients, chosen, batch, self.model.out_dim);
        let (rate, decay) = (self.training.learning_rate, self.training.weight_decay);
        let mut slices: Vec<&mut [f32]> = parts_of_gradient
            .iter_mut()
            .map(Vec::as_mut_slice)
            .collect();
        clip_together(&mut slices, self.training.gradient_norm_max);
        self.trunk.train(&parts_of_gradient[0], rate, decay);
        self.head.train(&parts_of_gradient[1], rate, decay);
        if parts.joined.is_some() {
            self.join.train(&parts_of_gradient[2], rate, decay);
        }
        if !parts_of_gradient[3].is_empty() {
            self.gate.train(available, &parts_of_gradient[3], rate);
        }
        let (contributions, gate_weights) =
            contributions(&parts, chosen, answers, self.model.out_dim);
        OwnStep {
            entropy,
            gradients: upstreams,
            joined: parts.joined.map(|joined| values_of(joined.inner())),
            contributions,
            gate_weights,
            head,
            join,
        }
    }

    /// Teaches the student to predict a joined input that leads to the network's distribution;
    /// returns the divergence before the step in nats per byte.
    ///
    /// Hinton, Vinyals, Dean: Distilling the knowledge in a neural network (2015), at temperature
    /// one: the gradient of `KL(network || student)` at the student's logits is `q - p`.
    fn train_student(&mut self, own: &OwnStep, hidden: &[f32], tokens: &Tokens) -> f64 {
        let positions = own.entropy.losses.len();
        let student = Leaves::new(&self.student.parameters, &self.device, true);
        let hidden = matrix_from(hidden.to_vec(), positions, self.model.width, &self.device);
        let predicted = model::student_joined(&self.model, &student, tokens, &self.device);
        let logits = model::head_logits(&own.head, hidden + model::join(&own.join, predicted));
        let mut q = values_of(logits.clone().inner());
        crate::numerics::softmax_rows(&mut q, VOCABULARY);
        let divergence = divergence(&own.entropy.probabilities, &q) / positions as f64;
        let scale = 1.0 / positions as f32;
        let upstream = q
            .iter()
            .zip(&own.entropy.probabilities)
            .map(|(q, p)| (q - p) * scale)
            .collect();
        let upstream = matrix_from(upstream, positions, VOCABULARY, &self.device);
        let mut gradients = model::pull_back(logits, upstream);
        let mut gradient = student.gradient(&mut gradients);
        clip(&mut gradient, self.training.gradient_norm_max);
        self.student.train(
            &gradient,
            self.training.learning_rate,
            self.training.weight_decay,
        );
        divergence
    }
}

/// What an own step leaves for scores and student. The weights are those before the step.
struct OwnStep {
    entropy: CrossEntropy,
    gradients: Vec<(PeerIndex, Activations)>,
    joined: Option<Vec<f32>>,
    contributions: Vec<(PeerIndex, Vec<f32>)>,
    gate_weights: Vec<(PeerIndex, f64)>,
    head: Leaves,
    join: Leaves,
}

/// Answers by slot, and what was wrong with the rest.
pub(crate) struct SortedAnswers {
    pub answers: Vec<Option<Activations>>,
    pub refused: Vec<(PeerIndex, TensorError)>,
    pub missing: Vec<PeerIndex>,
}

/// Keeps the answers that can be used.
pub(crate) fn sort_answers(
    chosen: &[PeerIndex],
    tokens: &Tokens,
    answers: Vec<Option<Activations>>,
    out_dim: usize,
) -> Result<SortedAnswers, LearnerError> {
    if answers.len() != chosen.len() {
        return Err(LearnerError::AnswerCount {
            got: answers.len(),
            asked: chosen.len(),
        });
    }
    let shape = tokens.answer_shape(out_dim);
    let mut sorted = SortedAnswers {
        answers: Vec::new(),
        refused: Vec::new(),
        missing: Vec::new(),
    };
    for (&peer, answer) in chosen.iter().zip(answers) {
        let usable = match answer {
            None => {
                sorted.missing.push(peer);
                None
            }
            Some(answer) => match answer.check(shape) {
                Ok(()) => Some(answer),
                Err(error) => {
                    sorted.refused.push((peer, error));
                    None
                }
            },
        };
        sorted.answers.push(usable);
    }
    Ok(sorted)
}

fn answer_gradients(
    parts: &Joined,
    gradients: &mut burn::tensor::Gradients,
    chosen: &[PeerIndex],
    batch: &Batch,
    out_dim: usize,
) -> Vec<(PeerIndex, Activations)> {
    let shape = batch.tokens.answer_shape(out_dim);
    let mut upstreams = Vec::with_capacity(parts.answers.len());
    for (slot, leaf) in &parts.answers {
        let gradient = leaf
            .grad_remove(gradients)
            .expect("the loss depends on every answer used");
        upstreams.push((
            chosen[*slot],
            Activations {
                shape,
                values: values_of(gradient),
            },
        ));
    }
    upstreams
}

type Contributions = (Vec<(PeerIndex, Vec<f32>)>, Vec<(PeerIndex, f64)>);

/// `g_j(x) f_j(x)` of each peer that answered, and its mean gate weight.
fn contributions(
    parts: &Joined,
    chosen: &[PeerIndex],
    answers: &[Option<Activations>],
    out_dim: usize,
) -> Contributions {
    let Some(gates) = &parts.gates else {
        return Contributions::default();
    };
    let columns = chosen.len() + 1;
    let gates = values_of(gates.clone().inner());
    let mut result = Contributions::default();
    for (slot, _) in &parts.answers {
        let answer = answers[*slot]
            .as_ref()
            .expect("a leaf was made from this answer");
        let column = || gates.iter().skip(*slot).step_by(columns);
        let values = column()
            .zip(answer.values.chunks_exact(out_dim))
            .flat_map(|(&g, row)| row.iter().map(move |f| g * f))
            .collect();
        let mean = column().map(|&g| f64::from(g)).sum::<f64>() / (gates.len() / columns) as f64;
        result.0.push((chosen[*slot], values));
        result.1.push((chosen[*slot], mean));
    }
    result
}

/// Mean of each column of a matrix of rows of `width`.
pub(crate) fn column_means(values: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; width];
    for row in values.chunks_exact(width) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let rows = (values.len() / width) as f32;
    sums.into_iter().map(|sum| sum / rows).collect()
}

/// `sum p ln(p / q)` in nats.
fn divergence(p: &[f32], q: &[f32]) -> f64 {
    p.iter()
        .zip(q)
        .filter(|(p, _)| **p > 0.0)
        .map(|(&p, &q)| f64::from(p) * libm::log(f64::from(p) / f64::from(q).max(1e-38)))
        .sum()
}
