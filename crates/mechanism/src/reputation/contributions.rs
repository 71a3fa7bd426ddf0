//! Contributions and payoffs: Section 4.1.1.
//!
//! Column j of C solves `z = (1 - alpha) Q z + (1 - alpha) R[:, j]`. Eight columns are solved
//! together, so that every endorsement that is loaded serves eight; before each Gauss-Seidel sweep
//! one Galerkin correction along the slowest mode puts the column's sum right, which is known
//! beforehand: `sum_i C[i,j]` is what Designated PageRank gives j.

use super::graph::{EndorsementGraph, Out, Weights};
use super::rank::LeftSolver;
use super::{RankSettings, ReputationError, check_length, check_probabilities};
use crate::numeric::sum;
use crate::wide::{Kernel, wide};
use rayon::prelude::*;

/// Columns solved together.
const WIDTH: usize = 8;
/// By how much the residual after a sweep is below the sweep's change, as a rule. The measured
/// residual decides; a wrong guess costs one sweep.
const OPTIMISM: f64 = 16.0;

/// How to solve for contributions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContributionSettings {
    /// alpha in (0, 1); 0.15 by default.
    pub restart: f64,
    /// The largest L1 residual of a column, relative to the column. 1e-12 by default.
    pub tolerance: f64,
    /// Sweeps after which to give up, 1,000 by default.
    pub sweeps_max: usize,
    /// What a walk does at a server.
    pub exit: ServerExit,
}

/// What a walk does at a server, as far as contributions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerExit {
    /// It ends: contributions are first arrivals, proportional to endorsements (Eqs. 2 and 3).
    Absorb,
    /// It goes to a uniformly random active user, as the paper's preliminaries would have it, and
    /// restarts at its own origin: the personalised PageRank of j from i. For users who endorse
    /// servers only, it adds to all of them the same amount.
    Restart,
}

impl Default for ContributionSettings {
    fn default() -> Self {
        Self { restart: 0.15, tolerance: 1e-12, sweeps_max: 1000, exit: ServerExit::Absorb }
    }
}

impl ContributionSettings {
    fn rank(&self) -> RankSettings {
        RankSettings {
            restart: self.restart,
            tolerance: self.tolerance,
            sweeps_max: self.sweeps_max,
            ..RankSettings::default()
        }
    }
}

/// A solver for columns of C over one graph.
pub struct Contributions<'g> {
    graph: &'g EndorsementGraph,
    out: &'g Out,
    settings: ContributionSettings,
    /// (1 - alpha) / out-weight[i].
    scale: Vec<f64>,
    /// `sum_i G[i,k]` over active i, with G = (I - (1 - alpha) Q)^-1.
    column_sums: Vec<f64>,
    /// Close to the slowest mode of the iteration, with mean 1.
    slow_mode: Vec<f64>,
    /// C 1, needed for [`ServerExit::Restart`] only.
    row_sums: Vec<f64>,
}

impl<'g> Contributions<'g> {
    /// Prepares: one rank vector and a few products.
    ///
    /// # Errors
    /// Settings out of range; [`ReputationError::NotConverged`].
    pub fn new(
        graph: &'g EndorsementGraph,
        settings: ContributionSettings,
    ) -> Result<Self, ReputationError> {
        settings.rank().check()?;
        let mut left = LeftSolver::new(graph, settings.restart);
        left.run(0.01 * settings.tolerance, &settings.rank())?;
        let column_sums = left.x.iter().map(|x| x / left.constant).collect();
        let mut this = Self {
            graph,
            out: graph.out(),
            settings,
            scale: graph.out_weight.iter().map(|w| (1.0 - settings.restart) / w).collect(),
            column_sums,
            slow_mode: vec![1.0; graph.active_users()],
            row_sums: Vec::new(),
        };
        for _ in 0..6 {
            this.slow_mode = this.smoothed();
        }
        if settings.exit == ServerExit::Restart {
            this.row_sums = this.solve_one(&vec![1.0; graph.servers()])?;
        }
        Ok(this)
    }

