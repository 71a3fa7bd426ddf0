//! What a present player believes and is paid: Section II of the paper.

use super::PresenceError;
use crate::numeric::sum;

/// Beliefs about the number of players and of malicious units of computing power, independent of
/// each other.
///
/// Held as probabilities and as logarithms, so that tails below the smallest f64 still order the
/// deadlines.
#[derive(Clone, Debug)]
pub struct Beliefs {
    pub(super) players: Vec<f64>,
    pub(super) malicious: Vec<f64>,
    pub(super) players_log: Vec<f64>,
    pub(super) malicious_log: Vec<f64>,
}

impl Beliefs {
    /// `players` = p_1..p_m and `malicious` = q_0..q_n. Both positive everywhere, each with sum 1
    /// within 1e-9 (and then normalised exactly), q strictly log-concave:
    /// `q[j+1]/q[j] < q[j]/q[j-1]`.
    ///
    /// ```
    /// use muster_mechanism::presence::{Beliefs, PresenceError};
    /// assert!(Beliefs::new(vec![0.5, 0.5], vec![1.0]).is_ok());
    /// let geometric = vec![4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0];
    /// let refused = Beliefs::new(vec![1.0], geometric);
    /// assert!(matches!(refused, Err(PresenceError::NotLogConcave { index: 1, .. })));
    /// ```
    pub fn new(players: Vec<f64>, malicious: Vec<f64>) -> Result<Self, PresenceError> {
        let players_log = logarithms("players", 1, &players)?;
        let malicious_log = logarithms("malicious", 0, &malicious)?;
        for j in 1..malicious.len().saturating_sub(1) {
            check_log_concave(j, malicious[j - 1], malicious[j], malicious[j + 1])?;
        }
        Ok(Self {
            players: normalised("players", players)?,
            malicious: normalised("malicious", malicious)?,
            players_log,
            malicious_log,
        })
    }

    /// The same from natural logarithms of the probabilities, for tails below 1e-308, where a
    /// probability itself cannot be written. Log-concavity is checked on the logarithms.
    ///
    /// ```
    /// use muster_mechanism::presence::Beliefs;
    /// // A Gaussian tail that reaches e^-50000.
    /// let malicious: Vec<f64> = (0..=1000).map(|j| -0.05 * f64::from(j * j)).collect();
    /// let total: f64 = malicious.iter().map(|l| l.exp()).sum();
    /// let malicious = malicious.iter().map(|l| l - total.ln()).collect();
    /// assert!(Beliefs::from_logarithms(vec![0.0], malicious).is_ok());
    /// ```
    pub fn from_logarithms(players: Vec<f64>, malicious: Vec<f64>) -> Result<Self, PresenceError> {
        for (field, first, logs) in [("players", 1, &players), ("malicious", 0, &malicious)] {
            if logs.is_empty() {
                return Err(PresenceError::Empty { field });
            }
            if let Some(at) = logs.iter().position(|l| !l.is_finite()) {
                return Err(PresenceError::Number {
                    field,
                    index: at + first,
                    value: logs[at],
                    wanted: "the logarithm of a positive probability must be finite",
                });
            }
        }
        for j in 1..malicious.len().saturating_sub(1) {
            let (before, after) =
                (malicious[j] - malicious[j - 1], malicious[j + 1] - malicious[j]);
            if after >= before {
                return Err(PresenceError::NotLogConcave {
                    index: j,
                    before: libm::exp(before),
                    after: libm::exp(after),
                });
            }
        }
        let exponentials = |logs: &[f64]| logs.iter().map(|&l| libm::exp(l)).collect::<Vec<f64>>();
        Ok(Self {
            players: normalised("players", exponentials(&players))?,
            malicious: normalised("malicious", exponentials(&malicious))?,
            players_log: players,
            malicious_log: malicious,
        })
    }

    /// m, the largest possible number of players.
    pub fn players_max(&self) -> usize {
        self.players.len()
    }

