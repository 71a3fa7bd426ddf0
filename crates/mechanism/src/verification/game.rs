//! The verification game and scoring matrices: Sections 3 and 4.

use super::VerificationError;
use crate::numeric::sum;

/// The most types of a game; the programs grow with its square and no protocol has thousands of
/// flags.
pub const TYPES_MAX: usize = 64;

/// Prior, observations and costs, with everything that follows from them.
#[derive(Clone, Debug)]
pub struct VerificationGame {
    prior: Vec<f64>,
    observation: Vec<Vec<f64>>,
    cost: Vec<f64>,
    marginal: Vec<f64>,
    joint: Vec<Vec<f64>>,
    belief: Vec<Vec<f64>>,
}

/// `T`, m x m: `entry(r, z)` is what I am paid when I report r and a peer z. Never NaN; infinite
/// entries occur only in baselines made of logarithms.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoringMatrix {
    rows: Vec<Vec<f64>>,
}

impl VerificationGame {
    /// `prior` = pi (m) over the truth; `observation[t][x]` = P(observe x | truth t), m x m, rows
    /// with sum 1; `cost` = c (m) by observation, not negative. Sums may be off by 1e-9 and are
    /// then normalised exactly.
    ///
    /// Where `q[x]` is 0, the belief after x weighs the types of prior 0 by `O[t][x]`, the limit of
    /// a small common prior.
    ///
    /// ```
    /// use muster_mechanism::verification::{VerificationError, VerificationGame};
    /// let noisy = vec![vec![0.9, 0.1], vec![0.2, 0.8]];
    /// let game = VerificationGame::new(vec![0.5, 0.5], noisy.clone(), vec![1.0, 1.0])?;
    /// assert!((game.marginal()[0] - 0.55).abs() < 1e-12);
    /// assert!((game.joint()[0][0] - (0.5 * 0.81 + 0.5 * 0.04)).abs() < 1e-12);
    /// assert!((game.belief()[0].iter().sum::<f64>() - 1.0).abs() < 1e-12);
    /// assert!((game.cost_mean() - 1.0).abs() < 1e-12);
    /// let short = VerificationGame::new(vec![0.5, 0.4], noisy, vec![1.0, 1.0]);
    /// assert!(matches!(short, Err(VerificationError::NotADistribution { .. })));
    /// # Ok::<(), VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// Wrong shapes, numbers or sums; [`VerificationError::ImpossibleObservation`].
    pub fn new(
        prior: Vec<f64>,
        observation: Vec<Vec<f64>>,
        cost: Vec<f64>,
    ) -> Result<Self, VerificationError> {
        let m = prior.len();
        if !(2..=TYPES_MAX).contains(&m) {
            return Err(VerificationError::Types { types: m, max: TYPES_MAX });
        }
        length("cost", cost.len(), m)?;
        length("observation", observation.len(), m)?;
        for (x, &value) in cost.iter().enumerate() {
            not_negative(value, || format!("cost[{x}]"))?;
        }
        let prior = distribution(prior, "prior")?;
        let mut rows = Vec::with_capacity(m);
        for (t, row) in observation.into_iter().enumerate() {
            let field = format!("observation[{t}]");
            length(&field, row.len(), m)?;
            rows.push(distribution(row, &field)?);
        }
        Self::derive(prior, rows, cost)
    }

    fn derive(
        prior: Vec<f64>,
        observation: Vec<Vec<f64>>,
        cost: Vec<f64>,
    ) -> Result<Self, VerificationError> {
        let m = prior.len();
        let marginal: Vec<f64> =
            (0..m).map(|x| sum((0..m).map(|t| prior[t] * observation[t][x]))).collect();
        let joint: Vec<Vec<f64>> = (0..m)
            .map(|x| {
                (0..m)
                    .map(|z| sum((0..m).map(|t| prior[t] * observation[t][x] * observation[t][z])))
                    .collect()
            })
            .collect();
        let mut belief = Vec::with_capacity(m);
        for x in 0..m {
            if marginal[x] > 0.0 {
                belief.push(joint[x].iter().map(|j| j / marginal[x]).collect());
                continue;
            }
            let weight: Vec<f64> =
                (0..m).map(|t| if prior[t] == 0.0 { observation[t][x] } else { 0.0 }).collect();
            let total = sum(weight.iter().copied());
            if total <= 0.0 {
                return Err(VerificationError::ImpossibleObservation { observation: x });
            }
            belief.push(
                (0..m)
                    .map(|z| sum((0..m).map(|t| weight[t] / total * observation[t][z])))
                    .collect(),
            );
        }
        Ok(Self { prior, observation, cost, marginal, joint, belief })
    }

