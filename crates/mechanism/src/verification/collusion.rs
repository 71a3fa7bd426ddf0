//! What colluders who share observations gain: strong collusion (Theorem 10.1) and Sybil
//! identities. The paper shows that pairwise scores cannot prevent it; here it is measured, so that
//! deposits can be set against it.

use super::game::dot;
use super::{ScoringMatrix, VerificationError, VerificationGame};

/// A party of l among n verifiers that shares what it sees, in expectation over observations, per
/// task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedObservation {
    /// All l look and report honestly.
    pub honest_total: f64,
    /// One looks; all make the report that pays the party most.
    pub one_looks_total: f64,
    /// Nobody looks; all make the same best report.
    pub nobody_looks_total: f64,
    /// The better of the two over honesty; not above 0 if honesty is best.
    pub gain: f64,
}

/// A party with given observations that considers reporting all the same (Theorem 10.1); costs are
/// spent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StrongCollusion {
    /// The party's expected pay for truthful reports.
    pub truthful_total: f64,
    /// The best report for all.
    pub same_report: usize,
    /// The party's expected pay for it.
    pub same_total: f64,
    /// The difference.
    pub gain: f64,
}

/// One verifier that appears as s identities, each with the deposit M, and looks once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SybilReturn {
    /// s.
    pub identities: usize,
    /// s M.
    pub deposit: f64,
    /// Expected profit per task.
    pub profit: f64,
    /// Profit over deposit.
    pub return_on_deposit: f64,
    /// Profit over deposit of one honest identity.
    pub honest_return: f64,
}

impl VerificationGame {
    /// The gain of `colluders` among `verifiers` from sharing one observation.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let coin = VerificationGame::coin();
    /// let matrix = coin.design(0.1)?.matrix;
    /// // Alone, nobody can share: honesty is best. All together, one look serves for all.
    /// assert!(coin.shared_observation(&matrix, 1, 10)?.gain <= 0.0);
    /// assert!(coin.shared_observation(&matrix, 10, 10)?.gain > 0.0);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerificationError::Verifiers`] for fewer than two verifiers; [`VerificationError::Number`]
    /// if there are no colluders or more of them than verifiers.
    pub fn shared_observation(
        &self,
        matrix: &ScoringMatrix,
        colluders: usize,
        verifiers: usize,
    ) -> Result<SharedObservation, VerificationError> {
        self.check_matrix(matrix)?;
        check_party(colluders, verifiers)?;
        let (l, peers) = (colluders as f64, (verifiers - 1) as f64);
        let outside = (verifiers - colluders) as f64;
        let same =
            |r: usize, pay: f64| l * ((l - 1.0) * matrix.entry(r, r) + outside * pay) / peers;
        let best = |pay: &dyn Fn(usize) -> f64| {
            (0..self.types()).map(|r| same(r, pay(r))).fold(f64::NEG_INFINITY, f64::max)
        };
        let one_looks: f64 = (0..self.types())
            .filter(|&x| self.marginal()[x] > 0.0)
            .map(|x| self.marginal()[x] * best(&|r| self.pay(matrix, x, r)))
            .sum();
        let one_looks_total = one_looks - self.cost_mean();
        let nobody_looks_total = best(&|r| self.pay_blind(matrix, r));
        let honest_total = l * self.metrics(matrix)?.honest;
        Ok(SharedObservation {
            honest_total,
            one_looks_total,
            nobody_looks_total,
            gain: one_looks_total.max(nobody_looks_total) - honest_total,
        })
    }

