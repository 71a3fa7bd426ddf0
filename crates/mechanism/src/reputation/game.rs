//! The reputation game among users who endorse servers only: Section 5.
//!
//! `u_i = sum_j r[j] s[i][j] / sum_k s[k][j]`. Its unique equilibrium is everybody playing N(R) = R
//! / |R|_1 (Lemma 2).

use super::{ReputationError, check_length, check_probabilities};
use crate::numeric::sum;
use rayon::prelude::*;

/// A profile of strategies over servers, one row per user.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    rows: Vec<Vec<f64>>,
    /// Column sums.
    totals: Vec<f64>,
}

/// The best reply to the others.
#[derive(Clone, Debug, PartialEq)]
pub struct BestResponse {
    /// x on the simplex (m).
    pub strategy: Vec<f64>,
    /// Its payoff. A supremum where some server with trust is endorsed by nobody else: any positive
    /// share of it earns all of its reward, and `strategy` gives it a billionth.
    pub payoff: f64,
}

/// How far a profile is from equilibrium.
#[derive(Clone, Debug, PartialEq)]
pub struct Regret {
    /// What each user would gain by its best response, not negative (n).
    pub gains: Vec<f64>,
    /// The largest: the profile is an eps'-equilibrium for exactly this eps'.
    pub largest: f64,
    /// The user with the largest gain.
    pub user: usize,
}

/// The outcome of best-response dynamics.
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamics {
    /// The last profile.
    pub profile: Profile,
    /// Rounds in which every user moved once.
    pub rounds: usize,
    /// The largest change of an entry in the last round.
    pub change: f64,
}

impl Profile {
    /// `rows`: n strategies over m servers, each not negative with sum 1 within 1e-9 (then
    /// normalised).
    pub fn new(rows: Vec<Vec<f64>>) -> Result<Self, ReputationError> {
        let servers = rows.first().map_or(0, Vec::len);
        if servers == 0 {
            return Err(ReputationError::Empty { users: rows.len(), servers });
        }
        let mut rows = rows;
        for (user, row) in rows.iter_mut().enumerate() {
            check_length("a strategy", row.len(), servers)?;
            check_probabilities("a strategy", row)?;
            let total = sum(row.iter().copied());
            if (total - 1.0).abs() > 1e-9 {
                return Err(ReputationError::NotAStrategy { user, sum: total });
            }
            row.iter_mut().for_each(|x| *x /= total);
        }
        let mut profile = Self { rows, totals: vec![0.0; servers] };
        profile.recount();
        Ok(profile)
    }

    /// Everybody plays `strategy`.
    pub fn symmetric(users: usize, strategy: &[f64]) -> Result<Self, ReputationError> {
        Self::new(vec![strategy.to_vec(); users])
    }