    /// The proof-of-learning benchmark (Section 7.1, Appendix 12): two flags, half of the stages
    /// sampled, nobody cheats.
    pub fn proof_of_learning() -> Self {
        Self::new(
            vec![0.5, 0.25, 0.25, 0.0],
            vec![
                vec![1.0, 0.0, 0.0, 0.0],
                vec![0.5, 0.5, 0.0, 0.0],
                vec![0.5, 0.0, 0.5, 0.0],
                vec![0.5, 0.125, 0.125, 0.25],
            ],
            vec![1.0 / 3.0, 2.0, 2.0, 2.0],
        )
        .expect("its rows sum to 1 and every observation has a type")
    }

    /// The coin benchmark (Section 7.1): two types, P(heads) = 0.9 and 0.2, cost 1. The paper's
    /// parameters are lost; these are ours.
    pub fn coin() -> Self {
        Self::new(vec![0.5, 0.5], vec![vec![0.9, 0.1], vec![0.2, 0.8]], vec![1.0, 1.0])
            .expect("its rows sum to 1 and every observation has a type")
    }

    /// The same observations and costs under another prior.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let pol = VerificationGame::proof_of_learning();
    /// let shifted = pol.with_prior(vec![0.45, 0.25, 0.25, 0.05])?;
    /// assert!(shifted.marginal()[3] > pol.marginal()[3]);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn with_prior(&self, prior: Vec<f64>) -> Result<Self, VerificationError> {
        length("prior", prior.len(), self.types())?;
        Self::derive(distribution(prior, "prior")?, self.observation.clone(), self.cost.clone())
    }

    /// m.
    pub fn types(&self) -> usize {
        self.prior.len()
    }

    /// pi (m).
    pub fn prior(&self) -> &[f64] {
        &self.prior
    }

    /// O (m x m).
    pub fn observation(&self) -> &[Vec<f64>] {
        &self.observation
    }

    /// c (m).
    pub fn cost(&self) -> &[f64] {
        &self.cost
    }

    /// q (m), the probability of each observation, which is also the belief of a verifier who did
    /// not look.
    pub fn marginal(&self) -> &[f64] {
        &self.marginal
    }

    /// J (m x m), the joint probability of two verifiers' observations; symmetric.
    pub fn joint(&self) -> &[Vec<f64>] {
        &self.joint
    }

    /// B (m x m), row x the belief about a peer's observation after observing x.
    pub fn belief(&self) -> &[Vec<f64>] {
        &self.belief
    }

    /// `sum_x q[x] c[x]`, the expected cost of looking.
    pub fn cost_mean(&self) -> f64 {
        dot(&self.marginal, &self.cost)
    }

    /// The largest cost of an observation.
    pub(super) fn cost_max(&self) -> f64 {
        self.cost.iter().copied().fold(0.0, f64::max)
    }

    pub(super) fn check_matrix(&self, matrix: &ScoringMatrix) -> Result<(), VerificationError> {
        length("matrix", matrix.types(), self.types())
    }

    /// `W[x,r] = B[x] . T[r]` (Eq. 10), the expected pay for reporting r after observing x, both
    /// types of the game; the cost is not taken off.
    ///
    /// ```
    /// use muster_mechanism::verification::VerificationGame;
    /// let coin = VerificationGame::coin();
    /// let matrix = coin.design(0.1)?.matrix;
    /// assert!((coin.pay(&matrix, 0, 0) - 1.1).abs() < 1e-12, "cost 1 and margin 0.1");
    /// assert!(coin.pay(&matrix, 0, 1) <= 0.9 + 1e-12);
    /// assert!(coin.pay_blind(&matrix, 1) <= -0.1 + 1e-12);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn pay(&self, matrix: &ScoringMatrix, observed: usize, reported: usize) -> f64 {
        dot(&self.belief[observed], &matrix.rows[reported])
    }

    /// `L[r] = q . T[r]` (Eq. 13), the expected pay for reporting r without looking.
    pub fn pay_blind(&self, matrix: &ScoringMatrix, reported: usize) -> f64 {
        dot(&self.marginal, &matrix.rows[reported])
    }
}