    /// Columns of C for these servers (0..m), each over all n users; inactive users contribute 0.
    /// Parallel.
    ///
    /// ```
    /// use muster_mechanism::reputation::{ContributionSettings, Contributions, EndorsementGraph};
    /// let edges = [(0, 2, 1.0), (1, 2, 1.0), (1, 3, 3.0)];
    /// let graph = EndorsementGraph::new(2, 2, edges.into_iter())?;
    /// let solver = Contributions::new(&graph, ContributionSettings::default())?;
    /// let columns = solver.columns(&[0, 1])?;
    /// // Users endorse servers only: 0.85 times the endorsement.
    /// assert!((columns[0][0] - 0.85).abs() < 1e-12);
    /// assert!((columns[1][1] - 0.85 * 0.75).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn columns(&self, servers: &[usize]) -> Result<Vec<Vec<f64>>, ReputationError> {
        if let Some(&j) = servers.iter().find(|&&j| j >= self.graph.servers()) {
            return Err(ReputationError::Parameter {
                field: "server",
                value: j as f64,
                wanted: "it must be one of the servers",
            });
        }
        let blocks: Vec<Vec<Vec<f64>>> = servers
            .par_chunks(WIDTH)
            .map(|group| {
                let z = self.solve::<WIDTH>(&self.right_sides(group))?;
                Ok((0..group.len())
                    .map(|k| self.finished(z.rows().iter().map(|row| row[k])))
                    .collect())
            })
            .collect::<Result<_, ReputationError>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// `omega[:, j]` for these servers: columns of C over their sums; 0 where nobody reaches a
    /// server.
    ///
    /// ```
    /// use muster_mechanism::reputation::{ContributionSettings, Contributions, EndorsementGraph};
    /// let edges = [(0, 2, 1.0), (1, 0, 1.0), (1, 2, 1.0)];
    /// let graph = EndorsementGraph::new(2, 1, edges.into_iter())?;
    /// let solver = Contributions::new(&graph, ContributionSettings::default())?;
    /// let omega = solver.relative(&[0])?;
    /// assert!((omega[0].iter().sum::<f64>() - 1.0).abs() < 1e-12);
    /// assert_eq!(solver.matrix()?.len(), 2);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`columns`](Self::columns).
    pub fn relative(&self, servers: &[usize]) -> Result<Vec<Vec<f64>>, ReputationError> {
        let mut columns = self.columns(servers)?;
        for column in &mut columns {
            let total = sum(column.iter().copied());
            if total > 0.0 {
                column.iter_mut().for_each(|c| *c /= total);
            }
        }
        Ok(columns)
    }

    /// All of C, n x m by users. n m numbers: for large graphs take [`columns`](Self::columns).
    pub fn matrix(&self) -> Result<Vec<Vec<f64>>, ReputationError> {
        let columns = self.columns(&(0..self.graph.servers()).collect::<Vec<_>>())?;
        Ok((0..self.graph.users()).map(|i| columns.iter().map(|c| c[i]).collect()).collect())
    }

