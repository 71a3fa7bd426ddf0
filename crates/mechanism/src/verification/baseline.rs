//! The rules that the paper compares with (Section 7.2), each made aligned where that is possible.

use super::game::not_negative;
use super::linear::determinant;
use super::{Metrics, ScoringMatrix, VerificationError, VerificationGame};

/// A pairwise scoring rule of the literature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// 1 for equal reports, else 0.
    SimpleAgreement,
    /// `ln B[r, z]`.
    Logarithmic,
    /// `ln (J[r, z] / (q[r] q[z]))`.
    PointwiseMutualInformation,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 3] =
        [Self::SimpleAgreement, Self::Logarithmic, Self::PointwiseMutualInformation];

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SimpleAgreement => "simple agreement",
            Self::Logarithmic => "logarithmic scoring",
            Self::PointwiseMutualInformation => "pointwise mutual information",
        }
    }

    /// S, m x m. Where an observation has probability 0, its belief is the game's limit of a small
    /// common prior.
    ///
    /// ```
    /// use muster_mechanism::verification::{Baseline, VerificationGame};
    /// let coin = VerificationGame::coin();
    /// let agreement = Baseline::ALL[0].score(&coin);
    /// assert_eq!(agreement.types(), coin.types());
    /// ```
    pub fn score(self, game: &VerificationGame) -> ScoringMatrix {
        let m = game.types();
        let (belief, q) = (game.belief(), game.marginal());
        let entry = |r: usize, z: usize| match self {
            Self::SimpleAgreement => f64::from(u8::from(r == z)),
            Self::Logarithmic => libm::log(belief[r][z]),
            // J is symmetric, so an impossible peer report takes the ratio of the other order.
            Self::PointwiseMutualInformation if q[z] > 0.0 => libm::log(belief[r][z] / q[z]),
            Self::PointwiseMutualInformation if q[r] > 0.0 => libm::log(belief[z][r] / q[r]),
            Self::PointwiseMutualInformation if belief[r][z] > 0.0 => f64::INFINITY,
            Self::PointwiseMutualInformation => 0.0,
        };
        ScoringMatrix::from_rows((0..m).map(|r| (0..m).map(|z| entry(r, z)).collect()).collect())
    }
}

/// `scale * S + shift`, delta-aligned on the possible observations, with the smallest scale and
/// then shift.
#[derive(Clone, Debug, PartialEq)]
pub struct AffineScore {
    /// a > 0.
    pub scale: f64,
    /// b.
    pub shift: f64,
    /// a S + b.
    pub matrix: ScoringMatrix,
    /// Under the game's prior.
    pub metrics: Metrics,
}

impl VerificationGame {
    /// The baseline, transformed by the smallest a > 0 and then the smallest b with which it is
    /// aligned for every observation of positive probability.
    ///
    /// ```
    /// use muster_mechanism::verification::{Baseline, VerificationGame};
    /// let agreement = VerificationGame::coin().baseline(Baseline::SimpleAgreement, 0.1)?;
    /// assert!((agreement.metrics.budget - 1.29355).abs() < 1e-5);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerificationError::BaselineInfeasible`].
    pub fn baseline(
        &self,
        baseline: Baseline,
        margin: f64,
    ) -> Result<AffineScore, VerificationError> {
        not_negative(margin, || "margin".to_owned())?;
        let score = baseline.score(self);
        let possible: Vec<usize> =
            (0..self.types()).filter(|&x| self.marginal()[x] > 0.0).collect();
        // Lower bounds on b: c + delta - a S. Upper bounds: h - a S.
        let lower: Vec<(f64, f64)> =
            possible.iter().map(|&x| (self.cost()[x] + margin, self.pay(&score, x, x))).collect();
        let mut upper: Vec<(f64, f64)> =
            (0..self.types()).map(|r| (-margin, self.pay_blind(&score, r))).collect();
        for &x in &possible {
            let others = (0..self.types()).filter(|&r| r != x);
            upper.extend(others.map(|r| (self.cost()[x] - margin, self.pay(&score, x, r))));
        }
        let infeasible =
            VerificationError::BaselineInfeasible { baseline: baseline.name(), margin };
        let (mut least, mut most) = (0.0f64, f64::INFINITY);
        for &(low, gain) in &lower {
            for &(high, loss) in &upper {
                if gain == f64::NEG_INFINITY || loss == f64::INFINITY {
                    return Err(infeasible);
                }
                let (need, slope) = (low - high, gain - loss);
                if slope > 0.0 {
                    least = least.max(need / slope);
                } else if slope < 0.0 {
                    most = most.min(need / slope);
                } else if need > 0.0 {
                    return Err(infeasible);
                }
            }
        }
        if least > most || least <= 0.0 || !least.is_finite() {
            return Err(infeasible);
        }
        let shift =
            lower.iter().map(|(low, gain)| low - least * gain).fold(f64::NEG_INFINITY, f64::max);
        let rows = score
            .rows()
            .iter()
            .map(|row| row.iter().map(|s| least * s + shift).collect())
            .collect();
        let matrix = ScoringMatrix::from_rows(rows);
        Ok(AffineScore { scale: least, shift, metrics: self.metrics(&matrix)?, matrix })
    }

