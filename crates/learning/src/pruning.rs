//! Pruning scores: what it would cost to lose a peer.
//!
//! With `c_j = g_j(x) f_j(x)` the peer's contribution to the joined input and `g` the gradient of
//! one position's loss there, removing the peer changes the loss to second order by
//! `-g . c_j + 1/2 c_j^T H c_j`. Near a minimum the first term vanishes on average, and for
//! cross-entropy `H` is the Fisher information, so the score is the mean of `(g . c_j)^2`
//! (Theis et al. 2018, equation 7, applied to peers): with labels drawn from the model's own
//! distribution it is the true Fisher score, with the text's labels the empirical one.
//!
//! A mean of squares is above zero for any peer that has influence, useful or not. Whether a peer
//! deserves a weight is therefore decided by its *removal cost*, measured on the same positions:
//! the loss without its contribution less the loss with it.
//!
//! Batches are new to the model when they are scored, so the scores are not flattered by training.
//! Samples are sequences: positions of one sequence are not independent.

use std::collections::BTreeMap;

use burn::tensor::Device;

use crate::estimate::{Estimate, Moments};
use crate::gate::PeerIndex;
use crate::model::{self, Leaves, matrix_from, values_of};
use crate::numerics::CrossEntropy;
use crate::random::Stream;
use crate::tensor::VOCABULARY;

/// How much scores from the step before count.
const DECAY: f64 = 0.995;

/// What is known of one peer's worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PruningScore {
    /// The peer.
    pub peer: PeerIndex,
    /// Gate weight, averaged over positions and over the steps in which the peer was available
    /// (zero where it was not asked).
    pub gate: Estimate,
    /// True Fisher score in squared nats: labels drawn from the model's distribution.
    pub fisher: Estimate,
    /// Empirical Fisher score in squared nats: the text's labels.
    pub empirical: Estimate,
    /// Loss without the peer's contribution less the loss with it, in nats per byte.
    pub removal: Estimate,
}

/// Weights for the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightRow {
    /// Share kept for fees.
    pub self_loop: f64,
    /// Peers with weights above zero; with the self-loop they sum to at most one.
    pub peers: Vec<(PeerIndex, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PeerMoments {
    pub gate: Moments,
    pub fisher: Moments,
    pub empirical: Moments,
    pub removal: Moments,
}

/// Scores of all peers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scores {
    pub peers: BTreeMap<PeerIndex, PeerMoments>,
}

/// One step's answers on plain slices.
pub(crate) struct Scored<'a> {
    /// Own hidden states `[positions, width]`.
    pub hidden: &'a [f32],
    /// `G(x)`, `[positions, out_dim]`.
    pub joined: &'a [f32],
    /// Peer and its contribution `[positions, out_dim]`.
    pub contributions: &'a [(PeerIndex, Vec<f32>)],
    /// Next tokens.
    pub targets: &'a [u8],
    /// Tokens in a sequence.
    pub sequence: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Values per position of an answer.
    pub out_dim: usize,
}

impl Scores {
    /// Notes the mean gate weight of each available peer at this step.
    pub fn note_gates(&mut self, available: &[PeerIndex], weights: &[(PeerIndex, f64)]) {
        for moments in self.peers.values_mut() {
            for part in [
                &mut moments.gate,
                &mut moments.fisher,
                &mut moments.empirical,
                &mut moments.removal,
            ] {
                part.decay(DECAY);
            }
        }
        for peer in available {
            let weight = weights.iter().find(|(other, _)| other == peer).map_or(0.0, |(_, w)| *w);
            self.peers.entry(*peer).or_default().gate.add(weight);
        }
    }

    /// Scores the peers that answered at this step, one sample per sequence.
    pub fn measure(
        &mut self,
        head: &Leaves,
        join: &Leaves,
        scored: &Scored<'_>,
        stream: &mut Stream,
        device: &Device,
    ) {
        let (loss_gradient, losses, probabilities) =
            gradients_at_join(head, join, scored, Labels::Text, device);
        let sampled = sample_labels(&probabilities, stream);
        let (model_gradient, _, _) =
            gradients_at_join(head, join, scored, Labels::Sampled(&sampled), device);
        for (peer, contribution) in scored.contributions {
            let without: Vec<f32> =
                scored.joined.iter().zip(contribution).map(|(g, c)| g - c).collect();
            let lost = losses_with(head, join, scored, without, device);
            let moments = self.peers.entry(*peer).or_default();
            let samples = [
                squares_by_sequence(&model_gradient, contribution, scored),
                squares_by_sequence(&loss_gradient, contribution, scored),
                differences_by_sequence(&lost, &losses, scored.sequence),
            ];
            for (part, samples) in
                [&mut moments.fisher, &mut moments.empirical, &mut moments.removal]
                    .into_iter()
                    .zip(&samples)
            {
                samples.iter().for_each(|&sample| part.add(sample));
            }
        }
    }

    pub fn scores(&self) -> Vec<PruningScore> {
        let score = |(&peer, moments): (&PeerIndex, &PeerMoments)| PruningScore {
            peer,
            gate: moments.gate.estimate(),
            fisher: moments.fisher.estimate(),
            empirical: moments.empirical.estimate(),
            removal: moments.removal.estimate(),
        };
        self.peers.iter().map(score).collect()
    }
}

