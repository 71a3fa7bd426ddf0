//! From reports to accept or reject: the paper's second future work.
//!
//! A verifier with reputation h reports honestly with probability h and otherwise anything, each
//! type alike. Reports are independent given the truth, so the posterior is the prior times the
//! product of `h O[t,r] + (1-h)/m`; the work is rejected iff the expected loss of accepting it
//! exceeds that of rejecting.

use super::game::{distribution, not_negative};
use super::{VerificationError, VerificationGame};
use crate::random::Stream;
use rayon::prelude::*;

/// When to reject. The last type, Dishonest, is the only one that deserves it.
#[derive(Clone, Debug)]
pub struct DecisionRule {
    prior: Vec<f64>,
    observation: Vec<Vec<f64>>,
    wrong_accept: f64,
    wrong_reject: f64,
}

/// A verifier as the decision sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verifier {
    honesty: f64,
}

impl Verifier {
    /// `honesty`: the probability, from reputation, that the report is honest; in [0, 1].
    pub fn new(honesty: f64) -> Result<Self, VerificationError> {
        if (0.0..=1.0).contains(&honesty) {
            return Ok(Self { honesty });
        }
        Err(VerificationError::Number {
            field: "honesty".to_owned(),
            value: honesty,
            wanted: "a probability must lie between 0 and 1",
        })
    }
}

/// A decision and its grounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Whether the work is accepted.
    pub accept: bool,
    /// P(truth | reports), m.
    pub posterior: Vec<f64>,
    /// The expected loss of this decision.
    pub expected_loss: f64,
}

/// How often a rule errs with given verifiers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorRates {
    /// P(accept | Dishonest).
    pub accept_dishonest: f64,
    /// P(reject | anything else), by the prior.
    pub reject_honest: f64,
    /// Expected loss per task.
    pub loss: f64,
    /// 0 if every combination of reports was enumerated, else the largest standard error of the two
    /// rates.
    pub standard_error: f64,
}

/// Combinations of reports that are enumerated; beyond, reports are simulated.
const ENUMERATED_MAX: f64 = 1_048_576.0;
const DRAWS: u64 = 65_536;
const BLOCK: u64 = 4_096;

