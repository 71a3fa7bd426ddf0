//! The market.

mod decay;
mod dense;
mod extremes;
mod properties;
mod reference;
mod threads;

use muster_mechanism::market::{Rule, Walk, Weights};

/// A seeded generator of test inputs (xorshift64*), so that every case can be replayed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In [0, 1).
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Weights of `peers` peers; the first `active` give about `degree` weights each, in rows that sum
/// to between a half and one, some with self-loops.
pub(crate) fn random_weights(peers: usize, active: usize, degree: usize, seed: u64) -> Weights {
    let mut random = Random::new(seed);
    let mut triplets = Vec::new();
    for i in 0..active {
        let mut row: Vec<usize> = (0..degree).map(|_| random.below(peers)).collect();
        row.sort_unstable();
        row.dedup();
        let shares: Vec<f64> = row.iter().map(|_| random.share() + 1e-3).collect();
        let scale = (1.0 + random.share()) / 2.0 / shares.iter().sum::<f64>();
        triplets.extend(row.into_iter().zip(shares).map(|(j, share)| (i, j, share * scale)));
    }
    Weights::from_triplets(peers, triplets).expect("rows sum to at most 1")
}

pub(crate) fn random_vector(length: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.share()).collect()
}

pub(crate) const RULES: [Rule; 4] = [
    Rule::Paper,
    Rule::Median,
    Rule::ConnectedMedian { walk: Walk::Depth(3), opinions: None, truncation: 0.0 },
    Rule::ConnectedMedian { walk: Walk::Restart(0.3), opinions: None, truncation: 0.0 },
];
