//! Unequal machines: players and malicious units whose rates are drawn from a distribution.
//!
//! With independent rates the solution time still factors: given i players (I among them, at my own
//! rate) and j malicious units, `P(unsolved) = exp(-own T) phi(T)^(i-1) psi(T)^j` with phi, psi the
//! Laplace transforms of the rates. Only the monotonicity of Proposition 1 is lost in general: a
//! fast solution may mean one fast machine instead of many. So every crossing of `E_T W` with `W*`
//! is reported, not only one.

use super::core::{Chances, Core, Evaluation};
use super::units::positive;
use super::{Beliefs, Payoffs, PresenceError, Seconds};
use crate::numeric::{root, sum};
use crate::random::Stream;

/// A distribution over finitely many rates.
#[derive(Clone, Debug)]
pub struct RateBelief {
    rates: Vec<f64>,
    probabilities: Vec<f64>,
}

impl RateBelief {
    /// `rates` in solutions per second, positive; `probabilities` not negative, with sum 1 within
    /// 1e-9.
    pub fn new(rates: Vec<f64>, probabilities: Vec<f64>) -> Result<Self, PresenceError> {
        if rates.is_empty() {
            return Err(PresenceError::Empty { field: "rates" });
        }
        if rates.len() != probabilities.len() {
            return Err(PresenceError::Length {
                field: "rate probabilities",
                found: probabilities.len(),
                wanted: rates.len(),
            });
        }
        for &rate in &rates {
            positive("rates", rate)?;
        }
        if let Some(index) = probabilities.iter().position(|&p| !(p >= 0.0 && p.is_finite())) {
            return Err(PresenceError::Number {
                field: "rate probabilities",
                index,
                value: probabilities[index],
                wanted: "a probability must be a finite number that is not negative",
            });
        }
        let total = sum(probabilities.iter().copied());
        if (total - 1.0).abs() > 1e-9 {
            return Err(PresenceError::NotADistribution {
                field: "rate probabilities",
                sum: total,
            });
        }
        let probabilities = probabilities.into_iter().map(|p| p / total).collect();
        Ok(Self { rates, probabilities })
    }

    /// Every machine at the same rate.
    pub fn equal(rate: f64) -> Result<Self, PresenceError> {
        Self::new(vec![rate], vec![1.0])
    }

    /// -ln E[exp(-rate T)].
    fn decay(&self, deadline: f64) -> f64 {
        let solved = self.mean_of(|rate| -libm::expm1(-rate * deadline));
        if solved < 0.5 {
            return -libm::log1p(-solved);
        }
        // For long deadlines relative to the slowest machine, which decides.
        let slowest = self.slowest();
        slowest * deadline - libm::log(self.mean_of(|rate| libm::exp((slowest - rate) * deadline)))
    }

    /// The mean rate of a machine that has not solved by T: -phi'/phi.
    fn rate_unsolved(&self, deadline: f64) -> f64 {
        let slowest = self.slowest();
        let weight = |rate: f64| libm::exp((slowest - rate) * deadline);
        self.mean_of(|rate| rate * weight(rate)) / self.mean_of(weight)
    }

    fn mean_of(&self, f: impl Fn(f64) -> f64) -> f64 {
        sum(self.rates.iter().zip(&self.probabilities).map(|(&r, p)| p * f(r)))
    }

    fn slowest(&self) -> f64 {
        let possible = self.rates.iter().zip(&self.probabilities).filter(|(_, p)| **p > 0.0);
        possible.fold(f64::INFINITY, |least, (&r, _)| least.min(r))
    }

    fn fastest(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// A rate by its probability.
    pub(super) fn draw(&self, stream: &mut Stream) -> f64 {
        self.rates[stream.index(&self.probabilities)]
    }
}

/// Where `E_T W` crosses `W*`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// The deadline at the crossing.
    pub deadline: Seconds,
    /// Whether acting is worthwhile just before it and not just after.
    pub falling: bool,
}

/// A presence game in which machines differ in rate; one solution counts.
#[derive(Clone, Debug)]
pub struct UnequalGame {
    pub(super) core: Core,
    pub(super) own: f64,
    pub(super) players: RateBelief,
    pub(super) malicious: RateBelief,
}