/// Turns scores into the row of weights that a learner publishes.
///
/// A peer gets exactly zero unless both its Fisher score and its removal cost lie above zero by
/// two standard errors; the others share `1 - self_loop` in proportion to the mean of their share
/// of gate weight and their share of Fisher score. The row sums to at most one also after rounding.
#[must_use]
pub fn weight_row(scores: &[PruningScore], self_loop: f64) -> WeightRow {
    let self_loop = if self_loop.is_finite() { self_loop.clamp(0.0, 1.0) } else { 0.0 };
    let worthy: Vec<&PruningScore> = scores
        .iter()
        .filter(|s| s.fisher.is_above_zero() && s.removal.is_above_zero() && s.gate.mean > 0.0)
        .collect();
    let gates: f64 = worthy.iter().map(|s| s.gate.mean).sum();
    let fishers: f64 = worthy.iter().map(|s| s.fisher.mean).sum();
    // The factor keeps the sum at or below one when each weight is rounded to the nearest.
    let shared = (1.0 - self_loop) * (1.0 - 1e-12);
    let weight = |s: &PruningScore| shared * 0.5 * (s.gate.mean / gates + s.fisher.mean / fishers);
    let peers = worthy.iter().map(|s| (s.peer, weight(s))).filter(|(_, w)| *w > 0.0).collect();
    WeightRow { self_loop, peers }
}

enum Labels<'a> {
    Text,
    Sampled(&'a [u8]),
}

/// Gradient of each position's own loss at its joined input, the losses, and the distribution.
fn gradients_at_join(
    head: &Leaves,
    join: &Leaves,
    scored: &Scored<'_>,
    labels: Labels<'_>,
    device: &Device,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let positions = scored.targets.len();
    let labels = match labels {
        Labels::Text => scored.targets,
        Labels::Sampled(sampled) => sampled,
    };
    let joined =
        matrix_from(scored.joined.to_vec(), positions, scored.out_dim, device).require_grad();
    let hidden = matrix_from(scored.hidden.to_vec(), positions, scored.width, device);
    let logits = model::head_logits(head, hidden + model::join(join, joined.clone()));
    let entropy = CrossEntropy::new(values_of(logits.clone().inner()), labels, VOCABULARY);
    let mut upstream = entropy.gradient(labels, VOCABULARY);
    // Losses of single positions, not of the mean.
    upstream.iter_mut().for_each(|value| *value *= positions as f32);
    let upstream = matrix_from(upstream, positions, VOCABULARY, device);
    let mut gradients = model::pull_back(logits, upstream);
    let gradient =
        joined.grad_remove(&mut gradients).expect("the logits depend on the joined input");
    (values_of(gradient), entropy.losses, entropy.probabilities)
}

fn losses_with(
    head: &Leaves,
    join: &Leaves,
    scored: &Scored<'_>,
    joined: Vec<f32>,
    device: &Device,
) -> Vec<f32> {
    let positions = scored.targets.len();
    let joined = matrix_from(joined, positions, scored.out_dim, device);
    let hidden = matrix_from(scored.hidden.to_vec(), positions, scored.width, device);
    let logits = values_of(model::head_logits(head, hidden + model::join(join, joined)));
    CrossEntropy::new(logits, scored.targets, VOCABULARY).losses
}

/// One label per position from the model's own distribution, by inversion.
fn sample_labels(probabilities: &[f32], stream: &mut Stream) -> Vec<u8> {
    probabilities.chunks_exact(VOCABULARY).map(|row| sample(row, stream.uniform())).collect()
}

/// The token at which the cumulative distribution of `row` passes `uniform`.
pub(crate) fn sample(row: &[f32], uniform: f64) -> u8 {
    let mut cumulative = 0.0;
    for (token, &probability) in row.iter().enumerate() {
        cumulative += f64::from(probability);
        if uniform < cumulative {
            return token as u8;
        }
    }
    // Rounding left the sum a little below one: the likeliest token is the safe answer.
    let best = (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    best as u8
}

/// Mean of `(g . c)^2` over the positions of each sequence.
fn squares_by_sequence(gradient: &[f32], contribution: &[f32], scored: &Scored<'_>) -> Vec<f64> {
    let squares: Vec<f64> = gradient
        .chunks_exact(scored.out_dim)
        .zip(contribution.chunks_exact(scored.out_dim))
        .map(|(g, c)| {
            let dot: f64 = g.iter().zip(c).map(|(&g, &c)| f64::from(g) * f64::from(c)).sum();
            dot * dot
        })
        .collect();
    means_by_sequence(squares.into_iter(), scored.sequence)
}

fn differences_by_sequence(without: &[f32], with: &[f32], sequence: usize) -> Vec<f64> {
    means_by_sequence(
        without.iter().zip(with).map(|(a, b)| f64::from(*a) - f64::from(*b)),
        sequence,
    )
}

/// Mean over each run of `sequence` values.
pub(crate) fn means_by_sequence(values: impl Iterator<Item = f64>, sequence: usize) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    values.chunks_exact(sequence).map(|part| part.iter().sum::<f64>() / sequence as f64).collect()
}
