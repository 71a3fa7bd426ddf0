//! Free riding: the prize that makes working worthwhile (the Discussion's second factor).

use super::units::positive;
use super::{Game, PresenceError, Seconds};

impl Game {
    /// The probability that a present player who works finds the first solution, by `deadline` if
    /// one is given: `sum_k r[k] (1 - exp(-lambda k T)) / k`. Equal machines are equally likely to
    /// be first.
    ///
    /// As `integral_0^T lambda E[exp(-lambda k t)] dt` it factors by independence, O(m + n) a node;
    /// dyadic panels of Gauss-Legendre quadrature resolve every time scale. 1e-12 relative.
    pub fn first_probability(&self, deadline: Option<Seconds>) -> f64 {
        let end = deadline.map_or(f64::INFINITY, |t| self.rate * t.get());
        let headcount_max =
            (self.core.beliefs.players_max() + self.core.beliefs.malicious_max()) as f64;
        let survival =
            |x: f64| self.core.players.survival(x, x) * self.core.malicious.survival(x, 0.0);
        let rule = gauss_legendre();
        let (mut low, mut high, mut total) = (0.0, (1.0 / headcount_max).min(end), 0.0);
        loop {
            let width = high - low;
            total += width * rule.iter().map(|&(u, w)| w * survival(low + width * u)).sum::<f64>();
            // What is left is at most the survival here, because every k >= 1.
            if high >= end || survival(high) < 1e-18 * total {
                return total;
            }
            (low, high) = (high, (2.0 * high).min(end));
        }
    }

    /// The smallest prize B for the first solution with `B * P(I am first) >= cost`, in the unit of
    /// `cost` (a player's cost of working on the round, > 0).
    ///
    /// ```
    /// use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// let beliefs = Beliefs::new(vec![0.5, 0.5], vec![1.0])?;
    /// let game = Game::new(beliefs, Payoffs::new(vec![0.0, 1.0], 0.6)?, Rate::per_second(1.0)?)?;
    /// // Alone I am first; with another, half the time: 3/4.
    /// assert!((game.prize(3.0, None)? - 4.0).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    ///
    /// # Errors
    /// [`PresenceError::Value`] if `cost` is not a finite positive number, or no finite prize
    /// suffices.
    pub fn prize(&self, cost: f64, deadline: Option<Seconds>) -> Result<f64, PresenceError> {
        let cost = positive("cost", cost)?;
        let prize = cost / self.first_probability(deadline);
        if prize.is_finite() {
            return Ok(prize);
        }
        Err(PresenceError::Value {
            field: "cost",
            value: cost,
            wanted: "no finite prize covers it by this deadline: lengthen the deadline or make the puzzle easier",
        })
    }
}

/// Nodes and weights of 16-point Gauss-Legendre quadrature on [0, 1], from Newton's method on the
/// polynomial.
fn gauss_legendre() -> [(f64, f64); 16] {
    const POINTS: usize = 16;
    let mut rule = [(0.0, 0.0); POINTS];
    for (i, entry) in rule.iter_mut().enumerate() {
        let mut x = libm::cos(core::f64::consts::PI * (i as f64 + 0.75) / (POINTS as f64 + 0.5));
        let mut slope = 1.0;
        for _ in 0..8 {
            let (mut before, mut here) = (1.0, x);
            for degree in 2..=POINTS {
                let d = degree as f64;
                (before, here) = (here, ((2.0 * d - 1.0) * x * here - (d - 1.0) * before) / d);
            }
            slope = POINTS as f64 * (x * here - before) / (x * x - 1.0);
            x -= here / slope;
        }
        *entry = (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope));
    }
    rule
}