impl UnequalGame {
    /// `own_rate`: the player's own solutions per second; `players`, `malicious`: rates of the
    /// others.
    ///
    /// ```
    /// use muster_mechanism::presence::{Beliefs, Payoffs, RateBelief, UnequalGame};
    /// let game = UnequalGame::new(
    ///     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    ///     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    ///     0.05,
    ///     RateBelief::new(vec![0.02, 0.08], vec![0.5, 0.5])?,
    ///     RateBelief::equal(0.05)?,
    /// )?;
    /// assert_eq!(game.crossings().len(), 1);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn new(
        beliefs: Beliefs,
        payoffs: Payoffs,
        own_rate: f64,
        players: RateBelief,
        malicious: RateBelief,
    ) -> Result<Self, PresenceError> {
        Ok(Self {
            core: Core::new(beliefs, payoffs)?,
            own: positive("own rate", own_rate)?,
            players,
            malicious,
        })
    }

    /// `E_T W`, O(m + n).
    pub fn payoff_at(&self, deadline: Seconds) -> f64 {
        let at = self.evaluate(deadline.get());
        at.payoff / at.solved
    }

    /// The probability of a solution by `deadline`.
    pub fn solved_probability(&self, deadline: Seconds) -> f64 {
        self.evaluate(deadline.get()).solved
    }

    /// Ex-ante welfare `U(T)`, as in [`Game::welfare`](super::Game::welfare).
    pub fn welfare(&self, deadline: Seconds) -> f64 {
        self.core.payoffs.null + self.gain(deadline.get())
    }

    /// Every deadline at which `E_T W = W*`, shortest first, found on a grid of 16 points per
    /// decade between a millionth of the fastest and sixty times the slowest time scale. With equal
    /// rates there is at most one.
    ///
    /// ```
    /// use muster_mechanism::presence::{Beliefs, Payoffs, RateBelief, UnequalGame};
    /// let game = UnequalGame::new(
    ///     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    ///     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    ///     0.05,
    ///     RateBelief::new(vec![0.02, 0.08], vec![0.5, 0.5])?,
    ///     RateBelief::equal(0.05)?,
    /// )?;
    /// for crossing in game.crossings() {
    ///     assert!((game.payoff_at(crossing.deadline) - 1.9).abs() < 1e-9);
    /// }
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn crossings(&self) -> Vec<Crossing> {
        self.sign_changes(|t| self.gain(t))
    }

    /// The deadline of the highest welfare among the stationary points of `U`; None if `U` only
    /// falls.
    pub fn deadline_best(&self) -> Option<Seconds> {
        let peaks = self.sign_changes(|t| self.marginal(t)).into_iter().filter(|c| c.falling);
        let mut best: Option<(Seconds, f64)> = None;
        for peak in peaks {
            let welfare = self.welfare(peak.deadline);
            if best.is_none_or(|(_, highest)| welfare > highest) {
                best = Some((peak.deadline, welfare));
            }
        }
        best.map(|b| b.0)
    }

    fn evaluate(&self, deadline: f64) -> Evaluation {
        self.core.evaluate(&self.chances(deadline))
    }

    /// E[W - W*; solved].
    fn gain(&self, deadline: f64) -> f64 {
        self.core.solved_sum(&self.core.gain, &self.chances(deadline))
    }

    fn chances(&self, deadline: f64) -> Chances {
        let (player, unit) = (self.players.decay(deadline), self.malicious.decay(deadline));
        self.core.chances(self.own * deadline, player, unit)
    }

    /// dU/dT over the sum of the absolute values of its terms: each headcount weighs with the total
    /// rate that it has while unsolved.
    fn marginal(&self, deadline: f64) -> f64 {
        // The player's own machine is none of the others.
        let others = self.core.players_tilted(0).moments(self.players.decay(deadline), 1, 1.0);
        let malicious =
            self.core.malicious_tilted().moments(self.malicious.decay(deadline), 1, 1.0);
        let (player, unit) =
            (self.players.rate_unsolved(deadline), self.malicious.rate_unsolved(deadline));
        let total = |pick: &dyn Fn(&(f64, f64)) -> f64| {
            (self.own * pick(&others[0]) + player * pick(&others[1])) * malicious[0].0
                + unit * pick(&others[0]) * malicious[1].0
        };
        total(&|s| s.0) / total(&|s| s.1)
    }

    fn sign_changes(&self, f: impl Fn(f64) -> f64) -> Vec<Crossing> {
        let rates = [&self.players, &self.malicious];
        let fastest = rates.iter().map(|r| r.fastest()).fold(self.own, f64::max);
        let slowest = rates.iter().map(|r| r.slowest()).fold(self.own, f64::min);
        let headcount =
            (self.core.beliefs.players_max() + self.core.beliefs.malicious_max()) as f64;
        let (low, high) = (libm::log(1e-6 / (fastest * headcount)), libm::log(60.0 / slowest));
        let steps = (16.0 * (high - low) / core::f64::consts::LN_10).ceil() as usize;
        let at = |step: usize| low + (high - low) * step as f64 / steps as f64;
        let mut crossings = Vec::new();
        let mut before = f(libm::exp(low));
        for step in 1..=steps {
            let here = f(libm::exp(at(step)));
            if (here > 0.0) != (before > 0.0) {
                let zero = root(|t| f(libm::exp(t)), at(step - 1), before, at(step), here);
                if let Ok(deadline) = Seconds::new(libm::exp(zero)) {
                    crossings.push(Crossing { deadline, falling: before > 0.0 });
                }
            }
            before = here;
        }
        crossings
    }
}
