//! How well a matrix is aligned, and what limits it: Definitions of Section 4 as one matrix
//! product.

use super::{ScoringMatrix, VerificationError, VerificationGame};

/// The largest margin for which a matrix is incentive-aligned, and the constraint that limits it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Audit {
    /// The smallest slack over all constraints; negative if the matrix is not aligned at all.
    pub margin: f64,
    /// The constraint of that slack; the first, if several.
    pub binding: Constraint,
    /// `margin / max |T|`, 0 for a matrix of zeros.
    pub compactness: f64,
}

/// One condition of incentive alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// Individual rationality: `W[x,x] >= c[x] + delta`.
    Honest {
        /// x.
        observed: usize,
    },
    /// Unique incentive compatibility: `W[x,r] <= c[x] - delta`, r != x.
    Misreport {
        /// x.
        observed: usize,
        /// r.
        reported: usize,
    },
    /// No free lunch: `L[r] <= -delta`.
    Lazy {
        /// r.
        reported: usize,
    },
}

impl core::fmt::Display for Constraint {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Honest { observed } => write!(formatter, "honest pay after observing {observed}"),
            Self::Misreport { observed, reported } => {
                write!(formatter, "reporting {reported} after observing {observed}")
            }
            Self::Lazy { reported } => write!(formatter, "reporting {reported} without looking"),
        }
    }
}

impl VerificationGame {
    /// Checks a matrix: m^2 + m dot products and no program, so that a ledger can afford it.
    ///
    /// ```
    /// use muster_mechanism::verification::{ScoringMatrix, VerificationGame};
    /// // Table 8 of the paper, as printed.
    /// let printed = ScoringMatrix::new(vec![
    ///     vec![2.069, -7.1451, -7.1451, -2.2507],
    ///     vec![-2.0446, 6.4446, -4.7421, -2.0022],
    ///     vec![-2.0446, -4.7421, 6.4446, -2.0022],
    ///     vec![-2.2, 5.8, 5.8, 7.4],
    /// ])?;
    /// let audit = VerificationGame::proof_of_learning().audit(&printed)?;
    /// assert!((audit.margin - 0.19998).abs() < 1e-5);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn audit(&self, matrix: &ScoringMatrix) -> Result<Audit, VerificationError> {
        self.check_matrix(matrix)?;
        let pay = |x: usize, r: usize| self.pay(matrix, x, r);
        Ok(self.tightest(matrix, pay, |r| self.pay_blind(matrix, r)))
    }

    /// The smallest slack for given expected pays.
    pub(super) fn tightest(
        &self,
        matrix: &ScoringMatrix,
        pay: impl Fn(usize, usize) -> f64,
        blind: impl Fn(usize) -> f64,
    ) -> Audit {
        let mut margin = f64::INFINITY;
        let mut binding = Constraint::Honest { observed: 0 };
        let mut consider = |slack: f64, constraint: Constraint| {
            if slack < margin {
                (margin, binding) = (slack, constraint);
            }
        };
        for x in 0..self.types() {
            consider(pay(x, x) - self.cost()[x], Constraint::Honest { observed: x });
            for r in (0..self.types()).filter(|&r| r != x) {
                let constraint = Constraint::Misreport { observed: x, reported: r };
                consider(self.cost()[x] - pay(x, r), constraint);
            }
        }
        for r in 0..self.types() {
            consider(-blind(r), Constraint::Lazy { reported: r });
        }
        let bound = matrix.bound();
        Audit { margin, binding, compactness: if bound > 0.0 { margin / bound } else { 0.0 } }
    }
}
