//! What the experiments on presence share: their part of the page, games drawn at random, the
//! example that figures show, and small statistics.

use std::ops::Range;

use muster_mechanism::presence::{Beliefs, Game, Outcome, Payoffs, Rate, Seconds};
use muster_mechanism::random::Stream;

use crate::experiment::{ExperimentError, Part, Setting, refused};
use crate::figure::Mark;
use crate::statistics::normalised;

/// The part of the page.
pub(super) const PART: Part = Part {
    heading: "Presence",
    about: "How many are here, told by how fast a puzzle is solved.",
    sources: env!("MUSTER_LAB_SOURCES_PRESENCE"),
};

/// Where `W*` lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// Between `E_inf` and `E_0`: a deadline decides.
    Between,
    /// At `E_0` or above: nothing helps.
    Above,
    /// At `E_inf` or below: nothing is needed.
    Below,
}

/// The parts of a game, from which others are made as well.
pub struct Parts {
    /// p and q.
    pub beliefs: Beliefs,
    /// `W` and `W*`.
    pub payoffs: Payoffs,
    /// Solutions per second of one machine.
    pub rate: f64,
}

impl Parts {
    /// 2 to 12 players, 0 to 10 malicious units, any positive p, any strictly log-concave q, any
    /// rising W, rates over six decades.
    pub fn random(stream: &mut Stream, null: Null) -> Result<Self, ExperimentError> {
        let beliefs = random_beliefs(stream)?;
        let acting = random_payoffs(stream, beliefs.players_max());
        let rate = libm::pow(10.0, -3.0 + 6.0 * stream.uniform());
        let share = 0.02 + 0.96 * stream.uniform();
        let above = acting[acting.len() - 1] + 1.0;
        let payoffs = Payoffs::new(acting.clone(), above).map_err(refused)?;
        let parts = Self { beliefs, payoffs, rate };
        let game = parts.game()?;
        let (zero, infinity) = (game.payoff_at_zero(), game.payoff_at_infinity());
        let value = match null {
            Null::Between => infinity + share * (zero - infinity),
            Null::Above => zero + share * (above - zero),
            Null::Below => acting[0] + share * (infinity - acting[0]),
        };
        let payoffs = Payoffs::new(acting, value).map_err(refused)?;
        Ok(Self { payoffs, ..parts })
    }

    /// The example for number 0, otherwise a random game that a deadline decides.
    pub fn numbered(setting: &Setting, number: usize) -> Result<Self, ExperimentError> {
        match number {
            0 => Self::example(),
            _ => Self::random(&mut Stream::new(setting.seed, number as u64), Null::Between),
        }
    }

    /// Most likely few players and some malicious units; acting pays from about half of the
    /// largest number on.
    pub fn example() -> Result<Self, ExperimentError> {
        let bell = |middle: f64, spread: f64| {
            move |at: usize| {
                let distance = (at as f64 - middle) / spread;
                libm::exp(-0.5 * distance * distance)
            }
        };
        let players = normalised((1..=30).map(bell(10.0, 7.0)).collect());
        let malicious = normalised((0..=10).map(bell(3.0, 3.0)).collect());
        let acting = (1..=30).map(|i| f64::from(i) / 10.0).collect();
        Ok(Self {
            beliefs: Beliefs::new(players, malicious).map_err(refused)?,
            payoffs: Payoffs::new(acting, 1.25).map_err(refused)?,
            rate: 0.01,
        })
    }

    /// The game with equal machines and one solution.
    pub fn game(&self) -> Result<Game, ExperimentError> {
        let rate = Rate::per_second(self.rate).map_err(refused)?;
        Game::new(self.beliefs.clone(), self.payoffs.clone(), rate).map_err(refused)
    }
}

