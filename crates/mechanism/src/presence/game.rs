//! The game with equal machines: `E_T W`, `T*`, `T°`, welfare, the curve.

use super::core::{Core, Evaluation};
use super::deadline::{falling_root, marginal};
use super::{Beliefs, Payoffs, PresenceError, Rate, Seconds, erlang};
use crate::numeric::sum;
use rayon::prelude::*;

/// The most solutions that a round may ask for. Beyond it, products of moments could leave the
/// range of f64.
pub const SOLUTIONS_MAX: u32 = 32;

/// A presence game: beliefs, payoffs, one rate for every machine, and how many solutions count as
/// solved.
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
    /// `E_inf < W* < E_0`: the puzzle makes coordination an equilibrium exactly for deadlines up to
    /// `maximum`.
    Deadline {
        /// T*, the root of `E_T W = W*` (Proposition 2).
        maximum: Seconds,
        /// T°, the deadline of the highest welfare; also the cut-off on the solution time itself.
        best: Seconds,
        /// The probability that the puzzle is solved by T*, for a present player.
        solved_probability_at_max: f64,
    },
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

    /// The same game when the puzzle must be solved `solutions` times by the deadline: the time of
    /// the s-th solution is Erlang, which sharpens the headcount. 1..=[`SOLUTIONS_MAX`].
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

    /// `E_0 W`, the limit of [`payoff_at`](Self::payoff_at) at T = 0 (Section III; E[k^s V]/E[k^s]
    /// for s solutions).
    pub fn payoff_at_zero(&self) -> f64 {
        self.core.payoff_at_zero(self.solutions)
    }

    /// `E_inf W = E[W]`, the limit at T = infinity (Section III).
    pub fn payoff_at_infinity(&self) -> f64 {
        self.core.payoff_at_infinity()
    }

    /// `E_T W`, the expected payoff of acting once the puzzle is solved by `deadline`, if all
    /// players do. O(m + n), 1e-12 relative.
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

    /// [`payoff_at`](Self::payoff_at) for many deadlines, in parallel; the same bits for any number
    /// of threads.
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

    /// The probability that the puzzle is solved by `deadline`, for a present player:
    /// `sum_k r[k] P(s, lambda k T)`.
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
    /// let best = game.deadline_best().expect("W* < E_0");
    /// let most = game.deadline_max().expect("E_inf < W*");
    /// assert!(best < most);
    /// assert!(game.welfare(best) > game.welfare(most));
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn welfare(&self, deadline: Seconds) -> f64 {
        self.core.payoffs.null + self.gain(deadline.get())
    }

    /// T°, the deadline of the highest welfare: the root of
    /// `sum_k r[k] k^s exp(-lambda k T) (V(k) - W*) = 0`. A solution that arrives exactly then is
    /// worth exactly W*, so it is also the cut-off for players who see the solution time: act iff
    /// solved at tau <= T°. None if `W* >= E_0`.
    ///
    /// Unique because V rises in k and crosses W* once, and k^s exp(-lambda k T) has monotone
    /// likelihood ratios in T.
    pub fn deadline_best(&self) -> Option<Seconds> {
        if self.core.payoffs.null >= self.payoff_at_zero() {
            return None;
        }
        falling_root(|t| marginal(&self.core, self.rate * t, self.solutions), self.start())
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
        let null = self.core.payoffs.null;
        if null <= self.payoff_at_infinity() || null >= self.payoff_at_zero() {
            return None;
        }
        // Positive before T*, negative after; zero only where a deadline is too short for f64 to
        // see it.
        let gain = |t: f64| {
            let gain = self.gain(t);
            if gain == 0.0 { f64::MIN_POSITIVE } else { gain }
        };
        falling_root(gain, self.start())
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

    /// The probability that even the largest possible headcount, m + n machines, solves it by
    /// `deadline`: a round in which this is negligible cannot succeed for anybody.
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

    /// The rate per machine, hence the difficulty, that makes `deadline` the best deadline: all
    /// depends on lambda T only. None if `W* >= E_0`.
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

    /// Where the search for a deadline begins: what a solution takes the mean headcount.
    fn start(&self) -> f64 {
        1.0 / (self.rate * self.core.headcount_mean())
    }

    fn evaluate(&self, deadline: f64) -> Evaluation {
        let x = self.rate * deadline;
        if self.solutions == 1 {
            return self.core.evaluate(&self.core.chances(x, x, x));
        }
        let [solved, payoff] = erlang::evaluate(&self.core, x, self.solutions, [|_| 1.0, |w| w]);
        Evaluation { solved: solved.min(1.0), payoff }
    }

    /// E[W - W*; solved].
    fn gain(&self, deadline: f64) -> f64 {
        let x = self.rate * deadline;
        if self.solutions == 1 {
            return self.core.solved_sum(&self.core.gain, &self.core.chances(x, x, x));
        }
        let null = self.core.payoffs.null;
        let [gain] = erlang::evaluate(&self.core, x, self.solutions, [|w| w - null]);
        gain
    }

    /// The belief about the number of players, `P(i)` for i = 1..=m, of who knows that the last of
    /// the solutions came exactly at `tau`: by Bayes' rule, with the density
    /// `(lambda k)^s tau^(s-1) exp(-lambda k tau) / (s-1)!` of that among k machines. At T° it
    /// gives a payoff of exactly W*. From logarithms; O((m + n) s).
    ///
    /// ```
    /// # use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate, Seconds};
    /// # let game = Game::new(
    /// #     Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?,
    /// #     Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?,
    /// #     Rate::per_second(0.05)?,
    /// # )?;
    /// let best = game.deadline_best().expect("W* < E_0");
    /// let players = game.players_given_solution(best);
    /// let worth: f64 = players.iter().zip(game.payoffs().acting()).map(|(p, w)| p * w).sum();
    /// assert!((worth - 1.9).abs() < 1e-9);
    /// // Whoever solves it at once is many.
    /// let soon = game.players_given_solution(Seconds::new(0.001)?);
    /// assert!(soon[2] > players[2] && players[2] > 0.0);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn players_given_solution(&self, tau: Seconds) -> Vec<f64> {
        let (x, s) = (self.rate * tau.get(), self.solutions as usize);
        let scale =
            1.0 / (self.core.beliefs.players_max() + self.core.beliefs.malicious_max()) as f64;
        let others = self.core.malicious_tilted().moments(x, self.solutions, scale);
        // sum_j q[j] e^(-xj) (i + j)^s, by the binomial theorem; the moments bring 1 / b!.
        let ways = |i: f64| {
            let (mut total, mut power) = (0.0, 1.0);
            for a in 0..=s {
                total += power * others[s - a].0;
                power *= i * scale / (a + 1) as f64;
            }
            total
        };
        let players = self.core.beliefs.players_log.iter().zip(1_u32..);
        let logs = players.map(|(p, i)| p - x * f64::from(i) + libm::log(ways(f64::from(i))));
        let logs: Vec<f64> = logs.collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|l| libm::exp(l - top)).collect();
        let total = sum(weights.iter().copied());
        weights.into_iter().map(|w| w / total).collect()
    }

    /// `gamma_k(i)` for i = max(1, k-n)..=min(k, m), first entry first; empty if no such i. From
    /// logarithms, so that no tail is 0/0. O(min(m, n)).
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

    /// `r[k]` for k = 1..=m+n, by direct sums of positive terms: O(m n) and accurate in every tail
    /// that f64 can hold. A Fourier transform would lose the tails, and nothing that takes large
    /// games asks for r.
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