impl DecisionRule {
    /// `prior` (m): the operator's belief about the truth, with the rate of cheating that it
    /// reckons with (a design's prior often has none); `wrong_accept`, `wrong_reject`: losses, not
    /// negative, in any unit.
    ///
    /// ```
    /// use muster_mechanism::verification::{DecisionRule, Verifier, VerificationGame};
    /// let pol = VerificationGame::proof_of_learning();
    /// let rule = DecisionRule::new(&pol, vec![0.49, 0.25, 0.25, 0.01], 1000.0, 10.0)?;
    /// let trusted = Verifier::new(0.99)?;
    /// assert!(rule.decide(&[(0, trusted), (1, trusted)])?.accept);
    /// assert!(!rule.decide(&[(3, trusted), (0, trusted)])?.accept);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn new(
        game: &VerificationGame,
        prior: Vec<f64>,
        wrong_accept: f64,
        wrong_reject: f64,
    ) -> Result<Self, VerificationError> {
        if prior.len() != game.types() {
            return Err(VerificationError::Length {
                field: "prior".to_owned(),
                found: prior.len(),
                wanted: game.types(),
            });
        }
        Ok(Self {
            prior: distribution(prior, "prior")?,
            observation: game.observation().to_vec(),
            wrong_accept: not_negative(wrong_accept, || "wrong_accept".to_owned())?,
            wrong_reject: not_negative(wrong_reject, || "wrong_reject".to_owned())?,
        })
    }

    /// The decision on these reports, (type, verifier) each. Without reports the prior decides.
    /// Equal losses accept.
    ///
    /// ```
    /// use muster_mechanism::verification::{DecisionRule, Verifier, VerificationGame};
    /// let coin = VerificationGame::coin();
    /// let rule = DecisionRule::new(&coin, vec![0.5, 0.5], 1.0, 1.0)?;
    /// let decision = rule.decide(&[(0, Verifier::new(1.0)?)])?;
    /// // P(heads | seen heads) = 0.9 / (0.9 + 0.2).
    /// assert!(decision.accept && (decision.posterior[0] - 0.9 / 1.1).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn decide(&self, reports: &[(usize, Verifier)]) -> Result<Decision, VerificationError> {
        let m = self.prior.len();
        if let Some(&(r, _)) = reports.iter().find(|(r, _)| *r >= m) {
            return Err(VerificationError::Number {
                field: "reports".to_owned(),
                value: r as f64,
                wanted: "a report must be one of the types",
            });
        }
        let mut weight = self.prior.clone();
        for &(r, verifier) in reports {
            let mut largest = 0.0f64;
            for (t, w) in weight.iter_mut().enumerate() {
                *w *= self.likelihood(t, r, verifier);
                largest = largest.max(*w);
            }
            if largest == 0.0 {
                // Fully trusted reports that contradict each other prove nothing but that trust was
                // misplaced.
                return Err(VerificationError::ImpossibleObservation { observation: r });
            }
            weight.iter_mut().for_each(|w| *w /= largest);
        }
        let total = crate::numeric::sum(weight.iter().copied());
        let posterior: Vec<f64> = weight.into_iter().map(|w| w / total).collect();
        let (accepting, rejecting) = self.losses(&posterior);
        Ok(Decision {
            accept: accepting <= rejecting,
            expected_loss: accepting.min(rejecting),
            posterior,
        })
    }

    /// The error rates with these verifiers, exact while m^n <= 2^20, else simulated from `seed`.
    ///
    /// ```
    /// use muster_mechanism::verification::{DecisionRule, Verifier, VerificationGame};
    /// let coin = VerificationGame::coin();
    /// let rule = DecisionRule::new(&coin, vec![0.5, 0.5], 1.0, 1.0)?;
    /// let rates = rule.error_rates(&[Verifier::new(1.0)?], 7);
    /// assert!((rates.accept_dishonest - 0.2).abs() < 1e-12);
    /// assert!((rates.reject_honest - 0.1).abs() < 1e-12);
    /// assert_eq!(rates.standard_error, 0.0, "two combinations of reports are enumerated");
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn error_rates(&self, verifiers: &[Verifier], seed: u64) -> ErrorRates {
        let m = self.prior.len();
        let combinations = libm::pow(m as f64, verifiers.len() as f64);
        if combinations <= ENUMERATED_MAX {
            let mut accepted = vec![0.0; m];
            self.enumerate(verifiers, &vec![1.0; m], &mut accepted);
            return self.rates(&accepted, 0.0);
        }
        let blocks: Vec<Vec<f64>> = (0..DRAWS / BLOCK)
            .into_par_iter()
            .map(|b| self.simulate(verifiers, Stream::new(seed, b)))
            .collect();
        let accepted: Vec<f64> =
            (0..m).map(|t| blocks.iter().map(|b| b[t]).sum::<f64>() / DRAWS as f64).collect();
        let error = |p: f64| (p * (1.0 - p) / DRAWS as f64).sqrt();
        self.rates(&accepted, accepted.iter().map(|&p| error(p)).fold(0.0, f64::max))
    }

    fn likelihood(&self, truth: usize, report: usize, verifier: Verifier) -> f64 {
        let blind = (1.0 - verifier.honesty) / self.prior.len() as f64;
        verifier.honesty * self.observation[truth][report] + blind
    }

    /// Expected losses of accepting and of rejecting, up to the scale of the weights.
    fn losses(&self, weight: &[f64]) -> (f64, f64) {
        let (dishonest, rest) = weight.split_last().expect("a game has at least two types");
        (self.wrong_accept * dishonest, self.wrong_reject * rest.iter().sum::<f64>())
    }

    /// Adds, for each truth, the probability of every combination of reports that is accepted.
    fn enumerate(&self, verifiers: &[Verifier], likelihood: &[f64], accepted: &mut [f64]) {
        let Some((&first, rest)) = verifiers.split_first() else {
            let weight: Vec<f64> = self.prior.iter().zip(likelihood).map(|(p, l)| p * l).collect();
            let (accepting, rejecting) = self.losses(&weight);
            if accepting <= rejecting {
                accepted.iter_mut().zip(likelihood).for_each(|(a, l)| *a += l);
            }
            return;
        };
        for r in 0..self.prior.len() {
            let next: Vec<f64> = (0..likelihood.len())
                .map(|t| likelihood[t] * self.likelihood(t, r, first))
                .collect();
            if next.iter().any(|&l| l > 0.0) {
                self.enumerate(rest, &next, accepted);
            }
        }
    }

    /// Per truth, how many of BLOCK simulated tasks were accepted.
    fn simulate(&self, verifiers: &[Verifier], mut stream: Stream) -> Vec<f64> {
        let m = self.prior.len();
        let mut accepted = vec![0.0; m];
        for truth in 0..m {
            for _ in 0..BLOCK {
                let mut logs: Vec<f64> = self.prior.iter().map(|&p| libm::log(p)).collect();
                for &verifier in verifiers {
                    let mut rest = stream.uniform();
                    let chosen = (0..m - 1).find(|&r| {
                        rest -= self.likelihood(truth, r, verifier);
                        rest < 0.0
                    });
                    let report = chosen.unwrap_or(m - 1);
                    for (t, log) in logs.iter_mut().enumerate() {
                        *log += libm::log(self.likelihood(t, report, verifier));
                    }
                }
                let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weight: Vec<f64> = logs
                    .iter()
                    .map(|l| if top.is_finite() { libm::exp(l - top) } else { 0.0 })
                    .collect();
                let (accepting, rejecting) = self.losses(&weight);
                accepted[truth] += f64::from(u8::from(accepting <= rejecting));
            }
        }
        accepted
    }

    fn rates(&self, accepted: &[f64], standard_error: f64) -> ErrorRates {
        let (accept_dishonest, rest) =
            accepted.split_last().expect("a game has at least two types");
        let honest: f64 = self.prior[..rest.len()].iter().sum();
        let rejected: f64 = rest.iter().zip(&self.prior).map(|(a, p)| p * (1.0 - a)).sum();
        let dishonest = self.prior[rest.len()];
        ErrorRates {
            accept_dishonest: accept_dishonest.min(1.0),
            reject_honest: if honest > 0.0 { (rejected / honest).clamp(0.0, 1.0) } else { 0.0 },
            loss: self.wrong_accept * dishonest * accept_dishonest
                + self.wrong_reject * rejected.max(0.0),
            standard_error,
        }
    }
}
