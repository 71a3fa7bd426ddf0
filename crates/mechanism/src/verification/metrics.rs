//! What a matrix pays and to whom: the rubrics of Section 7.1.

use super::game::dot;
use super::{ScoringMatrix, VerificationError, VerificationGame};

/// Expectations per verifier and task, the peer being honest. 0 times infinity counts as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// `sum J T`: what the operator pays.
    pub budget: f64,
    /// Honest utility, `sum_x q[x] (W[x,x] - c[x])`.
    pub honest: f64,
    /// Standard deviation of `T[x,z] - c[x]` under J.
    pub deviation: f64,
    /// `max_r L[r]`: the best report without looking.
    pub lazy: f64,
    /// Utility of looking and reporting type m-1-x for x: Honest and Dishonest swapped, F1 and Fk,
    /// and so on.
    pub adversarial: f64,
}

impl VerificationGame {
    /// The metrics of a matrix under this game's prior, which may differ from the one it was
    /// designed for.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let pol = VerificationGame::proof_of_learning();
    /// let metrics = pol.design(0.2)?.metrics;
    /// assert!((metrics.budget - 0.95).abs() < 1e-12);
    /// assert!((metrics.deviation - 3.09641).abs() < 1e-5);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn metrics(&self, matrix: &ScoringMatrix) -> Result<Metrics, VerificationError> {
        self.check_matrix(matrix)?;
        let m = self.types();
        let budget: f64 = (0..m).map(|x| dot(&self.joint()[x], &matrix.rows()[x])).sum();
        let honest = budget - self.cost_mean();
        let mut variance = 0.0;
        for x in 0..m {
            for z in 0..m {
                let chance = self.joint()[x][z];
                if chance > 0.0 {
                    let gap = matrix.entry(x, z) - self.cost()[x] - honest;
                    variance += chance * gap * gap;
                }
            }
        }
        let swapped: f64 = (0..m).map(|x| dot(&self.joint()[x], &matrix.rows()[m - 1 - x])).sum();
        Ok(Metrics {
            budget,
            honest,
            deviation: variance.sqrt(),
            lazy: (0..m).map(|r| self.pay_blind(matrix, r)).fold(f64::NEG_INFINITY, f64::max),
            adversarial: swapped - self.cost_mean(),
        })
    }
}
