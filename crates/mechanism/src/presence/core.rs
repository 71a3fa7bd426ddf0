//! Sums over beliefs, shared by every variant of the game.

use super::kernel::{Decay, Series};
use super::tilted::Tilted;
use super::{Beliefs, Payoffs, PresenceError};
use crate::numeric::sum;

/// Beliefs, payoffs and what is summed over them once.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) beliefs: Beliefs,
    pub(super) payoffs: Payoffs,
    /// W(i) - W*.
    pub(super) excess: Vec<f64>,
    pub(super) players: Series,
    payoff: Series,
    pub(super) gain: Series,
    pub(super) malicious: Series,
    players_mean: f64,
    malicious_mean: f64,
    /// E[i W(i)].
    payoff_moment: f64,
}

/// Sums at one deadline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evaluation {
    /// P(solved).
    pub(super) solved: f64,
    /// E[W; solved].
    pub(super) payoff: f64,
}

/// The chances of a solution at one deadline, given the numbers.
pub(super) struct Chances {
    offset: f64,
    players: Decay,
    malicious: f64,
}

impl Core {
    pub(super) fn new(beliefs: Beliefs, payoffs: Payoffs) -> Result<Self, PresenceError> {
        let (m, found) = (beliefs.players.len(), payoffs.acting.len());
        if m != found {
            return Err(PresenceError::Length { field: "payoff", found, wanted: m });
        }
        Ok(Self::unchecked(beliefs, payoffs))
    }

    /// Without the check of lengths, which the caller has made.
    pub(super) fn unchecked(beliefs: Beliefs, payoffs: Payoffs) -> Self {
        let excess: Vec<f64> = payoffs.acting.iter().map(|w| w - payoffs.null).collect();
        let first_moment = |weights: &[f64], first: usize| {
            sum(weights.iter().enumerate().map(|(t, w)| w * (t + first) as f64))
        };
        let weighted: Vec<f64> =
            beliefs.players.iter().zip(&payoffs.acting).map(|(p, w)| p * w).collect();
        let with =
            |values: &[f64]| Series::new(beliefs.players.iter().zip(values).map(|(p, w)| p * w));
        Self {
            players: Series::new(beliefs.players.iter().copied()),
            players_mean: first_moment(&beliefs.players, 1),
            malicious_mean: first_moment(&beliefs.malicious, 0),
            payoff_moment: first_moment(&weighted, 1),
            payoff: Series::new(weighted),
            gain: with(&excess),
            malicious: Series::new(beliefs.malicious.iter().copied()),
            excess,
            payoffs,
            beliefs,
        }
    }

    /// With b = P(a malicious unit solves) and a[i] = P(a player solves | i), independence gives
    /// `E[w(i); solved] = E[w a] + E[w (1 - a)] b`.
    pub(super) fn solved_sum(&self, series: &Series, chances: &Chances) -> f64 {
        let solved = series.solved(&chances.players, chances.offset);
        solved + (series.total() - solved) * chances.malicious
    }

    pub(super) fn evaluate(&self, chances: &Chances) -> Evaluation {
        Evaluation {
            solved: self.solved_sum(&self.players, chances).min(1.0),
            payoff: self.solved_sum(&self.payoff, chances),
        }
    }

    /// For a rate of `offset` + (i - 1) `player` of i players and `unit` of a malicious unit, each
    /// times T.
    pub(super) fn chances(&self, offset: f64, player: f64, unit: f64) -> Chances {
        let (m, n) = (self.beliefs.players_max(), self.beliefs.malicious_max());
        let players = Decay::new(player, m.max(n + 1));
        let malicious = if unit == player {
            self.malicious.solved(&players, 0.0)
        } else {
            self.malicious.solved(&Decay::new(unit, n + 1), 0.0)
        };
        Chances { offset, players, malicious }
    }

    /// W(i) - W* by number of players, which count from `first`.
    pub(super) fn players_tilted(&self, first: usize) -> Tilted<'_> {
        Tilted {
            probabilities: &self.beliefs.players,
            logarithms: &self.beliefs.players_log,
            first,
            values: Some(&self.excess),
        }
    }

    /// By number of malicious units.
    pub(super) fn malicious_tilted(&self) -> Tilted<'_> {
        Tilted {
            probabilities: &self.beliefs.malicious,
            logarithms: &self.beliefs.malicious_log,
            first: 0,
            values: None,
        }
    }

    /// E_inf = E[W].
    pub(super) fn payoff_at_infinity(&self) -> f64 {
        self.payoff.total() / self.players.total()
    }

    /// E[k^s W]/E[k^s], the limit at T = 0 for s solutions, by the binomial theorem.
    pub(super) fn payoff_at_zero(&self, solutions: u32) -> f64 {
        if solutions == 1 {
            let above = self.payoff_moment + self.payoff.total() * self.malicious_mean;
            return above / self.headcount_mean();
        }
        let scale = (self.beliefs.players_max() + self.beliefs.malicious_max()) as f64;
        let power =
            |base: usize, exponent: u32| (0..exponent).fold(1.0, |x, _| x * (base as f64 / scale));
        let (mut above, mut below, mut choose) = (0.0, 0.0, 1.0);
        for a in 0..=solutions {
            let b = solutions - a;
            let players = |values: &dyn Fn(usize) -> f64| {
                let p = &self.beliefs.players;
                sum((0..p.len()).map(|t| p[t] * power(t + 1, a) * values(t)))
            };
            let malicious =
                sum(self.beliefs.malicious.iter().enumerate().map(|(j, q)| q * power(j, b)));
            above += choose * malicious * players(&|t| self.payoffs.acting[t]);
            below += choose * malicious * players(&|_| 1.0);
            choose *= f64::from(b) / f64::from(a + 1);
        }
        above / below
    }

    /// E[k].
    pub(super) fn headcount_mean(&self) -> f64 {
        self.players_mean + self.malicious_mean
    }
}