impl ScoringMatrix {
    /// From rows, all of the same length as their number, finite.
    ///
    /// ```
    /// use muster_mechanism::verification::{VerificationError, ScoringMatrix};
    /// let matrix = ScoringMatrix::new(vec![vec![2.0, -3.0], vec![-1.0, 2.0]])?;
    /// assert_eq!((matrix.entry(0, 1), matrix.bound()), (-3.0, 3.0));
    /// assert!(ScoringMatrix::new(vec![vec![f64::NAN, 0.0], vec![0.0, 1.0]]).is_err());
    /// # Ok::<(), VerificationError>(())
    /// ```
    pub fn new(rows: Vec<Vec<f64>>) -> Result<Self, VerificationError> {
        let m = rows.len();
        if !(2..=TYPES_MAX).contains(&m) {
            return Err(VerificationError::Types { types: m, max: TYPES_MAX });
        }
        for (r, row) in rows.iter().enumerate() {
            length(&format!("matrix[{r}]"), row.len(), m)?;
            if let Some(z) = row.iter().position(|v| !v.is_finite()) {
                return Err(VerificationError::Number {
                    field: format!("matrix[{r}][{z}]"),
                    value: row[z],
                    wanted: "a payment must be finite",
                });
            }
        }
        Ok(Self { rows })
    }

    /// Entries that are known not to be NaN.
    pub(super) fn from_rows(rows: Vec<Vec<f64>>) -> Self {
        Self { rows }
    }

    /// m.
    pub fn types(&self) -> usize {
        self.rows.len()
    }

    /// T[r, z].
    pub fn entry(&self, mine: usize, peer: usize) -> f64 {
        self.rows[mine][peer]
    }

    /// The rows.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// M = max |T[r, z]|: the deposit that covers any penalty.
    pub fn bound(&self) -> f64 {
        self.rows.iter().flatten().fold(0.0, |most, v| most.max(v.abs()))
    }

    /// `R_i = 1/(n-1) sum_{j != i} T[r_i, r_j]` for each verifier i (Eq. 15). `reports` are types.
    ///
    /// ```
    /// use muster_mechanism::verification::{ScoringMatrix, VerificationError};
    /// let agreement = ScoringMatrix::new(vec![vec![1.0, 0.0], vec![0.0, 1.0]])?;
    /// assert_eq!(agreement.rewards(&[0, 0, 1])?, [0.5, 0.5, 0.0]);
    /// let alone = agreement.rewards(&[0]);
    /// assert_eq!(alone, Err(VerificationError::Verifiers { verifiers: 1 }));
    /// # Ok::<(), VerificationError>(())
    /// ```
    pub fn rewards(&self, reports: &[usize]) -> Result<Vec<f64>, VerificationError> {
        if reports.len() < 2 {
            return Err(VerificationError::Verifiers { verifiers: reports.len() });
        }
        if let Some(i) = reports.iter().position(|&r| r >= self.types()) {
            return Err(VerificationError::Number {
                field: format!("reports[{i}]"),
                value: reports[i] as f64,
                wanted: "a report must be one of the types",
            });
        }
        let mut counts = vec![0.0; self.types()];
        for &r in reports {
            counts[r] += 1.0;
        }
        let peers = (reports.len() - 1) as f64;
        let reward = |r: usize| {
            let all = sum(counts
                .iter()
                .zip(&self.rows[r])
                .filter(|(c, _)| **c > 0.0)
                .map(|(c, t)| c * t));
            (all - self.rows[r][r]) / peers
        };
        Ok(reports.iter().map(|&r| reward(r)).collect())
    }
}

/// `sum p[z] v[z]` where a probability of 0 makes its term 0, whatever the value.
pub(super) fn dot(probabilities: &[f64], values: &[f64]) -> f64 {
    let mut total = 0.0;
    for (p, v) in probabilities.iter().zip(values) {
        if *p != 0.0 {
            total += p * v;
        }
    }
    total
}

fn length(field: &str, found: usize, wanted: usize) -> Result<(), VerificationError> {
    if found == wanted {
        return Ok(());
    }
    Err(VerificationError::Length { field: field.to_owned(), found, wanted })
}

/// Refuses what is not finite or below 0.
pub(super) fn not_negative(
    value: f64,
    field: impl Fn() -> String,
) -> Result<f64, VerificationError> {
    if value >= 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(VerificationError::Number {
        field: field(),
        value,
        wanted: "it must be a finite number that is not negative",
    })
}

/// Probabilities with sum 1 within 1e-9, then normalised.
pub(super) fn distribution(mut list: Vec<f64>, field: &str) -> Result<Vec<f64>, VerificationError> {
    for (i, &value) in list.iter().enumerate() {
        not_negative(value, || format!("{field}[{i}]"))?;
    }
    let total = sum(list.iter().copied());
    if (total - 1.0).abs() > 1e-9 {
        return Err(VerificationError::NotADistribution { field: field.to_owned(), sum: total });
    }
    for value in &mut list {
        *value /= total;
    }
    Ok(list)
}
