//! What a margin buys: malicious peers, collusion, wrong beliefs and priors (Sections 5 and 6).

use super::game::{dot, not_negative};
use super::linear::inverse_norm;
use super::{Audit, ScoringMatrix, VerificationError, VerificationGame};

/// The guarantees of a matrix whose margin is delta and whose largest entry is M.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Robustness {
    /// delta.
    pub margin: f64,
    /// M.
    pub bound: f64,
    /// The smallest positive `q[x]`.
    pub marginal_min: f64,
}

impl Robustness {
    /// alpha = delta / M (Definition 5.5); 0 without a margin.
    pub fn compactness(&self) -> f64 {
        if self.margin > 0.0 { self.margin / self.bound } else { 0.0 }
    }

    /// The most malicious among `verifiers` that leave it aligned: `floor(alpha (n-1)/2)` (Lemma
    /// 5.6).
    pub fn malicious_max(&self, verifiers: usize) -> usize {
        (self.compactness() * verifiers.saturating_sub(1) as f64 / 2.0) as usize
    }

    /// The margin left by `malicious` of `verifiers` >= 2: `delta - 2 M k / (n-1)` (Lemma 5.6).
    ///
    /// ```
    /// use muster_mechanism::verification::Robustness;
    /// let promised = Robustness { margin: 2.0, bound: 41.0, marginal_min: 0.125 };
    /// assert_eq!(promised.malicious_max(101), 2);
    /// assert!(promised.margin_left(2, 101)? > 0.0 && promised.margin_left(3, 101)? < 0.0);
    /// assert!(promised.resists_collusion(1, 1, 101) && !promised.resists_collusion(2, 1, 101));
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn margin_left(
        &self,
        malicious: usize,
        verifiers: usize,
    ) -> Result<f64, VerificationError> {
        if verifiers < 2 {
            return Err(VerificationError::Verifiers { verifiers });
        }
        Ok(self.margin - 2.0 * self.bound * malicious as f64 / (verifiers - 1) as f64)
    }

    /// Whether a party of `colluders` who do not share observations gains nothing beside
    /// `malicious` others: `k + l <= alpha (n-1)/2` (Theorem 5.10).
    pub fn resists_collusion(&self, colluders: usize, malicious: usize, verifiers: usize) -> bool {
        (colluders + malicious) as f64
            <= self.compactness() * verifiers.saturating_sub(1) as f64 / 2.0
    }

    /// The total-variation distance of a belief from the assumed one that does no harm: alpha/2
    /// (Theorem 6.2).
    pub fn belief_distance_max(&self) -> f64 {
        self.compactness() / 2.0
    }

    /// The total-variation distance of the prior from the assumed one that does no harm:
    /// `alpha/4 min q[x]` (Theorem 6.3). The exact tolerance along one direction is
    /// [`VerificationGame::prior_tolerance`].
    ///
    /// ```
    /// use muster_mechanism::verification::Robustness;
    /// let promised = Robustness { margin: 2.0, bound: 40.0, marginal_min: 0.125 };
    /// assert_eq!(promised.belief_distance_max(), 0.05 / 2.0);
    /// assert_eq!(promised.prior_distance_max(), 0.05 / 4.0 * 0.125);
    /// ```
    pub fn prior_distance_max(&self) -> f64 {
        self.compactness() / 4.0 * self.marginal_min
    }
}

/// `M* <= c_max K1 + delta K2` (Theorem 5.7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TheoreticalBound {
    /// K1 (Eq. 27).
    pub per_cost: f64,
    /// K2 (Eq. 28).
    pub per_margin: f64,
    /// The largest cost of an observation.
    pub cost_max: f64,
}

impl TheoreticalBound {
    /// The bound on M* at a margin.
    pub fn at(&self, margin: f64) -> f64 {
        self.cost_max * self.per_cost + margin * self.per_margin
    }

