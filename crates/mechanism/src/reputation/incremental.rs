//! One user changes one row: ranks by local push instead of a solve.
//!
//! The unnormalised ranks x of active users satisfy `x = (1 - alpha) x Q + 1`. After a change of
//! row i the residual is `(1 - alpha) x[i] (Q'[i] - Q[i])`, which is pushed along endorsements
//! until little is left. Because the inverse of `I - (1 - alpha) Q` has norm at most 1/alpha, the
//! residual that is left certifies the error.

use super::graph::{EndorsementGraph, NONE, check_endorsement};
use super::rank::LeftSolver;
use super::{RankSettings, ReputationError};
use crate::numeric::sum;
use std::collections::{BTreeMap, VecDeque};

/// Ranks that follow changes of single rows.
#[derive(Clone, Debug)]
pub struct IncrementalRank {
    settings: RankSettings,
    users: usize,
    servers: usize,
    /// Endorsements per user, (node, weight), nodes as in [`EndorsementGraph::new`]; sorted by
    /// node.
    rows: Vec<Vec<(u32, f64)>>,
    /// Normalised rows of active users; empty for the others.
    shares: Vec<Vec<(u32, f64)>>,
    active: Vec<bool>,
    /// x, per user; 0 for the inactive.
    x: Vec<f64>,
    /// `1 + (1 - alpha) x Q - x`.
    residual: Vec<f64>,
    /// `(1 - alpha) x R`.
    server_mass: Vec<f64>,
    /// L1 norm of the residual, kept up to date.
    residual_norm: f64,
    /// Bound on what rounding has added to the residual since the last solve.
    rounding: f64,
    /// Sum of `server_mass`.
    server_total: f64,
    /// Number of active users and of their endorsements, as of the last solve.
    size: (usize, usize),
    /// Endorsements of servers by active users: the sums above cannot tell none from rounding.
    server_edges: usize,
    /// Users in the queue of a push.
    waiting: Vec<bool>,
}

/// How an update was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// By local push over this many endorsements.
    Pushed(usize),
    /// By a full solve: the set of active users changed, or the push would have cost more.
    Solved,
}

impl IncrementalRank {
    /// Solves once. `rows[u]`: the endorsements of user u, (node, weight), nodes as in
    /// [`EndorsementGraph::new`].
    ///
    /// # Errors
    /// As for the graph and for [`EndorsementGraph::rank`].
    pub fn new(
        servers: usize,
        rows: Vec<Vec<(u32, f64)>>,
        settings: RankSettings,
    ) -> Result<Self, ReputationError> {
        settings.check()?;
        let mut this = Self {
            settings,
            users: rows.len(),
            servers,
            shares: vec![Vec::new(); rows.len()],
            active: vec![false; rows.len()],
            x: vec![0.0; rows.len()],
            residual: vec![0.0; rows.len()],
            server_mass: vec![0.0; servers],
            residual_norm: 0.0,
            rounding: 0.0,
            server_total: 0.0,
            size: (0, 0),
            server_edges: 0,
            waiting: vec![false; rows.len()],
            rows: rows.into_iter().map(merged).collect(),
        };
        this.solve()?;
        Ok(this)
    }

    /// Replaces the endorsements of `user` and brings the ranks up to date. On error nothing has
    /// changed.
    ///
    /// ```
    /// use muster_mechanism::reputation::{IncrementalRank, RankSettings, Refresh};
    /// let rows = vec![vec![(2, 1.0)], vec![(0, 1.0), (3, 1.0)]];
    /// let mut ranks = IncrementalRank::new(2, rows, RankSettings::default())?;
    /// let refresh = ranks.set_row(0, vec![(2, 1.0), (3, 1.0)])?;
    /// assert!(matches!(refresh, Refresh::Pushed(_)));
    /// assert!(ranks.error_bound() < 1e-10);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// A user, node or weight out of range; [`ReputationError::NoEndorsement`] if no server would
    /// be left endorsed.
    pub fn set_row(
        &mut self,
        user: usize,
        row: Vec<(u32, f64)>,
    ) -> Result<Refresh, ReputationError> {
        self.check_row(user, &row)?;
        let before = std::mem::replace(&mut self.rows[user], merged(row));
        let fresh = self.normalised(user);
        if !self.active[user] || fresh.is_empty() {
            // The set of active users changes.
            return self.solve_or_restore(user, before);
        }
        let carried = (1.0 - self.settings.restart) * self.x[user];
        let old = std::mem::take(&mut self.shares[user]);
        let changes = old.iter().map(|&(v, p)| (v, -p)).chain(fresh.iter().copied());
        let mut touched = Vec::new();
        for (node, share) in changes {
            if self.deliver(node, carried * share) {
                touched.push(node);
            }
        }
        self.server_edges = self.server_edges + self.servers_in(&fresh) - self.servers_in(&old);
        self.shares[user] = fresh;
        match self.push(touched) {
            Some(edges) if self.server_edges > 0 => Ok(Refresh::Pushed(edges)),
            _ => self.solve_or_restore(user, before),
        }
    }