fn random_beliefs(stream: &mut Stream) -> Result<Beliefs, ExperimentError> {
    let m = 2 + stream.below(11) as usize;
    let shape = if stream.uniform() < 0.5 { 0.5 } else { 2.0 };
    let players = normalised((0..m).map(|_| 1e-6 + stream.gamma(shape)).collect());
    let n = stream.below(11) as usize;
    // Ratios of neighbours that fall strictly make a strictly log-concave belief.
    let (mut weights, mut ratio) = (vec![1.0], 0.3 + 3.0 * stream.uniform());
    for j in 0..n {
        weights.push(weights[j] * ratio);
        ratio *= 0.4 + 0.55 * stream.uniform();
    }
    Beliefs::new(players, normalised(weights)).map_err(refused)
}

fn random_payoffs(stream: &mut Stream, players: usize) -> Vec<f64> {
    let mut payoff = 2.0 * stream.uniform() - 1.0;
    let mut step = || {
        payoff += 1e-3 + stream.exponential();
        payoff
    };
    (0..players).map(|_| step()).collect()
}

/// The numbers of the random games in a cell, where each cell has so many.
pub fn numbers(cell: usize, games: usize) -> Range<usize> {
    cell * games..(cell + 1) * games
}

/// What knowing the headcount would gain over `W*`: `sum_k r[k] max(V(k) - W*, 0)`.
pub fn gain_headcount_known(game: &Game) -> f64 {
    let null = game.payoffs().null();
    let gains = game.headcount().into_iter().enumerate().map(|(at, r)| {
        r * game.payoff_given_headcount(at + 1).map_or(0.0, |value| (value - null).max(0.0))
    });
    gains.sum()
}

/// The lines at `W*`, `T*` and `T°`.
pub fn landmarks(game: &Game) -> Vec<Mark> {
    let mut marks = vec![Mark::horizontal("W*", game.payoffs().null())];
    if let Outcome::Deadline { maximum, best, .. } = game.solve() {
        marks.push(Mark::vertical("T*, largest", maximum.get()));
        marks.push(Mark::vertical("T°, best", best.get()));
    }
    marks
}

/// The number of solutions asked for, as legends name it.
pub fn solutions_asked(solutions: u32) -> String {
    match solutions {
        1 => "1 solution".to_owned(),
        more => format!("{more} solutions"),
    }
}

/// `count` deadlines from `low` to `high`, evenly spaced on a logarithmic axis.
pub fn deadlines(low: f64, high: f64, count: usize) -> Result<Vec<Seconds>, ExperimentError> {
    let (low, high) = (libm::log(low), libm::log(high));
    let at = |k: usize| libm::exp(low + (high - low) * k as f64 / (count.max(2) - 1) as f64);
    (0..count).map(|k| Seconds::new(at(k)).map_err(refused)).collect()
}

/// `E_T W` from the definition, term by term over all players and malicious units: an oracle.
pub fn payoff_by_definition(parts: &Parts, deadline: f64) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    for (i, p) in parts.beliefs.players().iter().enumerate() {
        for (j, q) in parts.beliefs.malicious().iter().enumerate() {
            let k = (i + 1 + j) as f64;
            let weight = p * q * -libm::expm1(-parts.rate * k * deadline);
            above += weight * parts.payoffs.acting()[i];
            below += weight;
        }
    }
    above / below
}

/// How many standard errors a measurement lies off, where the error is known; and how large the
/// largest of so many may be by chance in one of a thousand repetitions.
pub fn deviation_allowed(measurements: usize) -> f64 {
    // P(|z| > x) <= sqrt(2/pi) exp(-x^2/2) / x; solved by iteration for 0.001 / measurements.
    let chance = 1e-3 / measurements.max(1) as f64;
    let mut x = 3.0;
    for _ in 0..50 {
        let tail = (2.0 / core::f64::consts::PI).sqrt() / (x * chance);
        x = (2.0 * libm::log(tail)).max(1.0).sqrt();
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_many_deviations_may_be_larger() {
        let one = deviation_allowed(1);
        assert!((3.2..3.5).contains(&one), "{one}");
        let many = deviation_allowed(1000);
        assert!((4.8..5.1).contains(&many), "{many}");
    }
}
