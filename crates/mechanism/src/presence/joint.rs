//! Any joint belief over players and malicious units: the weakened assumption of Section IV.

use super::core::Core;
use super::{Beliefs, Game, Payoffs, PresenceError, Rate};
use crate::numeric::sum;

/// A joint distribution over (players, malicious units), neither independent nor of full support.
///
/// The paper's Lemma 1 is then assumed instead of proved: `gamma_k`, the belief about players given
/// the headcount, must rise in k in the sense of first-order stochastic dominance.
/// [`game`](Self::game) refuses where it does not.
#[derive(Clone, Debug)]
pub struct JointBeliefs {
    /// Row i - 1, column j: P(i players, j malicious units).
    probabilities: Vec<Vec<f64>>,
}

impl JointBeliefs {
    /// `rows[i-1][j]` = P(i players, j malicious units), i = 1..m, j = 0..n; not negative, with sum
    /// 1 within 1e-9.
    ///
    /// ```
    /// use muster_mechanism::presence::{JointBeliefs, Payoffs, PresenceError, Rate};
    /// // Malicious machines come out only when few players are present: a crowd is bad news.
    /// let joint = JointBeliefs::new(vec![vec![0.1, 0.0, 0.0, 0.4], vec![0.5, 0.0, 0.0, 0.0]])?;
    /// let refused = joint.game(Payoffs::new(vec![0.0, 1.0], 0.5)?, Rate::per_second(1.0)?);
    /// assert!(matches!(refused, Err(PresenceError::NoDominance { lower: 2, upper: 4, .. })));
    /// # Ok::<(), PresenceError>(())
    /// ```
    pub fn new(rows: Vec<Vec<f64>>) -> Result<Self, PresenceError> {
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 {
            return Err(PresenceError::Empty { field: "joint" });
        }
        for (i, row) in rows.iter().enumerate() {
            if row.len() != columns {
                return Err(PresenceError::Length {
                    field: "a row of joint",
                    found: row.len(),
                    wanted: columns,
                });
            }
            if let Some(&value) = row.iter().find(|&&p| !(p >= 0.0 && p.is_finite())) {
                return Err(PresenceError::Number {
                    field: "joint",
                    index: i + 1,
                    value,
                    wanted: "a probability must be a finite number that is not negative",
                });
            }
        }
        let total = sum(rows.iter().flatten().copied());
        if (total - 1.0).abs() > 1e-9 || total.is_nan() {
            return Err(PresenceError::NotADistribution { field: "joint", sum: total });
        }
        let probabilities =
            rows.into_iter().map(|r| r.into_iter().map(|p| p / total).collect()).collect();
        Ok(Self { probabilities })
    }

    /// Checks that gamma_k rises in k by first-order stochastic dominance, over the headcounts that
    /// are possible, with a slack of 1e-12 for rounding. O(m n).
    pub fn check_dominance(&self) -> Result<(), PresenceError> {
        let mut before: Option<(usize, Vec<f64>)> = None;
        for k in 1..=self.headcount_max() {
            let Some(tails) = self.tails(k) else { continue };
            if let Some((lower, tails_lower)) = &before {
                let fails = (0..tails.len()).find(|&t| tails[t] < tails_lower[t] - 1e-12);
                if let Some(t) = fails {
                    return Err(PresenceError::NoDominance {
                        lower: *lower,
                        upper: k,
                        players: t,
                        tail_lower: tails_lower[t],
                        tail_upper: tails[t],
                    });
                }
            }
            before = Some((k, tails));
        }
        Ok(())
    }

    /// The game with this belief. Its "players" are headcounts: `beliefs().players()` is `r[k]` and
    /// `payoffs().acting()` is V(k), since those are all that the solution time depends on.
    ///
    /// ```
    /// use muster_mechanism::presence::{JointBeliefs, Payoffs, Rate};
    /// let joint = JointBeliefs::new(vec![vec![0.3, 0.1], vec![0.4, 0.2]])?;
    /// joint.check_dominance()?;
    /// let game = joint.game(Payoffs::new(vec![0.0, 1.0], 0.7)?, Rate::per_second(1.0)?)?;
    /// assert_eq!(game.beliefs().players_max(), 3, "headcounts 1, 2 and 3");
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    ///
    /// # Errors
    /// [`PresenceError::NoDominance`], with the place and both probabilities, if the mechanism
    /// would mislead; [`PresenceError::Length`] if there is not one payoff per number of players.
    pub fn game(&self, payoffs: Payoffs, rate: Rate) -> Result<Game, PresenceError> {
        if payoffs.acting.len() != self.probabilities.len() {
            return Err(PresenceError::Length {
                field: "payoff",
                found: payoffs.acting.len(),
                wanted: self.probabilities.len(),
            });
        }
        self.check_dominance()?;
        let mut headcount = vec![0.0; self.headcount_max()];
        let mut value = vec![payoffs.acting[0]; self.headcount_max()];
        for k in 1..=self.headcount_max() {
            let diagonal: Vec<(usize, f64)> = self.diagonal(k).collect();
            let mass = sum(diagonal.iter().map(|d| d.1));
            headcount[k - 1] = mass;
            value[k - 1] = if mass > 0.0 {
                sum(diagonal.iter().map(|&(i, p)| p * payoffs.acting[i - 1])) / mass
            } else {
                // A weight of zero: any value will do.
                value[k.max(2) - 2]
            };
        }
        let beliefs = Beliefs {
            players_log: headcount.iter().map(|&p| libm::log(p)).collect(),
            players: headcount,
            malicious: vec![1.0],
            malicious_log: vec![0.0],
        };
        let payoffs = Payoffs { acting: value, null: payoffs.null };
        Ok(Game { core: Core::unchecked(beliefs, payoffs), rate: rate.get(), solutions: 1 })
    }

    /// m + n.
    fn headcount_max(&self) -> usize {
        self.probabilities.len() + self.probabilities[0].len() - 1
    }

    /// (i, P(i, k - i)).
    fn diagonal(&self, k: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let first = (k + 1).saturating_sub(self.probabilities[0].len()).max(1);
        (first..=k.min(self.probabilities.len()))
            .map(move |i| (i, self.probabilities[i - 1][k - i]))
    }

    /// P(more than t players | k) for t = 0..m-1; None if k is impossible.
    fn tails(&self, k: usize) -> Option<Vec<f64>> {
        let mass = sum(self.diagonal(k).map(|d| d.1));
        if mass == 0.0 {
            return None;
        }
        let mut tails = vec![0.0; self.probabilities.len()];
        for (i, p) in self.diagonal(k) {
            tails[i - 1] = p / mass;
        }
        for t in (1..tails.len()).rev() {
            tails[t - 1] += tails[t];
        }
        Some(tails)
    }
}