    /// The strategies.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// D_PR of the profile (Theorem 5.1): users who endorse servers only all have the same
    /// PageRank, so the decoded reputation is the mean strategy.
    ///
    /// ```
    /// use muster_mechanism::reputation::Profile;
    /// let profile = Profile::new(vec![vec![1.0, 0.0], vec![0.5, 0.5]])?;
    /// assert_eq!(profile.decoded(), [0.75, 0.25]);
    /// assert!((profile.payoffs(&[0.6, 0.2])?[1] - 0.4).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn decoded(&self) -> Vec<f64> {
        self.totals.iter().map(|t| t / self.rows.len() as f64).collect()
    }

    /// Every user's expected payoff for trust `r` (m, in [0, 1]).
    pub fn payoffs(&self, trust: &[f64]) -> Result<Vec<f64>, ReputationError> {
        self.check_trust(trust)?;
        Ok((0..self.rows.len()).map(|i| self.payoff(i, trust)).collect())
    }

    /// Who gains how much by deviating. O(n m log m), parallel.
    ///
    /// ```
    /// use muster_mechanism::reputation::{Profile, equilibrium};
    /// let trust = [0.9, 0.6, 0.1];
    /// let profile = Profile::symmetric(5, &equilibrium(&trust)?)?;
    /// assert!(profile.regret(&trust)?.largest < 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn regret(&self, trust: &[f64]) -> Result<Regret, ReputationError> {
        self.check_trust(trust)?;
        let gains: Vec<f64> = (0..self.rows.len())
            .into_par_iter()
            .map(|i| {
                let best = respond(&self.others(i), trust);
                (best.payoff - self.payoff(i, trust)).max(0.0)
            })
            .collect();
        let (mut user, mut largest) = (0, 0.0);
        for (i, &gain) in gains.iter().enumerate() {
            if gain > largest {
                (user, largest) = (i, gain);
            }
        }
        Ok(Regret { gains, largest, user })
    }

    /// Best-response dynamics: users move in turn until no entry changes by more than `tolerance`
    /// in a round, for at most `rounds_max` rounds.
    ///
    /// ```
    /// use muster_mechanism::reputation::{Profile, equilibrium};
    /// let trust = [0.9, 0.6, 0.1];
    /// let rows = [[0.1, 0.1, 0.8], [0.3, 0.3, 0.4], [0.2, 0.7, 0.1]];
    /// let start = Profile::new(rows.map(|row| row.to_vec()).to_vec())?;
    /// let end = start.best_response_dynamics(&trust, 1e-12, 10_000)?;
    /// for (found, expected) in end.profile.decoded().iter().zip(equilibrium(&trust)?) {
    ///     assert!((found - expected).abs() < 1e-9);
    /// }
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn best_response_dynamics(
        mut self,
        trust: &[f64],
        tolerance: f64,
        rounds_max: usize,
    ) -> Result<Dynamics, ReputationError> {
        self.check_trust(trust)?;
        let (mut rounds, mut change) = (0, f64::INFINITY);
        while rounds < rounds_max && change > tolerance {
            change = 0.0;
            for i in 0..self.rows.len() {
                let best = respond(&self.others(i), trust);
                for j in 0..trust.len() {
                    let moved = best.strategy[j] - self.rows[i][j];
                    change = f64::max(change, moved.abs());
                    self.totals[j] += moved;
                }
                self.rows[i] = best.strategy;
            }
            self.recount();
            rounds += 1;
        }
        Ok(Dynamics { profile: self, rounds, change })
    }

    fn check_trust(&self, trust: &[f64]) -> Result<(), ReputationError> {
        check_length("trust", trust.len(), self.totals.len())?;
        check_probabilities("trust", trust)
    }

    fn recount(&mut self) {
        for j in 0..self.totals.len() {
            self.totals[j] = sum(self.rows.iter().map(|row| row[j]));
        }
    }

    /// What the others put on each server. Exactly 0 where they put nothing.
    fn others(&self, user: usize) -> Vec<f64> {
        let row = &self.rows[user];
        (0..row.len())
            .map(|j| {
                let rest = self.totals[j] - row[j];
                if rest > 1e-13 * self.totals[j] {
                    return rest;
                }
                // All but nothing is left after the subtraction: sum again without this user.
                sum(self.rows.iter().enumerate().filter(|(i, _)| *i != user).map(|(_, r)| r[j]))
            })
            .collect()
    }

    fn payoff(&self, user: usize, trust: &[f64]) -> f64 {
        let others = self.others(user);
        payoff(&self.rows[user], &others, trust)
    }
}

/// `sum_j r[j] x[j] / (x[j] + o[j])`, Eq. (2).
pub(super) fn payoff(strategy: &[f64], others: &[f64], trust: &[f64]) -> f64 {
    let share = |j: usize| {
        if strategy[j] > 0.0 { strategy[j] / (strategy[j] + others[j]) } else { 0.0 }
    };
    sum((0..trust.len()).map(|j| trust[j] * share(j)))
}

/// N(R) = R / |R|_1, the equilibrium strategy (Lemma 2).
///
/// ```
/// use muster_mechanism::reputation::equilibrium;
/// assert_eq!(equilibrium(&[0.5, 0.25, 0.25])?, [0.5, 0.25, 0.25]);
/// assert!(equilibrium(&[0.0, 0.0]).is_err());
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
///
/// # Errors
/// Entries outside [0, 1], or all of them 0.
pub fn equilibrium(trust: &[f64]) -> Result<Vec<f64>, ReputationError> {
    check_probabilities("trust", trust)?;
    let total = sum(trust.iter().copied());
    if total <= 0.0 {
        return Err(ReputationError::NoEndorsement);
    }
    Ok(trust.iter().map(|r| r / total).collect())
}

