//! Experiments on reputation: trust distilled from endorsements.
//!
//! Source: Drineas, Nema, Ostrovsky and Zikas, "Game of Trust".

mod audit;
mod bitcoin_otc;
mod committee;
mod equilibrium;
mod hierarchical;
mod incremental;
mod misinformation;
mod noisy;
mod repeated;

use muster_mechanism::random::Stream;

use crate::experiment::{Experiment, Finding, Verdict};
use crate::figure::{Mark, Stroke};
use crate::statistics::{Spread, normalised, spreads};

/// In the order of the page.
pub const EXPERIMENTS: &[&dyn Experiment] = &[
    &equilibrium::Equilibrium,
    &hierarchical::Hierarchical,
    &noisy::Noisy,
    &audit::Audit,
    &misinformation::Misinformed,
    &repeated::Repeated,
    &incremental::Incremental,
    &committee::Committee,
    &bitcoin_otc::BitcoinOtc,
];

/// A claim of the paper and whether it holds.
fn claim(claim: impl Into<String>, measured: String, holds: bool) -> Finding {
    Finding { claim: claim.into(), measured, verdict: Verdict::of(holds) }
}

/// A question that the paper leaves open, and our answer.
fn answer(question: impl Into<String>, measured: String) -> Finding {
    Finding { claim: question.into(), measured, verdict: Verdict::Answered }
}

/// `count` numbers, uniform between `low` and `high`.
fn uniform(stream: &mut Stream, count: usize, low: f64, high: f64) -> Vec<f64> {
    (0..count).map(|_| low + (high - low) * stream.uniform()).collect()
}

/// A uniformly random point of the simplex.
fn simplex(stream: &mut Stream, count: usize) -> Vec<f64> {
    normalised((0..count).map(|_| stream.exponential()).collect())
}

/// `max_j |a[j] - b[j]|`.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Medians over repetitions as a line, and from the 10% to the 90% quantile as a band.
fn medians(label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Mark> {
    marks(label, &spreads(points))
}

/// As [`medians`], without what a logarithmic axis cannot show.
fn positive_medians(label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Mark> {
    marks(label, &spreads(points.into_iter().filter(|point| point.1 > 0.0)))
}

fn marks(label: &str, spreads: &[Spread]) -> Vec<Mark> {
    vec![Mark::spread(label, spreads), Mark::medians(label, spreads, Stroke::Solid)]
}