    /// A margin that suffices for a compactness: `alpha c_max K1 / (1 - alpha K2)` (Theorem 5.11).
    /// None if `alpha K2 >= 1`. [`VerificationGame::margin_for_compactness`] gives the smallest
    /// one.
    pub fn margin_for(&self, compactness: f64) -> Option<f64> {
        let rest = 1.0 - compactness * self.per_margin;
        (rest > 0.0).then(|| compactness * self.cost_max * self.per_cost / rest)
    }
}

impl VerificationGame {
    /// The guarantees of a matrix in this game.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let pol = VerificationGame::proof_of_learning();
    /// let design = pol.design(2.0)?;
    /// let robustness = pol.robustness(&design.matrix)?;
    /// assert!((robustness.compactness() - 2.0 / 41.0).abs() < 1e-12);
    /// assert_eq!(robustness.malicious_max(101), 2);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn robustness(&self, matrix: &ScoringMatrix) -> Result<Robustness, VerificationError> {
        let positive = self.marginal().iter().copied().filter(|&q| q > 0.0);
        Ok(Robustness {
            margin: self.audit(matrix)?.margin,
            bound: matrix.bound(),
            marginal_min: positive.fold(1.0, f64::min),
        })
    }

    /// The exact margin when a share `malicious` (k / (n-1), in [0, 1]) of a verifier's peers
    /// report whatever hurts alignment most: each constraint meets its own worst reports.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let pol = VerificationGame::proof_of_learning();
    /// let design = pol.design(2.0)?;
    /// let promised = pol.robustness(&design.matrix)?;
    /// // Two of a verifier's hundred peers are malicious: the exact margin is at least the
    /// // promised one.
    /// let exact = pol.worst_case(&design.matrix, 0.02)?;
    /// assert!(exact.margin >= promised.margin_left(2, 101)? - 1e-9);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn worst_case(
        &self,
        matrix: &ScoringMatrix,
        malicious: f64,
    ) -> Result<Audit, VerificationError> {
        self.check_matrix(matrix)?;
        if !(0.0..=1.0).contains(&malicious) {
            return Err(VerificationError::Number {
                field: "malicious".to_owned(),
                value: malicious,
                wanted: "the share of malicious peers must lie between 0 and 1",
            });
        }
        let least = |r: usize| matrix.rows()[r].iter().copied().fold(f64::INFINITY, f64::min);
        let most = |r: usize| matrix.rows()[r].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mixed = |pay: f64, worst: f64| (1.0 - malicious) * pay + malicious * worst;
        let pay = |x: usize, r: usize| {
            mixed(self.pay(matrix, x, r), if r == x { least(r) } else { most(r) })
        };
        Ok(self.tightest(matrix, pay, |r| mixed(self.pay_blind(matrix, r), most(r))))
    }

    /// The largest e for which the matrix keeps `margin` under the prior `pi + e direction`.
    /// `direction` (m) sums to 0. Every constraint, multiplied by `q[x]`, is linear in e, so the
    /// answer is a ratio and not a search. At most the e at which a probability would fall below 0.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let pol = VerificationGame::proof_of_learning();
    /// let matrix = pol.design(0.2)?.matrix;
    /// let tolerance = pol.prior_tolerance(&matrix, &[-1.0, 0.0, 0.0, 1.0], 0.0)?;
    /// assert!((tolerance - 1.0 / 22.0).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn prior_tolerance(
        &self,
        matrix: &ScoringMatrix,
        direction: &[f64],
        margin: f64,
    ) -> Result<f64, VerificationError> {
        self.check_matrix(matrix)?;
        self.check_direction(direction)?;
        let m = self.types();
        let mut limit = f64::INFINITY;
        for (pi, d) in self.prior().iter().zip(direction) {
            if *d < 0.0 {
                limit = limit.min(pi / -d);
            }
        }
        // A slack at + by e: its root, if it falls. What rounding leaves of a slack of 0 counts
        // as 0.
        let noise = 1e-12 * (matrix.bound() + self.cost_max().max(margin));
        let mut consider = |at: f64, by: f64| {
            let at = if at.abs() <= noise { 0.0 } else { at };
            if at < 0.0 {
                limit = 0.0;
            } else if by < -noise {
                limit = limit.min(at / -by);
            }
        };
        for x in 0..m {
            let weights = |t: &[f64]| -> (f64, Vec<f64>) {
                let seen: Vec<f64> = (0..m).map(|u| t[u] * self.observation()[u][x]).collect();
                let joint = (0..m)
                    .map(|z| (0..m).map(|u| seen[u] * self.observation()[u][z]).sum())
                    .collect();
                (seen.iter().sum(), joint)
            };
            let ((q, joint), (q_by, joint_by)) = (weights(self.prior()), weights(direction));
            for r in 0..m {
                let sign = if r == x { 1.0 } else { -1.0 };
                let slack = |q: f64, joint: &[f64]| {
                    sign * (dot(joint, &matrix.rows()[r]) - q * self.cost()[x]) - q * margin
                };
                if q == 0.0 && q_by == 0.0 {
                    // Still unobservable: its belief is the fallback and does not move.
                    consider(slack(1.0, &self.belief()[x]), 0.0);
                } else {
                    consider(slack(q, &joint), slack(q_by, &joint_by));
                }
            }
        }
        let marginal_by: Vec<f64> =
            (0..m).map(|x| (0..m).map(|t| direction[t] * self.observation()[t][x]).sum()).collect();
        for r in 0..m {
            consider(-self.pay_blind(matrix, r) - margin, -dot(&marginal_by, &matrix.rows()[r]));
        }
        Ok(limit)
    }

    /// The largest total-variation distance of beliefs from this game's, the blind one among them,
    /// at which the matrix keeps `margin` whatever the beliefs are: the exact form of Theorem 6.2,
    /// in [0, 1].
    ///
    /// Within a distance d, what hurts a constraint most is to move mass d from the peer reports
    /// that serve it best to the one that serves it worst.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let coin = VerificationGame::coin();
    /// let matrix = coin.design(0.1)?.matrix;
    /// let exact = coin.belief_tolerance(&matrix, 0.0)?;
    /// assert!(exact >= coin.robustness(&matrix)?.belief_distance_max());
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn belief_tolerance(
        &self,
        matrix: &ScoringMatrix,
        margin: f64,
    ) -> Result<f64, VerificationError> {
        self.check_matrix(matrix)?;
        let signed =
            |r: usize, sign: f64| matrix.rows()[r].iter().map(|t| sign * t).collect::<Vec<_>>();
        let mut least = 1.0f64;
        for x in 0..self.types() {
            for r in 0..self.types() {
                let sign = if r == x { 1.0 } else { -1.0 };
                let slack = sign * (self.pay(matrix, x, r) - self.cost()[x]) - margin;
                least = least.min(distance_to_lose(slack, &self.belief()[x], &signed(r, sign)));
            }
        }
        for r in 0..self.types() {
            let slack = -self.pay_blind(matrix, r) - margin;
            least = least.min(distance_to_lose(slack, self.marginal(), &signed(r, -1.0)));
        }
        Ok(least)
    }

    /// The largest total-variation distance of the prior, in whatever direction, at which the
    /// matrix keeps `margin`: the exact form of Theorem 6.3, in [0, 1]. Observations that the game
    /// excludes may become possible in any way.
    ///
    /// Every constraint, multiplied by `q[x]`, is an expectation over the prior, so the distance to
    /// lose it is found as for beliefs.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let pol = VerificationGame::proof_of_learning();
    /// let matrix = pol.design(0.2)?.matrix;
    /// let exact = pol.prior_distance_tolerance(&matrix, 0.0)?;
    /// assert!(exact >= pol.robustness(&matrix)?.prior_distance_max());
    /// assert!(exact <= pol.prior_tolerance(&matrix, &[-1.0, 0.0, 0.0, 1.0], 0.0)?);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn prior_distance_tolerance(
        &self,
        matrix: &ScoringMatrix,
        margin: f64,
    ) -> Result<f64, VerificationError> {
        self.check_matrix(matrix)?;
        let observation = self.observation();
        let mut least = 1.0f64;
        let mut consider = |values: Vec<f64>| {
            let slack = dot(self.prior(), &values);
            least = least.min(distance_to_lose(slack, self.prior(), &values));
        };
        for r in 0..self.types() {
            let paid: Vec<f64> =
                observation.iter().map(|row| dot(row, &matrix.rows()[r])).collect();
            for x in 0..self.types() {
                let sign = if r == x { 1.0 } else { -1.0 };
                let slack = |t: usize| sign * (paid[t] - self.cost()[x]) - margin;
                consider((0..self.types()).map(|t| observation[t][x] * slack(t)).collect());
            }
            consider(paid.iter().map(|pay| -pay - margin).collect());
        }
        Ok(least)
    }

    fn check_direction(&self, direction: &[f64]) -> Result<(), VerificationError> {
        if direction.len() != self.types() {
            return Err(VerificationError::Length {
                field: "direction".to_owned(),
                found: direction.len(),
                wanted: self.types(),
            });
        }
        if let Some(t) = direction.iter().position(|d| !d.is_finite()) {
            return Err(VerificationError::Number {
                field: format!("direction[{t}]"),
                value: direction[t],
                wanted: "it must be finite",
            });
        }
        let total: f64 = direction.iter().sum();
        if total.abs() > 1e-9 {
            return Err(VerificationError::Number {
                field: "the sum of direction".to_owned(),
                value: total,
                wanted: "a prior moves within distributions: the sum must be 0",
            });
        }
        Ok(())
    }

    /// The constants of Theorem 5.7. None if the beliefs are singular, where the theorem says
    /// nothing.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let coin = VerificationGame::coin();
    /// let bound = coin.theoretical_bound().expect("its beliefs are regular");
    /// assert!(coin.design(0.1)?.matrix.bound() <= bound.at(0.1));
    /// // A margin that suffices for a compactness of one percent, if the bound allows one at all.
    /// if let Some(margin) = bound.margin_for(0.01) {
    ///     assert!(coin.margin_for_compactness(0.01)? <= margin);
    /// }
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn theoretical_bound(&self) -> Option<TheoreticalBound> {
        let norm = inverse_norm(self.belief())?;
        let q_max = self.marginal().iter().copied().fold(0.0, f64::max);
        if q_max >= 1.0 {
            return None;
        }
        let m = self.types() as f64;
        let (ratio, wide) = (q_max / (1.0 - q_max), (1.0 + q_max) / (1.0 - q_max));
        Some(TheoreticalBound {
            per_cost: norm * (m + (m - 1.0) * (ratio * ratio + 1.0)).sqrt(),
            per_margin: norm * (m + (m - 1.0) * (wide * wide + 9.0 * (m - 1.0))).sqrt(),
            cost_max: self.cost_max(),
        })
    }

    /// The smallest margin whose design has at least this compactness, in (0, 1). Where looking
    /// costs nothing, every margin has the same compactness and 1 is returned.
    ///
    /// With T' = T/delta and s = 1/delta, the program asks for the smallest |T'| with costs s c and
    /// margin 1: convex in s, so two one-dimensional searches settle it.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let pol = VerificationGame::proof_of_learning();
    /// let margin = pol.margin_for_compactness(0.02)?;
    /// let matrix = pol.design(margin)?.matrix;
    /// assert!((margin / matrix.bound() - 0.02).abs() < 1e-6);
    /// assert!(pol.margin_for_compactness(2.0 * pol.compactness_max()?).is_err());
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerificationError::Compactness`] with the largest that exists.
    pub fn margin_for_compactness(&self, compactness: f64) -> Result<f64, VerificationError> {
        not_negative(compactness, || "compactness".to_owned())?;
        let (best, least) = self.compactest()?;
        if compactness <= 0.0 {
            return Ok(0.0);
        }
        if least * compactness > 1.0 + 1e-9 {
            return Err(VerificationError::Compactness {
                wanted: compactness,
                largest: 1.0 / least,
            });
        }
        if self.cost_max() == 0.0 {
            return Ok(1.0);
        }
        let (mut low, mut high) = (best, self.inverse_margin_max(compactness).max(best));
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            match self.bound_min(1.0, middle)? {
                Some(bound) if bound * compactness <= 1.0 => low = middle,
                _ => high = middle,
            }
        }
        if low > 0.0 {
            return Ok(1.0 / low);
        }
        Err(VerificationError::Compactness { wanted: compactness, largest: 1.0 / least })
    }

    /// The largest compactness of any design, over all margins.
    pub fn compactness_max(&self) -> Result<f64, VerificationError> {
        Ok(1.0 / self.compactest()?.1)
    }

    /// M' >= 1 + s c_max, because honest pay covers the cost: beyond this s the compactness is out
    /// of reach.
    fn inverse_margin_max(&self, compactness: f64) -> f64 {
        (1.0 / compactness - 1.0).max(0.0) / self.cost_max()
    }

    /// (s, M'(s)) at the minimum of the convex M'.
    fn compactest(&self) -> Result<(f64, f64), VerificationError> {
        let value = |s: f64| self.bound_min(1.0, s).map(|b| b.unwrap_or(f64::INFINITY));
        let at_zero = value(0.0)?;
        let cost_max = self.cost_max();
        if cost_max == 0.0 || at_zero.is_infinite() {
            return self.feasible_start(at_zero, value);
        }
        let (s, inner) = lowest(value, 0.0, (at_zero - 1.0).max(0.0) / cost_max)?;
        Ok(if at_zero <= inner { (0.0, at_zero) } else { (s, inner) })
    }

    /// Where margin 1 without costs is infeasible (singular beliefs), differing costs may still
    /// make it feasible.
    fn feasible_start(
        &self,
        at_zero: f64,
        value: impl Fn(f64) -> Result<f64, VerificationError>,
    ) -> Result<(f64, f64), VerificationError> {
        if at_zero.is_finite() {
            return Ok((0.0, at_zero));
        }
        let Some(largest) = self.margin_limit()?.filter(|&l| l > 0.0) else {
            return Err(VerificationError::Infeasible {
                margin: 0.0,
                largest: super::LargestMargin::None,
            });
        };
        // Feasible exactly from s = 1/largest on; M'(s) >= 1 + s c_max ends the search.
        let start = 1.0 / largest * (1.0 + 1e-9);
        let end = start.max((value(start)? - 1.0) / self.cost_max());
        lowest(value, start, end)
    }
}

/// (s, value) near the minimum of a convex function between `low` and `high`, by thirds.
fn lowest(
    value: impl Fn(f64) -> Result<f64, VerificationError>,
    mut low: f64,
    mut high: f64,
) -> Result<(f64, f64), VerificationError> {
    for _ in 0..80 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if value(a)? <= value(b)? {
            high = b;
        } else {
            low = a;
        }
    }
    let middle = 0.5 * (low + high);
    Ok((middle, value(middle)?))
}

/// How much of a distribution must move until the expectation of `values` has fallen by more than
/// `slack`; 1 if it cannot.
fn distance_to_lose(mut slack: f64, weights: &[f64], values: &[f64]) -> f64 {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    if weights.iter().zip(values).map(|(w, v)| w * (v - low)).sum::<f64>() <= slack {
        return 1.0;
    }
    let mut best_first: Vec<usize> = (0..values.len()).collect();
    best_first.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let mut moved = 0.0;
    for z in best_first {
        let loss = values[z] - low;
        if loss * weights[z] >= slack {
            return if loss > 0.0 { moved + slack.max(0.0) / loss } else { moved };
        }
        slack -= loss * weights[z];
        moved += weights[z];
    }
    1.0
}
