//! Who gains by deviating in any graph, also where users endorse users.
//!
//! Suppose user i endorses servers only, by x; anything else is dominated (Observation 2). Let y be
//! the discounted arrivals at every user of walks from all users, with i absorbing:
//! `y = 1 + (1 - alpha) y Q` with row i taken out. Then the others' contributions sum to
//! `A[j] = (1 - alpha) sum_{k != i} y[k] R[k,j]` plus `(1 - alpha) (y[i] - 1) x[j]` by way of i,
//! hence `omega[i,j] = x[j] / (x[j] + o[j]) / y[i]` with `o[j] = A[j] / ((1 - alpha) y[i])`: the
//! bipartite game, and its exact best response. One rank solve per user.

use super::game::respond;
use super::graph::EndorsementGraph;
use super::rank::LeftSolver;
use super::{
    ContributionSettings, Contributions, RankSettings, ReputationError, check_length,
    check_probabilities,
};
use rayon::prelude::*;

/// What one user could gain.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// The user.
    pub user: usize,
    /// Its payoff now.
    pub payoff: f64,
    /// The payoff of its best response.
    pub best_payoff: f64,
    /// The best response over servers (m).
    pub strategy: Vec<f64>,
    /// The difference, not negative.
    pub gain: f64,
}

impl EndorsementGraph {
    /// For each of `users`, the best it could do by changing its row alone, given trust `r` (m) in
    /// [0, 1]. Parallel.
    ///
    /// ```
    /// use muster_mechanism::reputation::{EndorsementGraph, RankSettings};
    /// // Endorsing a user instead of servers is dominated.
    /// let graph = EndorsementGraph::new(2, 1, [(0, 1, 1.0), (1, 2, 1.0)].into_iter())?;
    /// let deviations = graph.deviations(&[0, 1], &[1.0], &RankSettings::default())?;
    /// assert!(deviations[0].gain > 0.0 && deviations[1].gain < 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// Wrong trust or settings; a user that is not active.
    pub fn deviations(
        &self,
        users: &[usize],
        trust: &[f64],
        settings: &RankSettings,
    ) -> Result<Vec<Deviation>, ReputationError> {
        settings.check()?;
        check_length("trust", trust.len(), self.servers())?;
        check_probabilities("trust", trust)?;
        // Were an inactive user to join, endorsements of it that do not count now would: another
        // graph.
        if let Some(&user) = users.iter().find(|&&u| !self.is_active(u)) {
            return Err(ReputationError::Parameter {
                field: "user",
                value: user as f64,
                wanted: "it must be one of the active users",
            });
        }
        let contributions = ContributionSettings {
            restart: settings.restart,
            tolerance: settings.tolerance,
            sweeps_max: settings.sweeps_max,
            ..ContributionSettings::default()
        };
        let payoffs = Contributions::new(self, contributions)?.payoffs(trust)?;
        users.par_iter().map(|&user| self.deviation(user, payoffs[user], trust, settings)).collect()
    }

    fn deviation(
        &self,
        user: usize,
        payoff: f64,
        trust: &[f64],
        settings: &RankSettings,
    ) -> Result<Deviation, ReputationError> {
        let mut solver = LeftSolver::new(self, settings.restart);
        let position = self.position[user] as usize;
        solver.absorb(position);
        solver.run(settings.tolerance, settings)?;
        let own = solver.x[position] / solver.constant;
        let mut others = vec![0.0; self.servers()];
        solver.inflows(self.active_users(), &mut others);
        let unit = solver.constant * (1.0 - settings.restart) * own;
        others.iter_mut().for_each(|o| *o /= unit);
        let best = respond(&others, trust);
        let best_payoff = best.payoff / own;
        Ok(Deviation {
            user,
            payoff,
            best_payoff,
            strategy: best.strategy,
            gain: (best_payoff - payoff).max(0.0),
        })
    }
}
