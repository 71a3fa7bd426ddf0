//! The compactness program, solved row by row: Section 5.3, Eqs. (21)-(25).

use super::game::not_negative;
use super::simplex::{AtMost, Solution, minimise};
use super::{LargestMargin, Metrics, ScoringMatrix, VerificationError, VerificationGame};

/// A designed matrix and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The canonical matrix.
    pub matrix: ScoringMatrix,
    /// The margin asked for, delta.
    pub margin: f64,
    /// `alpha = delta / M` (Definition 5.5); 0 for a matrix of zeros.
    pub compactness: f64,
    /// Under the game's own prior, with honest peers.
    pub metrics: Metrics,
}

impl VerificationGame {
    /// The delta-aligned matrix with the smallest bound M, made unique: each row minimises, in this
    /// order, its own largest entry, the honest pay, the sum of absolute entries, and its entries
    /// from the first to the last.
    ///
    /// The constraints on row r concern row r only, so m programs with m + 1 unknowns replace one
    /// with m^2 + 1.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let design = VerificationGame::proof_of_learning().design(0.2)?;
    /// let first = design.matrix.rows()[0].clone();
    /// assert!(first.iter().zip([2.0, -6.8, -6.8, 0.0]).all(|(a, b)| (a - b).abs() < 1e-12));
    /// assert!((design.matrix.bound() - 7.4).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerificationError::Infeasible`] with the largest feasible margin, if two observations lead
    /// to beliefs that no payments can tell apart.
    pub fn design(&self, margin: f64) -> Result<Design, VerificationError> {
        not_negative(margin, || "margin".to_owned())?;
        let mut rows = Vec::with_capacity(self.types());
        for report in 0..self.types() {
            match self.row(report, margin, 1.0) {
                Solution::Optimal(row) => rows.push(row),
                Solution::NotSolved(steps) => {
                    return Err(VerificationError::NotSolved { report, steps });
                }
                Solution::Infeasible | Solution::Unbounded => {
                    let largest = self.margin_max()?;
                    return Err(VerificationError::Infeasible { margin, largest });
                }
            }
        }
        let matrix = ScoringMatrix::from_rows(rows);
        let bound = matrix.bound();
        Ok(Design {
            compactness: if bound > 0.0 { margin / bound } else { 0.0 },
            metrics: self.metrics(&matrix)?,
            margin,
            matrix,
        })
    }

    /// The largest margin that some matrix reaches; None if every margin is feasible (regular
    /// beliefs).
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// // Regular beliefs: every margin can be paid for.
    /// assert_eq!(VerificationGame::coin().margin_limit()?, None);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn margin_limit(&self) -> Result<Option<f64>, VerificationError> {
        let m = self.types();
        let scale = self.scale(0.0);
        let mut least: Option<f64> = None;
        for report in 0..m {
            // Unknowns: the two parts of the row, then the two parts of the margin.
            let mut constraints = self.alignment(report, scale, 0.0, 1.0);
            for constraint in &mut constraints {
                constraint.coefficients.extend([1.0, -1.0]);
            }
            let mut objective = vec![0.0; 2 * m];
            objective.extend([-1.0, 1.0]);
            match minimise(&constraints, &[objective]) {
                Solution::Optimal(x) => {
                    let margin = (x[2 * m] - x[2 * m + 1]) * scale;
                    least = Some(least.map_or(margin, |l| l.min(margin)));
                }
                Solution::Unbounded => {}
                Solution::Infeasible => return Ok(Some(f64::NEG_INFINITY)),
                Solution::NotSolved(steps) => {
                    return Err(VerificationError::NotSolved { report, steps });
                }
            }
        }
        Ok(least)
    }

    fn margin_max(&self) -> Result<LargestMargin, VerificationError> {
        // A limit of exactly 0 comes out of the program with its rounding.
        let noise = 1e-9 * self.scale(0.0);
        Ok(match self.margin_limit()? {
            Some(margin) if margin >= -noise => LargestMargin::AtMost(margin.max(0.0)),
            Some(_) | None => LargestMargin::None,
        })
    }

    /// The smallest bound M* for costs `cost_factor` c and the margin: the value of the compactness
    /// program.
    pub(super) fn bound_min(
        &self,
        margin: f64,
        cost_factor: f64,
    ) -> Result<Option<f64>, VerificationError> {
        let mut bound = 0.0f64;
        for report in 0..self.types() {
            match self.row(report, margin, cost_factor) {
                Solution::Optimal(row) => {
                    bound = row.iter().fold(bound, |most, t| most.max(t.abs()))
                }
                Solution::NotSolved(steps) => {
                    return Err(VerificationError::NotSolved { report, steps });
                }
                Solution::Infeasible | Solution::Unbounded => return Ok(None),
            }
        }
        Ok(Some(bound))
    }

    /// The unit in which costs and margin are of order 1.
    fn scale(&self, margin: f64) -> f64 {
        let largest = self.cost_max().max(margin);
        if largest > 0.0 { largest } else { 1.0 }
    }

    /// The canonical row of one report.
    fn row(&self, report: usize, margin: f64, cost_factor: f64) -> Solution {
        let m = self.types();
        let scale = self.scale(margin);
        // Unknowns: T = u - v with u, v >= 0, then M.
        let mut constraints = self.alignment(report, scale, margin, cost_factor);
        for constraint in &mut constraints {
            constraint.coefficients.push(0.0);
        }
        for z in 0..m {
            let mut coefficients = vec![0.0; 2 * m + 1];
            (coefficients[z], coefficients[m + z], coefficients[2 * m]) = (1.0, 1.0, -1.0);
            constraints.push(AtMost { coefficients, limit: 0.0 });
        }
        let mut objectives = vec![vec![0.0; 2 * m + 1]; 3 + m];
        objectives[0][2 * m] = 1.0;
        for z in 0..m {
            (objectives[1][z], objectives[1][m + z]) =
                (self.belief()[report][z], -self.belief()[report][z]);
            (objectives[2][z], objectives[2][m + z]) = (1.0, 1.0);
            (objectives[3 + z][z], objectives[3 + z][m + z]) = (1.0, -1.0);
        }
        match minimise(&constraints, &objectives) {
            Solution::Optimal(x) => {
                Solution::Optimal((0..m).map(|z| (x[z] - x[m + z]) * scale).collect())
            }
            other => other,
        }
    }

    /// Eqs. (23)-(25) for one report over (u, v), in units of `scale`: honest pay at least c +
    /// delta, any other observation's pay at most c - delta, blind pay at most -delta.
    fn alignment(&self, report: usize, scale: f64, margin: f64, cost_factor: f64) -> Vec<AtMost> {
        let two_parts = |row: &[f64], sign: f64| -> Vec<f64> {
            row.iter().map(|b| sign * b).chain(row.iter().map(|b| -sign * b)).collect()
        };
        let mut constraints = Vec::with_capacity(self.types() + 1);
        for x in 0..self.types() {
            let cost = cost_factor * self.cost()[x];
            let (sign, limit) =
                if x == report { (-1.0, -(cost + margin)) } else { (1.0, cost - margin) };
            constraints.push(AtMost {
                coefficients: two_parts(&self.belief()[x], sign),
                limit: limit / scale,
            });
        }
        constraints
            .push(AtMost { coefficients: two_parts(self.marginal(), 1.0), limit: -margin / scale });
        constraints
    }
}