    /// Payoff of every user, `sum_j H[j] omega[i,j]`, for `trust` (m) in [0, 1]: whether each
    /// server behaved, or the probability that it will. A server that nobody reaches pays nobody.
    ///
    /// The denominators are known from one rank vector, so all payoffs are one solve and not m.
    ///
    /// ```
    /// use muster_mechanism::reputation::{ContributionSettings, Contributions, EndorsementGraph};
    /// let edges = [(0, 2, 1.0), (1, 2, 1.0), (1, 3, 3.0)];
    /// let graph = EndorsementGraph::new(2, 2, edges.into_iter())?;
    /// let solver = Contributions::new(&graph, ContributionSettings::default())?;
    /// // Both servers behaved: each pays one in all.
    /// let payoffs = solver.payoffs(&[1.0, 1.0])?;
    /// assert!((payoffs.iter().sum::<f64>() - 2.0).abs() < 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn payoffs(&self, trust: &[f64]) -> Result<Vec<f64>, ReputationError> {
        check_length("trust", trust.len(), self.graph.servers())?;
        check_probabilities("trust", trust)?;
        if self.settings.exit == ServerExit::Restart {
            return self.payoffs_from_columns(trust);
        }
        let totals = self.totals();
        let weights: Vec<f64> =
            trust.iter().zip(&totals).map(|(h, s)| if *s > 0.0 { h / s } else { 0.0 }).collect();
        let z = self.solve_one(&weights)?;
        Ok(self.graph.to_users(z.into_iter().map(|payoff| payoff.max(0.0))))
    }

    /// `sum_i C[i,j]` for every server.
    fn totals(&self) -> Vec<f64> {
        let active = self.graph.active_users();
        (0..self.graph.servers())
            .map(|j| {
                let endorsers = self.graph.incoming.entries(active + j);
                sum(endorsers.map(|(i, w)| self.column_sums[i] * self.scale[i] * w))
            })
            .collect()
    }

    fn payoffs_from_columns(&self, trust: &[f64]) -> Result<Vec<f64>, ReputationError> {
        let mut payoffs = vec![0.0; self.graph.users()];
        for group in (0..trust.len()).collect::<Vec<_>>().chunks(WIDTH * 16) {
            for (&j, column) in group.iter().zip(self.columns(group)?) {
                let total = sum(column.iter().copied());
                if total > 0.0 {
                    payoffs.iter_mut().zip(&column).for_each(|(p, c)| *p += trust[j] * c / total);
                }
            }
        }
        Ok(payoffs)
    }

    /// A solved column in the form asked for, over all users.
    fn finished(&self, column: impl Iterator<Item = f64>) -> Vec<f64> {
        // A correction may leave rounding below zero with users who do not reach the server.
        let column: Vec<f64> = column.map(|c| c.max(0.0)).collect();
        if self.settings.exit == ServerExit::Absorb {
            return self.graph.to_users(column.into_iter());
        }
        // N = C + (1 - alpha) (C 1) a', with a the mean of N over users, and the share alpha of a
        // walk's time.
        let active = column.len() as f64;
        let follow = 1.0 - self.settings.restart;
        let mean = sum(column.iter().copied()) / active;
        let returned = follow * sum(self.row_sums.iter().copied()) / active;
        let visits = mean / (1.0 - returned);
        let literal = column
            .iter()
            .zip(&self.row_sums)
            .map(|(c, row)| self.settings.restart * (c + follow * row * visits));
        self.graph.to_users(literal)
    }

    /// `(1 - alpha) R[:, j]` for up to eight servers.
    fn right_sides(&self, servers: &[usize]) -> Vec<[f64; WIDTH]> {
        let active = self.graph.active_users();
        let mut right = vec![[0.0; WIDTH]; active];
        for (k, j) in servers.iter().enumerate() {
            for (i, w) in self.graph.incoming.entries(active + j) {
                right[i][k] = self.scale[i] * w;
            }
        }
        right
    }

    /// `C weights` over active users.
    fn solve_one(&self, weights: &[f64]) -> Result<Vec<f64>, ReputationError> {
        let active = self.graph.active_users();
        let mut right = vec![[0.0]; active];
        for (row, &i) in self.out.users.iter().enumerate() {
            let to_servers =
                self.out.servers_from[row] as usize..self.out.rows.offsets[row + 1] as usize;
            let value = to_servers.map(|e| {
                weights[self.out.rows.targets[e] as usize - active] * self.out.rows.weights.at(e)
            });
            right[i as usize][0] = self.scale[i as usize] * sum(value);
        }
        Ok(self.solve(&right)?.rows().iter().map(|row| row[0]).collect())
    }

    /// One step of the power method on the slow mode, scaled to mean 1.
    fn smoothed(&self) -> Vec<f64> {
        let mut product = vec![0.0; self.slow_mode.len()];
        for (row, &i) in self.out.users.iter().enumerate() {
            let to_users = self.out.rows.offsets[row] as usize..self.out.servers_from[row] as usize;
            let flow = to_users.map(|e| {
                self.slow_mode[self.out.rows.targets[e] as usize] * self.out.rows.weights.at(e)
            });
            product[i as usize] = self.scale[i as usize] * flow.sum::<f64>();
        }
        let mean = sum(product.iter().copied()) / product.len() as f64;
        // Without endorsements among users there is no slow mode, and nothing to correct.
        if mean > 1e-12 {
            product.into_iter().map(|v| v / mean).collect()
        } else {
            self.slow_mode.clone()
        }
    }

    fn solve<const K: usize>(&self, right: &[[f64; K]]) -> Result<Table<K>, ReputationError> {
        match &self.out.rows.weights {
            Weights::Single(w) => self.solve_with(w, right),
            Weights::Double(w) => self.solve_with(w, right),
        }
    }

    fn solve_with<const K: usize, W: Copy + Into<f64> + Sync>(
        &self,
        weights: &[W],
        right: &[[f64; K]],
    ) -> Result<Table<K>, ReputationError> {
        let mut goal = [0.0; K];
        for (x, r) in self.column_sums.iter().zip(right) {
            for k in 0..K {
                goal[k] += x * r[k];
            }
        }
        let mut table = Table::new(right);
        let z = table.rows_mut();
        let mut total = [0.0; K];
        for r in right {
            for k in 0..K {
                total[k] += r[k];
            }
        }
        let mut sweeps = 0;
        let mut wanted = OPTIMISM * self.settings.tolerance;
        loop {
            self.correct(z, &goal, &total);
            let change;
            (change, total) = wide(Sweep { solver: self, weights, right, z });
            sweeps += 1;
            let done = (0..K).filter(|&k| goal[k] > 0.0).all(|k| {
                let missing = self.missing(goal[k], total[k]);
                change[k] + missing.abs() <= wanted * goal[k]
            });
            if done || sweeps >= self.settings.sweeps_max {
                let residual = wide(Residual { solver: self, weights, right, z });
                if residual <= self.settings.tolerance {
                    return Ok(table);
                }
                wanted *= 0.1;
                if sweeps >= self.settings.sweeps_max || wanted < 1e-18 {
                    return Err(ReputationError::NotConverged {
                        residual,
                        sweeps,
                        tolerance: self.settings.tolerance,
                    });
                }
            }
        }
    }

    /// What a column's `total` lacks of its `goal`, which is itself known to a hundredth of the
    /// tolerance only.
    fn missing(&self, goal: f64, total: f64) -> f64 {
        let missing = goal - total;
        if missing.abs() <= 0.1 * self.settings.tolerance * goal { 0.0 } else { missing }
    }

    /// Adds what the columns' totals lack, along the slow mode.
    fn correct<const K: usize>(&self, z: &mut [[f64; K]], goal: &[f64; K], total: &[f64; K]) {
        let users = z.len() as f64;
        let mean: [f64; K] = core::array::from_fn(|k| self.missing(goal[k], total[k]) / users);
        for (z, mode) in z.iter_mut().zip(&self.slow_mode) {
            for k in 0..K {
                z[k] += mean[k] * mode;
            }
        }
    }

    #[inline(always)]
    fn row<const K: usize, W: Copy + Into<f64>>(
        &self,
        weights: &[W],
        right: &[[f64; K]],
        z: &[[f64; K]],
        row: usize,
    ) -> (usize, [f64; K]) {
        let i = self.out.users[row] as usize;
        let entries = self.out.rows.offsets[row] as usize..self.out.servers_from[row] as usize;
        let mut flow = [0.0; K];
        for (&t, &w) in self.out.rows.targets[entries.clone()].iter().zip(&weights[entries]) {
            let (from, w): (&[f64; K], f64) = (&z[t as usize], w.into());
            for k in 0..K {
                flow[k] += w * from[k];
            }
        }
        let mut fresh = right[i];
        for k in 0..K {
            fresh[k] += self.scale[i] * flow[k];
        }
        (i, fresh)
    }
}

