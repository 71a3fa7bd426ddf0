//! The game with equal machines: `E_T W`, `T*`, `T°`, welfare, the curve.

use super::deadline::{Tilted, best, maximum};
use super::kernel::{Decay, Series};
use super::{Beliefs, Payoffs, PresenceError, Rate, Seconds, erlang};
use crate::numeric::sum;
use rayon::prelude::*;

/// The most solutions that a round may ask for. Beyond it, products of moments could leave the range of f64.
pub const SOLUTIONS_MAX: u32 = 32;

/// A presence game: beliefs, payoffs, one rate for every machine, and how many solutions count as solved.
#[derive(Clone, Debug)]
pub struct Game {
    pub(super) core: Core,
    pub(super) rate: f64,
    pub(super) solutions: u32,
}

/// What a game allows. None of the three is an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// `W* >= E_0`: even an instant solution does not make acting worthwhile.
    Impossible,
    /// `W* <= E_inf`: acting is worthwhile without a puzzle.
    Unneeded {
        /// T°: a puzzle would still sort good moments from bad; this deadline does it best.
        best: Seconds,
    },
    /// `E_inf < W* < E_0`: the puzzle makes coordination an equilibrium exactly for deadlines up to `maximum`.
    Deadline {
        /// T*, the root of `E_T W = W*` (Proposition 2).
        maximum: Seconds,
        /// T°, the deadline of the highest welfare; also the cut-off on the solution time itself.
        best: Seconds,
        /// The probability that the puzzle is solved by T*, for a present player.
        solved_probability_at_max: f64,
    },
}