    /// The determinant mechanism (Kong) over `tasks` tasks in two halves: score a det U1 det U2 + b
    /// of the matrices that count (my report, peer's report), with the smallest a and b that leave
    /// an honest verifier the margin and cost one who does not look the margin. Reports permuted
    /// systematically earn as much as honest ones.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let dmi = VerificationGame::coin().determinant_mechanism(4, 0.1)?;
    /// assert!((dmi.deviation - 12.0584).abs() < 1e-4 && (dmi.budget - 1.1).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerificationError::BaselineInfeasible`] if J is singular, as whenever some type never
    /// occurs, or if there are fewer than 2 m tasks; [`VerificationError::Types`] above 6 types,
    /// where the exact moments become too many.
    pub fn determinant_mechanism(
        &self,
        tasks: usize,
        margin: f64,
    ) -> Result<Dmi, VerificationError> {
        not_negative(margin, || "margin".to_owned())?;
        let m = self.types();
        if m > 6 {
            return Err(VerificationError::Types { types: m, max: 6 });
        }
        let infeasible =
            VerificationError::BaselineInfeasible { baseline: "the determinant mechanism", margin };
        let half = tasks / 2;
        let mean = falling(half, m) * determinant(self.joint());
        let expected = mean * mean;
        if tasks % 2 == 1 || half < m || expected <= 1e-24 {
            return Err(infeasible);
        }
        let count = tasks as f64;
        let scale = count * (self.cost_mean() + 2.0 * margin) / expected;
        let second = determinant_second_moment(self.joint(), half);
        let variance = (second * second - expected * expected).max(0.0) * scale * scale;
        Ok(Dmi {
            scale,
            budget: (scale * expected) / count - margin,
            deviation: (variance / count).sqrt(),
            lazy: -margin,
            adversarial: margin,
        })
    }
}

/// The determinant mechanism's numbers per task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dmi {
    /// a.
    pub scale: f64,
    /// Expected pay per task.
    pub budget: f64,
    /// Standard deviation of the pay for all tasks, over the square root of their number.
    pub deviation: f64,
    /// Utility per task of not looking.
    pub lazy: f64,
    /// Utility per task of permuted reports: the honest one.
    pub adversarial: f64,
}

/// n (n-1) ... (n-k+1).
fn falling(n: usize, k: usize) -> f64 {
    (0..k).map(|i| n.saturating_sub(i) as f64).product()
}

/// E[det(U)^2] for multinomial counts U of `draws` draws with cell probabilities `joint`. Expanding
/// both determinants over permutations, a cell that both take contributes E[U^2] = U(U-1) + U,
/// hence one factorial power more or less.
fn determinant_second_moment(joint: &[Vec<f64>], draws: usize) -> f64 {
    let m = joint.len();
    let permutations = permutations(m);
    let mut terms = Vec::with_capacity(permutations.len() * permutations.len());
    for (a, sign_a) in &permutations {
        for (b, sign_b) in &permutations {
            // powers[k]: coefficient of the factorial power 2m - k.
            let mut powers = vec![sign_a * sign_b];
            for i in 0..m {
                let p = joint[i][a[i]];
                if a[i] != b[i] {
                    let factor = p * joint[i][b[i]];
                    powers.iter_mut().for_each(|c| *c *= factor);
                    continue;
                }
                powers.push(0.0);
                for k in (0..powers.len()).rev() {
                    let once = if k > 0 { powers[k - 1] * p } else { 0.0 };
                    powers[k] = powers[k] * p * p + once;
                }
            }
            terms.push(crate::numeric::sum(
                powers.iter().enumerate().map(|(k, c)| c * falling(draws, 2 * m - k)),
            ));
        }
    }
    crate::numeric::sum(terms)
}

/// All permutations of 0..m with their signs.
fn permutations(m: usize) -> Vec<(Vec<usize>, f64)> {
    let mut all = vec![(Vec::new(), 1.0)];
    for next in 0..m {
        all = all
            .into_iter()
            .flat_map(|(list, sign): (Vec<usize>, f64)| {
                (0..=list.len()).map(move |at| {
                    let mut longer = list.clone();
                    longer.insert(at, next);
                    let moved = list.len() - at;
                    (longer, if moved % 2 == 0 { sign } else { -sign })
                })
            })
            .collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_moment_of_one_draw_per_cell_pair() {
        // Two draws, two by two: det is +-1 only for one draw on each of the diagonals.
        let joint = vec![vec![0.4, 0.1], vec![0.2, 0.3]];
        let exact = 2.0 * 0.4 * 0.3 + 2.0 * 0.1 * 0.2;
        assert!((determinant_second_moment(&joint, 2) - exact).abs() < 1e-15);
    }

    #[test]
    fn every_blind_report_loses_the_margin() {
        let game = VerificationGame::coin();
        for baseline in Baseline::ALL {
            let aligned = game.baseline(baseline, 0.1).expect("feasible for the coin");
            for report in 0..2 {
                assert!(game.pay_blind(&aligned.matrix, report) <= -0.1 + 1e-12);
            }
        }
    }
}