/// The best reply to the others' totals: `x[j] = max(0, sqrt(r[j] o[j] / mu) - o[j])` on the
/// simplex, with mu found by sorting. O(m log m), exact.
///
/// `others` (m): what the others put on each server, not negative; `trust` (m) in [0, 1].
///
/// ```
/// use muster_mechanism::reputation::best_response;
/// let best = best_response(&[2.0, 1.0], &[0.5, 0.25])?;
/// assert!((best.strategy[0] - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
pub fn best_response(others: &[f64], trust: &[f64]) -> Result<BestResponse, ReputationError> {
    check_length("others", others.len(), trust.len())?;
    check_probabilities("trust", trust)?;
    if trust.is_empty() {
        return Err(ReputationError::Empty { users: 1, servers: 0 });
    }
    if let Some(index) = others.iter().position(|o| !(*o >= 0.0 && o.is_finite())) {
        return Err(ReputationError::Entry {
            field: "others",
            index,
            value: others[index],
            wanted: "it must be a finite number that is not negative",
        });
    }
    Ok(respond(others, trust))
}

/// What is put on servers that nobody else endorses, in total.
const TOKEN: f64 = 1e-9;

/// The best response to what all others put on each server.
pub(super) fn respond(others: &[f64], trust: &[f64]) -> BestResponse {
    let free: Vec<usize> =
        (0..trust.len()).filter(|&j| others[j] == 0.0 && trust[j] > 0.0).collect();
    let mut order: Vec<usize> =
        (0..trust.len()).filter(|&j| others[j] > 0.0 && trust[j] > 0.0).collect();
    let mut strategy = vec![0.0; trust.len()];
    if order.is_empty() {
        // Nothing is contested: any strategy that reaches all of it earns all of it.
        let total = sum(trust.iter().copied());
        if total > 0.0 {
            strategy.iter_mut().zip(trust).for_each(|(x, r)| *x = r / total);
        } else {
            strategy.fill(1.0 / trust.len() as f64);
        }
        return BestResponse { payoff: sum(free.iter().map(|&j| trust[j])), strategy };
    }
    let budget = if free.is_empty() { 1.0 } else { 1.0 - TOKEN };
    free.iter().for_each(|&j| strategy[j] = TOKEN / free.len() as f64);
    // Marginal pay at x = 0 is r/o: servers enter in that order until the next one's is below mu.
    order.sort_by(|&a, &b| {
        (trust[b] / others[b]).total_cmp(&(trust[a] / others[a])).then(a.cmp(&b))
    });
    // The product itself may leave the range of a double.
    let root = |j: usize| trust[j].sqrt() * others[j].sqrt();
    let (mut roots, mut held, mut multiplier) = (0.0, budget, 0.0);
    let mut taken = 0;
    for &j in &order {
        // sqrt(mu) over the servers so far; j enters if its r/o exceeds mu.
        if taken > 0 && (trust[j] / others[j]).sqrt() <= multiplier {
            break;
        }
        roots += root(j);
        held += others[j];
        multiplier = roots / held;
        taken += 1;
    }
    for &j in &order[..taken] {
        strategy[j] = (root(j) / multiplier - others[j]).max(0.0);
    }
    // Rounding of large totals may leave the simplex: put it back proportionally.
    let placed = sum(order[..taken].iter().map(|&j| strategy[j]));
    if placed > 0.0 {
        order[..taken].iter().for_each(|&j| strategy[j] *= budget / placed);
    } else if let Some(&most) =
        order[..taken].iter().max_by(|&&a, &&b| others[a].total_cmp(&others[b]))
    {
        // Next to totals this large the budget is lost in rounding: pay is linear in it.
        strategy[most] = budget;
    }
    BestResponse { payoff: payoff(&strategy, others, trust), strategy }
}