    /// How much a party with these observations (types, one per member) gains by all reporting the
    /// same, among `verifiers`. Members infer the truth, and from it the others' reports, from
    /// everything the party saw.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let coin = VerificationGame::coin();
    /// let matrix = coin.design(0.1)?.matrix;
    /// let split = coin.strong_collusion(&matrix, &[0, 1], 20)?;
    /// assert!(split.gain > 0.0, "agreement pays");
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn strong_collusion(
        &self,
        matrix: &ScoringMatrix,
        observations: &[usize],
        verifiers: usize,
    ) -> Result<StrongCollusion, VerificationError> {
        self.check_matrix(matrix)?;
        check_party(observations.len(), verifiers)?;
        let m = self.types();
        if let Some(&x) = observations.iter().find(|&&x| x >= m) {
            return Err(VerificationError::Number {
                field: "observations".to_owned(),
                value: x as f64,
                wanted: "an observation must be one of the types",
            });
        }
        let outside_belief = self.belief_after(observations)?;
        let outside = (verifiers - observations.len()) as f64;
        let peers = (verifiers - 1) as f64;
        let pay_outside: Vec<f64> =
            (0..m).map(|r| outside * dot(&outside_belief, &matrix.rows()[r])).collect();
        let mut counts = vec![0.0; m];
        for &x in observations {
            counts[x] += 1.0;
        }
        let truthful_total = observations
            .iter()
            .map(|&x| {
                (dot(&counts, &matrix.rows()[x]) - matrix.entry(x, x) + pay_outside[x]) / peers
            })
            .sum();
        let l = observations.len() as f64;
        let (mut same_report, mut same_total) = (0, f64::NEG_INFINITY);
        for r in 0..m {
            let total = l * ((l - 1.0) * matrix.entry(r, r) + pay_outside[r]) / peers;
            if total > same_total {
                (same_report, same_total) = (r, total);
            }
        }
        Ok(StrongCollusion {
            truthful_total,
            same_report,
            same_total,
            gain: same_total - truthful_total,
        })
    }

    /// The price of Sybils: what one machine earns as `identities` verifiers beside `others` honest
    /// ones, looking once and reporting what pays best, against the deposits that it must lock (M
    /// each).
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let coin = VerificationGame::coin();
    /// let matrix = coin.design(0.1)?.matrix;
    /// let split = coin.sybil_return(&matrix, 5, 5)?;
    /// assert!((split.deposit - 5.0 * matrix.bound()).abs() < 1e-12);
    /// assert!(split.return_on_deposit > split.honest_return, "one look serves five identities");
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn sybil_return(
        &self,
        matrix: &ScoringMatrix,
        identities: usize,
        others: usize,
    ) -> Result<SybilReturn, VerificationError> {
        let party = self.shared_observation(matrix, identities, identities + others)?;
        let bound = matrix.bound();
        let deposit = identities as f64 * bound;
        let profit = party.one_looks_total.max(party.nobody_looks_total);
        let over = |profit: f64, deposit: f64| if deposit > 0.0 { profit / deposit } else { 0.0 };
        Ok(SybilReturn {
            identities,
            deposit,
            profit,
            return_on_deposit: over(profit, deposit),
            honest_return: over(self.metrics(matrix)?.honest, bound),
        })
    }

    /// The belief about an outsider's observation after all of `observations`.
    fn belief_after(&self, observations: &[usize]) -> Result<Vec<f64>, VerificationError> {
        let m = self.types();
        let likelihood =
            |t: usize| observations.iter().map(|&x| self.observation()[t][x]).product::<f64>();
        let mut posterior: Vec<f64> = (0..m).map(|t| self.prior()[t] * likelihood(t)).collect();
        let mut total: f64 = posterior.iter().sum();
        if total == 0.0 {
            posterior =
                (0..m).map(|t| if self.prior()[t] == 0.0 { likelihood(t) } else { 0.0 }).collect();
            total = posterior.iter().sum();
        }
        if total == 0.0 {
            return Err(VerificationError::ImpossibleObservation { observation: observations[0] });
        }
        Ok((0..m)
            .map(|z| (0..m).map(|t| posterior[t] / total * self.observation()[t][z]).sum())
            .collect())
    }
}

fn check_party(colluders: usize, verifiers: usize) -> Result<(), VerificationError> {
    if verifiers < 2 {
        return Err(VerificationError::Verifiers { verifiers });
    }
    if colluders == 0 || colluders > verifiers {
        return Err(VerificationError::Number {
            field: "colluders".to_owned(),
            value: colluders as f64,
            wanted: "a party has at least one member and at most all verifiers",
        });
    }
    Ok(())
}