/// A value per user and column, users by rows. Rows of eight begin where a line of the cache does:
/// looking one up takes one line and not two.
struct Table<const K: usize> {
    values: Vec<f64>,
    start: usize,
}

impl<const K: usize> Table<K> {
    fn new(rows: &[[f64; K]]) -> Self {
        let mut values: Vec<f64> = Vec::with_capacity(K * rows.len() + LINE);
        let start = values.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE);
        values.resize(start, 0.0);
        values.extend_from_slice(rows.as_flattened());
        Self { values, start }
    }

    fn rows(&self) -> &[[f64; K]] {
        self.values[self.start..].as_chunks().0
    }

    fn rows_mut(&mut self) -> &mut [[f64; K]] {
        self.values[self.start..].as_chunks_mut().0
    }
}

/// Doubles in a line of the cache.
const LINE: usize = 8;

/// A Gauss-Seidel sweep; (L1 change, sum) of each column.
struct Sweep<'a, 'g, const K: usize, W> {
    solver: &'a Contributions<'g>,
    weights: &'a [W],
    right: &'a [[f64; K]],
    z: &'a mut [[f64; K]],
}

impl<const K: usize, W: Copy + Into<f64>> Kernel for Sweep<'_, '_, K, W> {
    type Output = ([f64; K], [f64; K]);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (mut change, mut total) = ([0.0; K], [0.0; K]);
        for row in 0..self.z.len() {
            let (i, fresh) = self.solver.row(self.weights, self.right, self.z, row);
            for k in 0..K {
                change[k] += (fresh[k] - self.z[i][k]).abs();
                total[k] += fresh[k];
            }
            self.z[i] = fresh;
        }
        (change, total)
    }
}

/// The largest L1 residual of a column, relative to the column.
struct Residual<'a, 'g, const K: usize, W> {
    solver: &'a Contributions<'g>,
    weights: &'a [W],
    right: &'a [[f64; K]],
    z: &'a [[f64; K]],
}

impl<const K: usize, W: Copy + Into<f64>> Kernel for Residual<'_, '_, K, W> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let (mut gap, mut size) = ([0.0; K], [0.0; K]);
        for row in 0..self.z.len() {
            let (i, wanted) = self.solver.row(self.weights, self.right, self.z, row);
            for k in 0..K {
                gap[k] += (wanted[k] - self.z[i][k]).abs();
                size[k] += self.z[i][k].abs();
            }
        }
        (0..K).filter(|&k| size[k] > 0.0).map(|k| gap[k] / size[k]).fold(0.0, f64::max)
    }
}

impl EndorsementGraph {
    /// The payoffs of [`Contributions::payoffs`] with default settings but this restart.
    pub fn payoffs(&self, restart: f64, trust: &[f64]) -> Result<Vec<f64>, ReputationError> {
        let settings = ContributionSettings { restart, ..ContributionSettings::default() };
        Contributions::new(self, settings)?.payoffs(trust)
    }
}
