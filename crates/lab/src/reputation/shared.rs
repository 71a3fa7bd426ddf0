//! What the experiments on reputation share: their part of the page, random trust, distances,
//! medians as marks.

use muster_mechanism::random::Stream;

use crate::experiment::Part;
use crate::figure::{Mark, Stroke};
use crate::statistics::{Spread, normalised, spreads};

/// The part of the page.
pub(super) const PART: Part = Part {
    heading: "Reputation",
    about: "Trust distilled from endorsements.",
    sources: env!("MUSTER_LAB_SOURCES_REPUTATION"),
};

/// `count` numbers, uniform between `low` and `high`.
pub(super) fn uniform(stream: &mut Stream, count: usize, low: f64, high: f64) -> Vec<f64> {
    (0..count).map(|_| low + (high - low) * stream.uniform()).collect()
}

/// A uniformly random point of the simplex.
pub(super) fn simplex(stream: &mut Stream, count: usize) -> Vec<f64> {
    normalised((0..count).map(|_| stream.exponential()).collect())
}

/// `max_j |a[j] - b[j]|`.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Medians over repetitions as a line, and from the 10% to the 90% quantile as a band.
pub(super) fn medians(label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Mark> {
    marks(label, &spreads(points))
}

/// As [`medians`], without what a logarithmic axis cannot show.
pub(super) fn positive_medians(
    label: &str,
    points: impl IntoIterator<Item = (f64, f64)>,
) -> Vec<Mark> {
    marks(label, &spreads(points.into_iter().filter(|point| point.1 > 0.0)))
}

fn marks(label: &str, spreads: &[Spread]) -> Vec<Mark> {
    vec![Mark::spread(label, spreads), Mark::medians(label, spreads, Stroke::Solid)]
}