    /// n, the largest possible number of malicious units.
    pub fn malicious_max(&self) -> usize {
        self.malicious.len() - 1
    }

    /// p_1..p_m.
    pub fn players(&self) -> &[f64] {
        &self.players
    }

    /// q_0..q_n.
    pub fn malicious(&self) -> &[f64] {
        &self.malicious
    }
}

/// `W(1)..W(m)`, strictly increasing, and `W*` above W(1).
#[derive(Clone, Debug)]
pub struct Payoffs {
    pub(super) acting: Vec<f64>,
    pub(super) null: f64,
}

impl Payoffs {
    /// `acting` = W(1)..W(m) in any unit, `null` = W* in the same.
    ///
    /// ```
    /// use muster_mechanism::presence::Payoffs;
    /// assert!(Payoffs::new(vec![0.0, 1.0], 0.5).is_ok());
    /// assert!(Payoffs::new(vec![1.0, 1.0], 2.0).is_err());
    /// ```
    pub fn new(acting: Vec<f64>, null: f64) -> Result<Self, PresenceError> {
        let Some(&alone) = acting.first() else {
            return Err(PresenceError::Empty { field: "payoff" });
        };
        if let Some(at) = acting.iter().position(|w| !w.is_finite()) {
            return Err(PresenceError::Number {
                field: "payoff",
                index: at + 1,
                value: acting[at],
                wanted: "a payoff must be finite",
            });
        }
        if !null.is_finite() {
            return Err(PresenceError::Value {
                field: "null_payoff",
                value: null,
                wanted: "a payoff must be finite",
            });
        }
        if let Some(at) = (1..acting.len()).find(|&i| acting[i] <= acting[i - 1]) {
            return Err(PresenceError::NotIncreasing {
                index: at + 1,
                before: acting[at - 1],
                value: acting[at],
            });
        }
        if alone >= null {
            return Err(PresenceError::ActsAlone { alone, null });
        }
        Ok(Self { acting, null })
    }

    /// W(1)..W(m).
    pub fn acting(&self) -> &[f64] {
        &self.acting
    }

    /// W*.
    pub fn null(&self) -> f64 {
        self.null
    }
}

fn logarithms(
    field: &'static str,
    first: usize,
    belief: &[f64],
) -> Result<Vec<f64>, PresenceError> {
    if belief.is_empty() {
        return Err(PresenceError::Empty { field });
    }
    if let Some(at) = belief.iter().position(|&b| !(b > 0.0 && b.is_finite())) {
        return Err(PresenceError::Number {
            field,
            index: at + first,
            value: belief[at],
            wanted: "a belief needs a positive probability everywhere (full support)",
        });
    }
    Ok(belief.iter().map(|&b| libm::log(b)).collect())
}

fn normalised(field: &'static str, mut belief: Vec<f64>) -> Result<Vec<f64>, PresenceError> {
    let total = sum(belief.iter().copied());
    if (total - 1.0).abs() > 1e-9 || total.is_nan() {
        return Err(PresenceError::NotADistribution { field, sum: total });
    }
    for b in &mut belief {
        *b /= total;
    }
    Ok(belief)
}

/// q[j+1] q[j-1] < q[j]^2 with the exponents split off, so that nothing under- or overflows.
fn check_log_concave(j: usize, before: f64, here: f64, after: f64) -> Result<(), PresenceError> {
    let ((a, ea), (b, eb), (c, ec)) = (libm::frexp(before), libm::frexp(here), libm::frexp(after));
    // Both mantissa products lie in [1/4, 1): an exponent gap of two or more decides alone.
    let gap = (ea + ec - 2 * eb).clamp(-4, 4);
    if a * c * libm::scalbn(1.0, gap) < b * b {
        return Ok(());
    }
    Err(PresenceError::NotLogConcave { index: j, before: here / before, after: after / here })
}