    /// rho (m).
    pub fn reputation(&self) -> Vec<f64> {
        let total = sum(self.server_mass.iter().copied());
        self.server_mass.iter().map(|s| s / total).collect()
    }

    /// Certified bound on the L1 error of [`reputation`](Self::reputation): server masses are off
    /// by at most (1 - alpha)/alpha times the residual, and normalising at most doubles the
    /// relative error.
    pub fn error_bound(&self) -> f64 {
        let follow = 1.0 - self.settings.restart;
        let residual = self.residual_norm.max(0.0) + self.rounding;
        2.0 * follow / self.settings.restart * residual / self.server_total
    }

    /// Row `user` of C (m), by pushing a unit from that user until the L1 error, which is
    /// certified, is at most `tolerance`; with that bound.
    ///
    /// ```
    /// use muster_mechanism::reputation::{IncrementalRank, RankSettings};
    /// let rows = vec![vec![(2, 1.0)], vec![(0, 1.0), (3, 1.0)]];
    /// let ranks = IncrementalRank::new(2, rows, RankSettings::default())?;
    /// let (row, left) = ranks.contribution_row(1, 1e-12)?;
    /// assert!(left <= 1e-12);
    /// assert!((row[1] - 0.85 * 0.5).abs() < 1e-9, "half of its endorsement, discounted once");
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn contribution_row(
        &self,
        user: usize,
        tolerance: f64,
    ) -> Result<(Vec<f64>, f64), ReputationError> {
        self.check_row(user, &[])?;
        super::check_between("tolerance", tolerance, 0.0, 1.0, "it must lie between 0 and 1")?;
        let follow = 1.0 - self.settings.restart;
        let mut left: BTreeMap<u32, f64> = BTreeMap::from([(user as u32, 1.0)]);
        let mut row = vec![0.0; self.servers];
        // Everything that waits is pushed in turn: each round shrinks it by at least the restart.
        let mut waiting = 1.0;
        while follow / self.settings.restart * waiting > tolerance {
            let mut next: BTreeMap<u32, f64> = BTreeMap::new();
            for (node, mass) in left {
                for &(target, share) in &self.shares[node as usize] {
                    let part = follow * mass * share;
                    match (target as usize).checked_sub(self.users) {
                        Some(server) => row[server] += part,
                        None => *next.entry(target).or_default() += part,
                    }
                }
            }
            waiting = sum(next.values().copied());
            left = next;
        }
        Ok((row, follow / self.settings.restart * waiting))
    }

    fn check_row(&self, user: usize, row: &[(u32, f64)]) -> Result<(), ReputationError> {
        let (limit, nodes) = (self.users, self.users + self.servers);
        if user >= limit {
            let (field, node) = ("source", user as u32);
            return Err(ReputationError::Node { edge: 0, field, node, limit });
        }
        row.iter().enumerate().try_for_each(|(edge, &(node, weight))| {
            check_endorsement(edge, (user as u32, node, weight), limit, nodes)
        })
    }

    /// The row of `user` over servers and active users, with sum 1; empty if there are none.
    fn normalised(&self, user: usize) -> Vec<(u32, f64)> {
        let usable = |e: &&(u32, f64)| e.0 as usize >= self.users || self.active[e.0 as usize];
        let total = sum(self.rows[user].iter().filter(usable).map(|e| e.1));
        self.rows[user].iter().filter(usable).map(|&(node, w)| (node, w / total)).collect()
    }

    fn servers_in(&self, row: &[(u32, f64)]) -> usize {
        row.iter().filter(|e| e.0 as usize >= self.users).count()
    }

