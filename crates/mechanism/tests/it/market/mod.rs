//! The market.

mod decay;
mod dense;
mod extremes;
mod properties;
mod reference;
mod threads;

use muster_mechanism::market::{CREDIBLE_FROM, Rule, Walk, Weights};
use muster_mechanism::random::Stream;

/// Weights of `peers` peers; the first `active` give about `degree` weights each, in rows that sum
/// to between a half and one, some with self-loops.
pub(crate) fn random_weights(peers: usize, active: usize, degree: usize, seed: u64) -> Weights {
    let mut stream = Stream::new(seed, 0);
    let mut triplets = Vec::new();
    for i in 0..active {
        let mut row: Vec<usize> =
            (0..degree).map(|_| stream.below(peers as u64) as usize).collect();
        row.sort_unstable();
        row.dedup();
        let shares: Vec<f64> = row.iter().map(|_| stream.uniform() + 1e-3).collect();
        let scale = (1.0 + stream.uniform()) / 2.0 / shares.iter().sum::<f64>();
        triplets.extend(row.into_iter().zip(shares).map(|(j, share)| (i, j, share * scale)));
    }
    Weights::from_triplets(peers, triplets).expect("rows sum to at most 1")
}

pub(crate) fn random_vector(length: usize, seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(seed, 0);
    (0..length).map(|_| stream.uniform()).collect()
}

pub(crate) const fn credible(walk: Walk, threshold: f64) -> Rule {
    Rule::CredibleMedian { walk, opinions: None, truncation: 0.0, threshold }
}

pub(crate) const RULES: [Rule; 6] = [
    Rule::Paper,
    Rule::Median,
    Rule::ConnectedMedian { walk: Walk::Depth(3), opinions: None, truncation: 0.0 },
    Rule::ConnectedMedian { walk: Walk::Restart(0.3), opinions: None, truncation: 0.0 },
    credible(Walk::Depth(3), 1.0),
    credible(Walk::Restart(0.3), CREDIBLE_FROM),
];