/// `eps' <= m^2 (n-1)/n^2 (1+eps)/(1-eps)`: how far from equilibrium everybody playing N(R') is,
/// for beliefs within eps of R (Lemma 3). `noise` = eps in [0, 1).
///
/// # Errors
/// No users; `noise` out of range.
pub fn noisy_regret_bound(
    users: usize,
    servers: usize,
    noise: f64,
) -> Result<f64, ReputationError> {
    if users == 0 {
        return Err(ReputationError::Empty { users, servers });
    }
    if !(0.0..1.0).contains(&noise) {
        let wanted = "it must be at least 0 and below 1";
        return Err(ReputationError::Parameter { field: "noise", value: noise, wanted });
    }
    let (n, m) = (users as f64, servers as f64);
    Ok(m * m * (n - 1.0) / (n * n) * (1.0 + noise) / (1.0 - noise))
}

/// How much a user could gain while everybody plays N(R') for a belief R' that is not R:
///
/// ```text
/// eps' <= |R|_1 (n-1)/n (1 - (sum_j sqrt(N(R)[j] N(R')[j]))^2) + 1/n sum over R'[j] = 0 of R[j]
/// ```
///
/// with equality unless the best response leaves out a server; the last term is what nobody is paid
/// now. Ours, in place of the linear approximation of Lemma 3: on the simplex
/// `sum_j r_j x_j / (x_j + o_j)` is at most `|R|_1 - (sum_j sqrt(r_j o_j))^2 / n`, the maximum
/// without the constraint `x >= 0`. The bracket is the squared sine of the angle between the roots
/// of both distributions, so the gain is of second order in the error of the belief and does not
/// grow with the number of users.
///
/// `trust` (m) = R, `belief` (m) = R', both in [0, 1] and not all 0.
///
/// ```
/// use muster_mechanism::reputation::{Profile, equilibrium, noisy_regret};
/// let (trust, belief) = ([0.9, 0.6, 0.3], [0.88, 0.61, 0.31]);
/// let measured = Profile::symmetric(10, &equilibrium(&belief)?)?.regret(&trust)?.largest;
/// assert!((noisy_regret(10, &trust, &belief)? - measured).abs() < 1e-12);
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
///
/// # Errors
/// As for [`equilibrium`]; beliefs of another length; no users.
pub fn noisy_regret(users: usize, trust: &[f64], belief: &[f64]) -> Result<f64, ReputationError> {
    check_length("belief", belief.len(), trust.len())?;
    if users == 0 {
        return Err(ReputationError::Empty { users, servers: trust.len() });
    }
    let (truth, played) = (equilibrium(trust)?, equilibrium(belief)?);
    // 1 - cos by squares of differences: it keeps its digits where the two are close.
    let squares = truth.iter().zip(&played).map(|(p, q)| {
        let apart = p.sqrt() - q.sqrt();
        apart * apart
    });
    let versine = 0.5 * sum(squares);
    let n = users as f64;
    let overlooked = sum((0..trust.len()).filter(|&j| belief[j] == 0.0).map(|j| trust[j]));
    let endorsed = sum(trust.iter().copied()) * (n - 1.0) / n * versine * (2.0 - versine);
    Ok(endorsed + overlooked / n)
}

/// The max-norm error of the decoded reputation N(R') where every belief is within `noise` of R and
/// their sum within `sum_error`: at most `(noise + max_j N(R)[j] sum_error) / (|R|_1 - sum_error)`.
///
/// Theorem 7.1 leaves `sum_error` out (its approximation (5)) and arrives at `noise / |R|_1`.
/// Infinite where the sum of the beliefs may vanish.
///
/// # Errors
/// As for [`equilibrium`]; a negative `noise` or `sum_error`.
pub fn noisy_decoding_bound(
    trust: &[f64],
    noise: f64,
    sum_error: f64,
) -> Result<f64, ReputationError> {
    let largest = equilibrium(trust)?.into_iter().fold(0.0, f64::max);
    for (field, value) in [("noise", noise), ("sum_error", sum_error)] {
        if !(value >= 0.0 && value.is_finite()) {
            let wanted = "it must be a finite number that is not negative";
            return Err(ReputationError::Parameter { field, value, wanted });
        }
    }
    let left = sum(trust.iter().copied()) - sum_error;
    Ok(if left > 0.0 { (noise + largest * sum_error) / left } else { f64::INFINITY })
}
