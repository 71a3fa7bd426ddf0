//! The puzzle race itself, simulated: an oracle for the closed forms, and the answer where none
//! serves.

use super::units::positive;
use super::{Game, PresenceError, Seconds, UnequalGame};
use crate::random::Stream;
use rayon::prelude::*;

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct RaceSettings {
    /// How many races. At least 2.
    pub draws: u64,
    /// The seed: the same seed gives the same numbers for any number of threads.
    pub seed: u64,
    /// The deadline.
    pub deadline: Seconds,
}

/// What the races showed. Errors are standard errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaceEstimate {
    /// Share of races solved by the deadline.
    pub solved: f64,
    /// Standard error of `solved`.
    pub solved_error: f64,
    /// Mean payoff of acting over the solved races, E_T W. NaN-free: W* if none was solved.
    pub payoff: f64,
    /// Standard error of `payoff`.
    pub payoff_error: f64,
    /// Races simulated.
    pub draws: u64,
}

/// Races per block; a block is the unit of parallel work and has a random stream of its own.
const BLOCK: u64 = 4096;

impl Game {
    /// Simulates the race: draws the headcount, then the time of the s-th solution. Parallel.
    ///
    /// ```
    /// use muster_mechanism::presence::{Beliefs, Game, Payoffs, RaceSettings, Rate, Seconds};
    /// let beliefs = Beliefs::new(vec![0.5, 0.5], vec![0.7, 0.3])?;
    /// let game = Game::new(beliefs, Payoffs::new(vec![0.0, 1.0], 0.6)?, Rate::per_second(1.0)?)?;
    /// let deadline = Seconds::new(0.5)?;
    /// let race = game.simulate(RaceSettings { draws: 20_000, seed: 1, deadline })?;
    /// assert!((race.payoff - game.payoff_at(deadline)).abs() < 5.0 * race.payoff_error);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    /// # use muster_mechanism::presence::{RaceSettings, Seconds};
    /// let deadline = Seconds::new(10.0)?;
    /// let estimate = game.simulate(RaceSettings { draws: 20_000, seed: 1, deadline })?;
    /// let difference = estimate.solved - game.solved_probability(deadline);
    /// assert!(difference.abs() < 5.0 * estimate.solved_error);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn simulate(&self, settings: RaceSettings) -> Result<RaceEstimate, PresenceError> {
        let (players, malicious) =
            (cumulative(self.beliefs().players()), cumulative(self.beliefs().malicious()));
        run(settings, self.payoffs().null(), |stream| {
            let (t, j) = (draw(&players, stream), draw(&malicious, stream));
            let rate = self.rate * (t + 1 + j) as f64;
            let time = (0..self.solutions).map(|_| stream.exponential()).sum::<f64>() / rate;
            (time, self.payoffs().acting()[t])
        })
    }
}

impl UnequalGame {
    /// Simulates the race with a rate drawn for every machine. Parallel.
    pub fn simulate(&self, settings: RaceSettings) -> Result<RaceEstimate, PresenceError> {
        let beliefs = &self.core.beliefs;
        let (players, malicious) = (cumulative(beliefs.players()), cumulative(beliefs.malicious()));
        run(settings, self.core.payoffs.null, |stream| {
            let (t, j) = (draw(&players, stream), draw(&malicious, stream));
            let mut rate = self.own;
            for _ in 0..t {
                rate += self.players.draw(stream);
            }
            for _ in 0..j {
                rate += self.malicious.draw(stream);
            }
            (stream.exponential() / rate, self.core.payoffs.acting[t])
        })
    }
}

fn run(
    settings: RaceSettings,
    null: f64,
    race: impl Fn(&mut Stream) -> (f64, f64) + Sync,
) -> Result<RaceEstimate, PresenceError> {
    positive("draws", settings.draws.saturating_sub(1) as f64)?;
    let blocks: Vec<[f64; 3]> = (0..settings.draws.div_ceil(BLOCK))
        .into_par_iter()
        .map(|b| {
            let mut stream = Stream::new(settings.seed, b);
            let mut sums = [0.0; 3];
            for _ in 0..BLOCK.min(settings.draws - b * BLOCK) {
                let (time, payoff) = race(&mut stream);
                if time <= settings.deadline.get() {
                    // Around W*, which lies among the payoffs, so that the square keeps its digits.
                    let gain = payoff - null;
                    sums[0] += 1.0;
                    sums[1] += gain;
                    sums[2] += gain * gain;
                }
            }
            sums
        })
        .collect();
    let total = |c: usize| crate::numeric::sum(blocks.iter().map(|b| b[c]));
    let (count, gain, square) = (total(0), total(1), total(2));
    let draws = settings.draws as f64;
    let solved = count / draws;
    let mean = if count > 0.0 { gain / count } else { 0.0 };
    let variance = if count > 1.0 { (square / count - mean * mean).max(0.0) } else { 0.0 };
    Ok(RaceEstimate {
        solved,
        solved_error: (solved * (1.0 - solved) / draws).sqrt(),
        payoff: null + mean,
        payoff_error: (variance / count.max(1.0)).sqrt(),
        draws: settings.draws,
    })
}

fn cumulative(belief: &[f64]) -> Vec<f64> {
    let mut total = 0.0;
    belief
        .iter()
        .map(|b| {
            total += b;
            total
        })
        .collect()
}

/// An index with the probabilities whose running sums are `cumulative`.
fn draw(cumulative: &[f64], stream: &mut Stream) -> usize {
    let at = stream.uniform() * cumulative[cumulative.len() - 1];
    cumulative.partition_point(|&c| c <= at).min(cumulative.len() - 1)
}