    /// Adds mass at a node; whether a user's residual took it.
    fn deliver(&mut self, node: u32, mass: f64) -> bool {
        if let Some(server) = (node as usize).checked_sub(self.users) {
            self.server_mass[server] += mass;
            self.server_total += mass;
            return false;
        }
        self.rounding += f64::EPSILON * mass.abs();
        let residual = &mut self.residual[node as usize];
        self.residual_norm += (*residual + mass).abs() - residual.abs();
        *residual += mass;
        true
    }

    /// Pushes residuals until their norm meets the tolerance; None if that costs more than a solve
    /// would.
    fn push(&mut self, start: Vec<u32>) -> Option<usize> {
        // In this unit every active user starts a walk of mean length 1/alpha, so their total is
        // close to this.
        let (count, edges_total) = self.size;
        let goal = self.settings.tolerance * count as f64;
        // Each node may keep its even part of half of the goal.
        let keep = 0.5 * goal / count as f64;
        let budget = 10 * edges_total + 1000;
        let mut queue: VecDeque<u32> = VecDeque::new();
        for node in start {
            if !std::mem::replace(&mut self.waiting[node as usize], true) {
                queue.push_back(node);
            }
        }
        let mut edges = 0;
        while let Some(node) = queue.pop_front() {
            let user = node as usize;
            self.waiting[user] = false;
            let mass = self.residual[user];
            if mass.abs() <= keep {
                continue;
            }
            self.x[user] += mass;
            self.rounding += f64::EPSILON * self.x[user].abs();
            self.residual[user] = 0.0;
            self.residual_norm -= mass.abs();
            let row = std::mem::take(&mut self.shares[user]);
            for &(target, share) in &row {
                let sent = (1.0 - self.settings.restart) * mass * share;
                if self.deliver(target, sent)
                    && !std::mem::replace(&mut self.waiting[target as usize], true)
                {
                    queue.push_back(target);
                }
            }
            edges += row.len();
            self.shares[user] = row;
            if edges > budget {
                queue.iter().for_each(|&u| self.waiting[u as usize] = false);
                return None;
            }
        }
        (self.residual_norm + self.rounding <= goal).then_some(edges)
    }

    fn solve_or_restore(
        &mut self,
        user: usize,
        before: Vec<(u32, f64)>,
    ) -> Result<Refresh, ReputationError> {
        if let Err(error) = self.solve() {
            self.rows[user] = before;
            // The rows before had a solution, which is taken up again.
            self.solve()?;
            return Err(error);
        }
        Ok(Refresh::Solved)
    }

    fn solve(&mut self) -> Result<(), ReputationError> {
        let edges = self
            .rows
            .iter()
            .enumerate()
            .flat_map(|(u, row)| row.iter().map(move |&(v, w)| (u as u32, v, w)));
        let graph = EndorsementGraph::new(self.users, self.servers, edges)?;
        let mut solver = LeftSolver::new(&graph, self.settings.restart);
        solver.run(self.settings.tolerance * 0.1, &self.settings)?;
        for u in 0..self.users {
            let position = graph.position[u];
            self.active[u] = position != NONE;
            self.x[u] =
                if position == NONE { 0.0 } else { solver.x[position as usize] / solver.constant };
        }
        for u in 0..self.users {
            self.shares[u] = if self.active[u] { self.normalised(u) } else { Vec::new() };
        }
        self.recount();
        Ok(())
    }

    /// Residual and server masses from x.
    fn recount(&mut self) {
        let follow = 1.0 - self.settings.restart;
        self.server_mass.fill(0.0);
        for u in 0..self.users {
            self.residual[u] = if self.active[u] { 1.0 - self.x[u] } else { 0.0 };
        }
        for u in 0..self.users {
            for k in 0..self.shares[u].len() {
                let (node, share) = self.shares[u][k];
                let mass = follow * self.x[u] * share;
                match (node as usize).checked_sub(self.users) {
                    Some(server) => self.server_mass[server] += mass,
                    None => self.residual[node as usize] += mass,
                }
            }
        }
        self.residual_norm = sum(self.residual.iter().map(|r| r.abs()));
        self.rounding = 0.0;
        self.server_total = sum(self.server_mass.iter().copied());
        self.server_edges = self.shares.iter().map(|row| self.servers_in(row)).sum();
        let edges = self.shares.iter().map(Vec::len).sum();
        self.size = (self.active.iter().filter(|&&a| a).count(), edges);
    }
}

/// Sorted by node, parallel endorsements added up, zeros dropped.
fn merged(mut row: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    row.retain(|e| e.1 > 0.0);
    row.sort_by_key(|e| e.0);
    row.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    row
}