/// Sums over beliefs, shared by every variant of the game.
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

    /// For a rate of `offset` + (i - 1) `player` of i players and `unit` of a malicious unit, each times T.
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
    fn payoff_at_zero(&self, solutions: u32) -> f64 {
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

impl Game {
    /// A game in which one solution by the deadline counts, as in the paper.
    ///
    /// ```
    /// use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate, Seconds};
    /// let game = Game::new(
    ///     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    ///     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    ///     Rate::per_second(0.05)?,
    /// )?;
    /// assert!(game.payoff_at_zero() > 1.9 && game.payoff_at_infinity() < 1.9);
    /// let short = game.payoff_at(Seconds::new(1.0)?);
    /// assert!(game.payoff_at_infinity() < short && short < game.payoff_at_zero());
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    ///
    /// # Errors
    /// [`PresenceError::Length`] if there is not one payoff per number of players.
    pub fn new(beliefs: Beliefs, payoffs: Payoffs, rate: Rate) -> Result<Self, PresenceError> {
        Ok(Self { core: Core::new(beliefs, payoffs)?, rate: rate.get(), solutions: 1 })
    }

    /// The same game when the puzzle must be solved `solutions` times by the deadline: the time of the s-th solution
    /// is Erlang, which sharpens the headcount. 1..=[`SOLUTIONS_MAX`].
    ///
    /// ```
    /// use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// let game = Game::new(
    ///     Beliefs::new(vec![0.5, 0.5], vec![1.0])?,
    ///     Payoffs::new(vec![0.0, 1.0], 0.7)?,
    ///     Rate::per_second(1.0)?,
    /// )?;
    /// let sharper = game.clone().with_solutions(4)?;
    /// assert!(sharper.payoff_at_zero() > game.payoff_at_zero());
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn with_solutions(mut self, solutions: u32) -> Result<Self, PresenceError> {
        if !(1..=SOLUTIONS_MAX).contains(&solutions) {
            return Err(PresenceError::Value {
                field: "solutions",
                value: f64::from(solutions),
                wanted: "the number of solutions must be from 1 to 32",
            });
        }
        self.solutions = solutions;
        Ok(self)
    }

    /// The beliefs.
    pub fn beliefs(&self) -> &Beliefs {
        &self.core.beliefs
    }

    /// The payoffs.
    pub fn payoffs(&self) -> &Payoffs {
        &self.core.payoffs
    }

    /// How many solutions count as solved.
    pub fn solutions(&self) -> u32 {
        self.solutions
    }

    /// `E_0 W`, the limit of [`payoff_at`](Self::payoff_at) at T = 0 (Section III; E[k^s V]/E[k^s] for s solutions).
    pub fn payoff_at_zero(&self) -> f64 {
        self.core.payoff_at_zero(self.solutions)
    }

    /// `E_inf W = E[W]`, the limit at T = infinity (Section III).
    pub fn payoff_at_infinity(&self) -> f64 {
        self.core.payoff_at_infinity()
    }

    /// `E_T W`, the expected payoff of acting once the puzzle is solved by `deadline`, if all players do.
    /// O(m + n), 1e-12 relative.
    pub fn payoff_at(&self, deadline: Seconds) -> f64 {
        let headcount_max =
            (self.core.beliefs.players_max() + self.core.beliefs.malicious_max()) as f64;
        // Below this the limit is exact to the last digit, and the sums would be subnormal.
        if self.rate * deadline.get() * headcount_max < 1e-18 {
            return self.payoff_at_zero();
        }
        let at = self.evaluate(deadline.get());
        if at.solved > 0.0 { at.payoff / at.solved } else { self.payoff_at_zero() }
    }

    /// [`payoff_at`](Self::payoff_at) for many deadlines, in parallel; the same bits for any number of threads.
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    /// # use muster_mechanism::presence::Seconds;
    /// let deadlines = [Seconds::new(1.0)?, Seconds::new(10.0)?, Seconds::new(100.0)?];
    /// let curve = game.curve(&deadlines);
    /// assert!(curve[0] > curve[1] && curve[1] > curve[2], "strictly decreasing (Proposition 1)");
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn curve(&self, deadlines: &[Seconds]) -> Vec<f64> {
        deadlines.par_iter().map(|&t| self.payoff_at(t)).collect()
    }

    /// The probability that the puzzle is solved by `deadline`, for a present player: `sum_k r[k] P(s, lambda k T)`.
    pub fn solved_probability(&self, deadline: Seconds) -> f64 {
        self.evaluate(deadline.get()).solved
    }

    /// Ex-ante welfare of a present player, `U(T) = W* + sum_k r[k] P(s, lambda k T) (V(k) - W*)`.
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    ///
    /// let (best, most) = (game.deadline_best().expect("W* < E_0"), game.deadline_max().expect("E_inf < W*"));
    /// assert!(best < most);
    /// assert!(game.welfare(best) > game.welfare(most));
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn welfare(&self, deadline: Seconds) -> f64 {
        self.core.payoffs.null + self.gain(deadline.get())
    }

    /// T°, the deadline of the highest welfare: the root of `sum_k r[k] k^s exp(-lambda k T) (V(k) - W*) = 0`. A
    /// solution that arrives exactly then is worth exactly W*, so it is also the cut-off for players who see the
    /// solution time: act iff solved at tau <= T°. None if `W* >= E_0`.
    ///
    /// Unique because V rises in k and crosses W* once, and k^s exp(-lambda k T) has monotone likelihood ratios in T.
    pub fn deadline_best(&self) -> Option<Seconds> {
        best(self)
    }

    /// T*, the root of `E_T W = W*`. None unless `E_inf < W* < E_0`.
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    ///
    /// let most = game.deadline_max().expect("E_inf < W* < E_0");
    /// assert!((game.payoff_at(most) - 1.9).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn deadline_max(&self) -> Option<Seconds> {
        maximum(self)
    }

    /// Which of the three cases holds, with the deadlines (Proposition 2).
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    /// # use muster_mechanism::presence::Outcome;
    /// let Outcome::Deadline { maximum, best, solved_probability_at_max } = game.solve() else {
    ///     panic!("W* lies between E_inf and E_0");
    /// };
    /// assert!(best < maximum);
    /// assert_eq!(solved_probability_at_max, game.solved_probability(maximum));
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn solve(&self) -> Outcome {
        let Some(best) = self.deadline_best() else {
            return Outcome::Impossible;
        };
        match self.deadline_max() {
            None => Outcome::Unneeded { best },
            Some(maximum) => Outcome::Deadline {
                maximum,
                best,
                solved_probability_at_max: self.solved_probability(maximum),
            },
        }
    }

    /// The probability that even the largest possible headcount, m + n machines, solves it by `deadline`: a round in
    /// which this is negligible cannot succeed for anybody.
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    /// # use muster_mechanism::presence::Seconds;
    /// // Five machines at most, for four seconds, at a twentieth of a solution a second each.
    /// let odds = game.solved_probability_largest(Seconds::new(4.0)?);
    /// assert!((odds + f64::exp_m1(-1.0)).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn solved_probability_largest(&self, deadline: Seconds) -> f64 {
        let headcount_max =
            (self.core.beliefs.players_max() + self.core.beliefs.malicious_max()) as f64;
        erlang::gamma_lower_regularised(self.solutions, self.rate * deadline.get() * headcount_max)
    }

    /// The rate per machine, hence the difficulty, that makes `deadline` the best deadline: all depends on
    /// lambda T only. None if `W* >= E_0`.
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    /// # use muster_mechanism::presence::Seconds;
    /// let minute = Seconds::new(60.0)?;
    /// let rate = game.rate_for_best(minute).expect("W* < E_0");
    /// let tuned = Game::new(game.beliefs().clone(), game.payoffs().clone(), rate)?;
    /// assert!((tuned.deadline_best().expect("as before").get() - 60.0).abs() < 1e-6);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn rate_for_best(&self, deadline: Seconds) -> Option<Rate> {
        let best = self.deadline_best()?;
        Rate::per_second(self.rate * best.get() / deadline.get()).ok()
    }

    pub(super) fn evaluate(&self, deadline: f64) -> Evaluation {
        let x = self.rate * deadline;
        if self.solutions == 1 {
            return self.core.evaluate(&self.core.chances(x, x, x));
        }
        let [solved, payoff] = erlang::evaluate(&self.core, x, self.solutions, [|_| 1.0, |w| w]);
        Evaluation { solved: solved.min(1.0), payoff }
    }

    /// E[W - W*; solved].
    pub(super) fn gain(&self, deadline: f64) -> f64 {
        let x = self.rate * deadline;
        if self.solutions == 1 {
            return self.core.solved_sum(&self.core.gain, &self.core.chances(x, x, x));
        }
        let null = self.core.payoffs.null;
        let [gain] = erlang::evaluate(&self.core, x, self.solutions, [|w| w - null]);
        gain
    }

    /// `gamma_k(i)` for i = max(1, k-n)..=min(k, m), first entry first; empty if no such i. From logarithms, so that
    /// no tail is 0/0. O(min(m, n)).
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    ///
    /// // One machine at work: a player, for the player who asks is present.
    /// assert_eq!(game.players_given_headcount(1), [(1, 1.0)]);
    /// assert_eq!(game.payoff_given_headcount(1), Some(0.0));
    /// assert_eq!(game.payoff_given_headcount(9), None);
    /// let rising: Vec<f64> = (1..=5).filter_map(|k| game.payoff_given_headcount(k)).collect();
    /// assert!(rising.is_sorted(), "V rises in the headcount (Lemma 1)");
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn players_given_headcount(&self, headcount: usize) -> Vec<(usize, f64)> {
        let (p, q) = (&self.core.beliefs.players_log, &self.core.beliefs.malicious_log);
        let first = headcount.saturating_sub(q.len() - 1).max(1);
        let last = headcount.min(p.len());
        let logs: Vec<f64> = (first..=last).map(|i| p[i - 1] + q[headcount - i]).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|l| libm::exp(l - top)).collect();
        let total = sum(weights.iter().copied());
        (first..=last).zip(weights.into_iter().map(|w| w / total)).collect()
    }

    /// `V(k)`, the expected payoff given that k machines work. None if k is impossible.
    pub fn payoff_given_headcount(&self, headcount: usize) -> Option<f64> {
        let gamma = self.players_given_headcount(headcount);
        (!gamma.is_empty())
            .then(|| sum(gamma.iter().map(|&(i, g)| g * self.core.payoffs.acting[i - 1])))
    }

    /// `r[k]` for k = 1..=m+n, by direct sums of positive terms: O(m n) and accurate in every tail that f64 can hold.
    /// A Fourier transform would lose the tails, and nothing that takes large games asks for r.
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    ///
    /// let headcount = game.headcount();
    /// assert_eq!(headcount.len(), 5);
    /// assert!((headcount[0] - 0.2 * 0.6).abs() < 1e-15);
    /// assert!((headcount.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn headcount(&self) -> Vec<f64> {
        let (p, q) = (&self.core.beliefs.players, &self.core.beliefs.malicious);
        (1..p.len() + q.len())
            .into_par_iter()
            .map(|k| {
                let (first, last) = (k.saturating_sub(q.len() - 1).max(1), k.min(p.len()));
                sum((first..=last).map(|i| p[i - 1] * q[k - i]))
            })
            .collect()
    }
}
