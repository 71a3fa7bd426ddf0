//! One own step: read a batch, ask, join the answers, train, and say what to send back.

use burn::tensor::{Gradients, Tensor};

use crate::corpus::Batch;
use crate::error::LearnerError;
use crate::gate::PeerIndex;
use crate::joined::{Ingredients, Joined, join_answers};
use crate::learner::Learner;
use crate::model::{self, Leaves, matrix_from, values_of};
use crate::numerics::{CrossEntropy, softmax_rows};
use crate::parameters::{clip, clip_together};
use crate::pruning::Scored;
use crate::random::Stream;
use crate::tensor::{Activations, TensorError, Tokens, VOCABULARY};

/// How much the features of earlier batches count in the running mean that evaluations use to
/// choose whom to ask.
const FEATURE_DECAY: f32 = 0.95;

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
}

impl Learner {
    /// Reads the next batch and chooses whom of `available` to ask.
    ///
    /// # Errors
    /// [`LearnerError::Peers`].
    pub fn begin_step(&mut self, available: &[PeerIndex]) -> Result<StepPlan, LearnerError> {
        let available = self.know(available)?;
        let batch = self.corpus.batch(self.seed, self.step, self.training.batch);
        let trunk = self.parts.leaves(&self.parts.trunk, true);
        let hidden = self.parts.hidden(&trunk, &batch.tokens);
        let features = column_means(&values_of(hidden.clone().inner()), self.parts.model.width);
        let mut stream = Stream::new(self.seed, "gate noise", self.step);
        let chosen = self.gate.choose(
            &self.parts.query(&features),
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
        Ok(StepPlan { step: self.step, tokens, chosen, available, batch, trunk, hidden })
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
        let sorted = sort_answers(&plan.chosen, &plan.tokens, answers, self.parts.model.out_dim)?;
        let StepPlan { step, batch, trunk, hidden, chosen, available, .. } = plan;
        let own = self.train_own(&batch, &trunk, &hidden, &chosen, &available, &sorted.answers);
        self.scores.note_gates(&available, &own.gate_weights);
        let hidden = values_of(hidden.inner());
        self.score(step, &batch, &own, &hidden);
        let complete = !chosen.is_empty() && own.contributions.len() == chosen.len();
        let learns = complete && step.is_multiple_of(self.training.student_every);
        if learns {
            self.train_student(&own, &hidden, &batch);
        }
        let control_loss = self.control.as_mut().map(|control| {
            control.step(&self.parts.model, &self.training, &batch, &self.parts.device)
        });
        self.step = step + 1;
        self.parts.average(self.step);
        self.served.begin_anew();
        Ok(StepOutcome {
            step,
            loss: own.entropy.mean(),
            control_loss,
            gradients: own.gradients,
            refused: sorted.refused,
            missing: sorted.missing,
            gate_weights: own.gate_weights,
        })
    }

    /// Takes pruning scores where they are due and somebody answered.
    fn score(&mut self, step: u64, batch: &Batch, own: &OwnStep, hidden: &[f32]) {
        let due = step.is_multiple_of(self.training.score_every) && !own.contributions.is_empty();
        let (true, Some(joined)) = (due, &own.joined) else {
            return;
        };
        let scored = Scored {
            hidden,
            joined,
            contributions: &own.contributions,
            targets: &batch.targets,
            sequence: batch.tokens.sequence,
            width: self.parts.model.width,
            out_dim: self.parts.model.out_dim,
        };
        let mut stream = Stream::new(self.seed, "sampled labels", step);
        self.scores.measure(&own.head, &own.join, &scored, &mut stream, &self.parts.device);
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
        let own = &self.parts;
        let (head, join) = (own.leaves(&own.head, true), own.leaves(&own.join, true));
        let before = (own.leaves(&own.head, false), own.leaves(&own.join, false));
        let ingredients = Ingredients {
            hidden: hidden.clone(),
            available,
            chosen,
            answers,
            stand_in: (answers.iter().any(Option::is_none) || answers.is_empty())
                .then(|| self.parts.stand_in(&batch.tokens))
                .flatten(),
            out_dim: self.parts.model.out_dim,
        };
        let parts = join_answers(&join, &self.gate, ingredients, &self.parts.device);
        let listening = match &parts.joined {
            Some(joined) => hidden.clone() + model::join(&join, joined.clone()),
            None => hidden.clone(),
        };
        let logits = model::head_logits(&head, listening);
        let positions = batch.targets.len();
        let entropy =
            CrossEntropy::new(values_of(logits.clone().inner()), &batch.targets, VOCABULARY);
        let upstream = entropy.gradient(&batch.targets, VOCABULARY);
        let upstream = matrix_from(upstream, positions, VOCABULARY, &self.parts.device);
        let mut objective = (logits * upstream).sum();
        if let Some(balance) = &parts.balance {
            objective = objective + balance.clone().mul_scalar(self.training.load_balance);
        }
        let mut gradients = objective.backward();
        let mut own_gradient = [
            trunk.gradient(&mut gradients),
            head.gradient(&mut gradients),
            join.gradient(&mut gradients),
            parts
                .keys
                .as_ref()
                .and_then(|k| k.grad_remove(&mut gradients))
                .map_or_else(Vec::new, values_of),
        ];
        let upstreams =
            answer_gradients(&parts, &mut gradients, chosen, batch, self.parts.model.out_dim);
        self.apply(&mut own_gradient, available, parts.joined.is_some());
        let (contributions, gate_weights) =
            contributions(&parts, chosen, answers, self.parts.model.out_dim);
        OwnStep {
            entropy,
            gradients: upstreams,
            joined: parts.joined.map(|joined| values_of(joined.inner())),
            contributions,
            gate_weights,
            head: before.0,
            join: before.1,
        }
    }

    /// Clips the gradients of trunk, head, join and keys together and steps their optimisers.
    fn apply(&mut self, gradient: &mut [Vec<f32>; 4], available: &[PeerIndex], listening: bool) {
        let (rate, decay) = (self.training.learning_rate, self.training.weight_decay);
        let mut slices: Vec<&mut [f32]> = gradient.iter_mut().map(Vec::as_mut_slice).collect();
        clip_together(&mut slices, self.training.gradient_norm_max);
        let [trunk, head, join, keys] = gradient;
        self.parts.trunk.train(trunk, rate, decay);
        self.parts.head.train(head, rate, decay);
        if listening {
            self.parts.join.train(join, rate, decay);
        }
        if !keys.is_empty() {
            self.gate.train(available, keys, rate);
        }
    }

    /// Teaches the student to predict a joined input that leads to the network's distribution, and
    /// to the text's labels, in as many optimiser steps on the batch as the configuration says.
    ///
    /// Hinton, Vinyals, Dean: Distilling the knowledge in a neural network (2015), at temperature
    /// one: the gradient of `KL(network || student)` at the student's logits is `q - p`. As there,
    /// the labels count as well: the network still errs where the text does not.
    fn train_student(&mut self, own: &OwnStep, hidden: &[f32], batch: &Batch) {
        let positions = own.entropy.losses.len();
        let labels = self.training.student_labels as f32;
        let mut aim: Vec<f32> =
            own.entropy.probabilities.iter().map(|p| (1.0 - labels) * p).collect();
        for (row, &target) in aim.chunks_exact_mut(VOCABULARY).zip(&batch.targets) {
            row[usize::from(target)] += labels;
        }
        let hidden =
            matrix_from(hidden.to_vec(), positions, self.parts.model.width, &self.parts.device);
        for _ in 0..self.training.student_steps {
            let student = self.parts.leaves(&self.parts.student, true);
            let predicted = model::student_joined(
                &self.parts.model,
                &student,
                &batch.tokens,
                &self.parts.device,
            );
            let listening = hidden.clone() + model::join(&own.join, predicted);
            let logits = model::head_logits(&own.head, listening);
            let mut upstream = values_of(logits.clone().inner());
            softmax_rows(&mut upstream, VOCABULARY);
            let scale = 1.0 / positions as f32;
            upstream.iter_mut().zip(&aim).for_each(|(q, p)| *q = (*q - p) * scale);
            let upstream = matrix_from(upstream, positions, VOCABULARY, &self.parts.device);
            let mut gradients = model::pull_back(logits, upstream);
            let mut gradient = student.gradient(&mut gradients);
            clip(&mut gradient, self.training.gradient_norm_max);
            self.parts.student.train(
                &gradient,
                self.training.learning_rate,
                self.training.weight_decay,
            );
        }
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
        return Err(LearnerError::AnswerCount { got: answers.len(), asked: chosen.len() });
    }
    let shape = tokens.answer_shape(out_dim);
    let mut sorted =
        SortedAnswers { answers: Vec::new(), refused: Vec::new(), missing: Vec::new() };
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
    gradients: &mut Gradients,
    chosen: &[PeerIndex],
    batch: &Batch,
    out_dim: usize,
) -> Vec<(PeerIndex, Activations)> {
    let shape = batch.tokens.answer_shape(out_dim);
    let mut upstreams = Vec::with_capacity(parts.answers.len());
    for (slot, leaf) in &parts.answers {
        let gradient = leaf.grad_remove(gradients).expect("the loss depends on every answer used");
        upstreams.push((chosen[*slot], Activations { shape, values: values_of(gradient) }));
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
        let answer = answers[*slot].as_ref().expect("a leaf was made from this answer");
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
