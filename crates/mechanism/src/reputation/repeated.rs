//! Repeated games: reputation that follows drifting trust (the paper's future work).
//!
//! Every round, each server behaves with probability R[j]; each user sees each outcome with some
//! probability, updates a Beta posterior whose past is discounted, and plays the normalised
//! posterior means. R drifts in between.

use super::{Distortion, Profile, ReputationError, check_probabilities, distortion};
use crate::random::Stream;
use rayon::prelude::*;

/// A repeated game.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepeatedGame {
    /// n.
    pub users: usize,
    /// Probability that a user sees a given server's outcome in a round, in [0, 1].
    pub observed: f64,
    /// What the past counts each round relative to the one before, in [0, 1]; 1 forgets nothing.
    pub discount: f64,
    /// Standard deviation per round of each server's trust, which is reflected at 0 and 1.
    pub drift: f64,
    /// Beta(a, a) prior of every user, a > 0.
    pub prior: f64,
    /// The seed: the same seed, the same rounds, for any number of threads.
    pub seed: u64,
}

/// One round.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// R in this round (m).
    pub trust: Vec<f64>,
    /// The reputation decoded from what users play after it (m).
    pub reputation: Vec<f64>,
    /// How far apart they are.
    pub distortion: Distortion,
}

/// Posteriors below which a round is done before other threads would have woken up.
const PARALLEL_MIN: usize = 4096;

impl RepeatedGame {
    /// Plays `rounds` rounds from trust `start` (m, in [0, 1], not all 0).
    ///
    /// ```
    /// use muster_mechanism::reputation::RepeatedGame;
    /// let game = RepeatedGame {
    ///     users: 20,
    ///     observed: 0.5,
    ///     discount: 1.0,
    ///     drift: 0.0,
    ///     prior: 1.0,
    ///     seed: 1,
    /// };
    /// let rounds = game.play(&[0.9, 0.5, 0.2], 400)?;
    /// assert!(rounds[399].distortion.error_max < rounds[0].distortion.error_max);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// Parameters or trust out of range; trust that is 0 everywhere.
    pub fn play(&self, start: &[f64], rounds: usize) -> Result<Vec<Round>, ReputationError> {
        check_probabilities("trust", start)?;
        for (field, share) in [("observed", self.observed), ("discount", self.discount)] {
            if !(0.0..=1.0).contains(&share) {
                let wanted = "it must lie between 0 and 1";
                return Err(ReputationError::Parameter { field, value: share, wanted });
            }
        }
        let m = start.len();
        if self.users == 0 || m == 0 {
            return Err(ReputationError::Empty { users: self.users, servers: m });
        }
        if !(self.prior > 0.0 && self.prior.is_finite()) {
            let wanted = "it must be a finite number above 0";
            return Err(ReputationError::Parameter { field: "prior", value: self.prior, wanted });
        }
        if !(self.drift >= 0.0 && self.drift.is_finite()) {
            let wanted = "it must be a finite number that is not negative";
            return Err(ReputationError::Parameter { field: "drift", value: self.drift, wanted });
        }
        let mut trust = start.to_vec();
        let mut nature = Stream::new(self.seed, 0);
        // (good, bad) per user and server.
        let mut counts = vec![vec![(self.prior, self.prior); m]; self.users];
        let mut history = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let good: Vec<bool> = trust.iter().map(|&r| nature.uniform() < r).collect();
            let update = |(user, counts): (usize, &mut Vec<(f64, f64)>)| {
                let index = 1 + (round * self.users + user) as u64;
                self.update(counts, &good, &mut Stream::new(self.seed, index))
            };
            let rows: Vec<Vec<f64>> = if self.users * m < PARALLEL_MIN {
                counts.iter_mut().enumerate().map(update).collect()
            } else {
                counts.par_iter_mut().enumerate().map(update).collect()
            };
            let reputation = Profile::new(rows)?.decoded();
            history.push(Round {
                distortion: distortion(&reputation, &trust)?,
                trust: trust.clone(),
                reputation,
            });
            for r in &mut trust {
                *r = reflected(*r + self.drift * nature.normal());
            }
        }
        Ok(history)
    }

    /// One user's round: its new strategy.
    fn update(&self, counts: &mut [(f64, f64)], good: &[bool], stream: &mut Stream) -> Vec<f64> {
        for (count, &good) in counts.iter_mut().zip(good) {
            // Only what was learnt fades; the prior stays.
            count.0 = self.prior + self.discount * (count.0 - self.prior);
            count.1 = self.prior + self.discount * (count.1 - self.prior);
            if stream.uniform() < self.observed {
                if good {
                    count.0 += 1.0;
                } else {
                    count.1 += 1.0;
                }
            }
        }
        let means: Vec<f64> = counts.iter().map(|(a, b)| a / (a + b)).collect();
        let total: f64 = means.iter().sum();
        means.into_iter().map(|mean| mean / total).collect()
    }
}

/// Reflects into [0, 1].
fn reflected(value: f64) -> f64 {
    let folded = value.abs() % 2.0;
    if folded > 1.0 { 2.0 - folded } else { folded }
}
