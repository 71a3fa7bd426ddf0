//! Designated PageRank by Gauss-Seidel with aggregation.
//!
//! Servers have no outgoing edges, so the iteration runs over active users only: up to a factor, their ranks solve
//! `x = (1 - alpha) x Q + u`, and servers are filled in at the end as `(1 - alpha) x R`. Each sweep is followed by the
//! one factor that restores the balance of the total (what enters equals what leaks), which removes the slow mode that
//! plain iteration waits for.
//!
//! A sweep takes fixed blocks of users in order; within a block, all rows read the values from before it. The blocks
//! depend on the graph alone, so any number of threads gives the same bits.

use super::graph::{EndorsementGraph, GROUP, GROUPED_MIN, Sparse, Weights};
use super::{ReputationError, check_between};
use crate::numeric::{Sum, sum};
use crate::wide::{Kernel, wide};
use rayon::prelude::*;

/// How to rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankSettings {
    /// alpha in (0, 1): the chance of a restart at every step. 0.15 by default.
    pub restart: f64,
    /// The largest L1 residual `|pi - pi T'|` of the result, 1e-12 by default. The L1 error is at most this over
    /// alpha.
    pub tolerance: f64,
    /// Sweeps after which to give up, 1,000 by default.
    pub sweeps_max: usize,
    /// Where a restart lands.
    pub teleport: Teleport,
}

/// Where restarts, and walks that leave a server, land.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teleport {
    /// On active users: the designated form.
    Users,
    /// On active users and servers alike: ordinary PageRank, for comparison.
    Everyone,
}

impl Default for RankSettings {
    fn default() -> Self {
        Self { restart: 0.15, tolerance: 1e-12, sweeps_max: 1000, teleport: Teleport::Users }
    }
}

impl RankSettings {
    pub(super) fn check(&self) -> Result<(), ReputationError> {
        check_between("restart", self.restart, 0.0, 1.0, "it must lie between 0 and 1")?;
        check_between("tolerance", self.tolerance, 0.0, 1.0, "it must lie between 0 and 1")
    }
}

/// Ranks of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// rho (m), with sum 1; exactly 0 for servers that no walk reaches.
    pub reputation: Vec<f64>,
    /// pi (n + m), users first, with sum 1; 0 for inactive users.
    pub pagerank: Vec<f64>,
    /// The L1 residual of `pagerank`, measured.
    pub residual: f64,
    /// Sweeps made.
    pub sweeps: usize,
}

/// Rows per unit of parallel work, a multiple of [`GROUP`].
const CHUNK: usize = 2048;
/// Blocks per sweep. Their number hardly changes that of the sweeps; more would leave threads waiting.
const BLOCKS: usize = 32;
/// By how much the residual after a sweep is below what the sweep's change proves, as a rule. The measured residual
/// decides; a wrong guess costs one sweep.
const OPTIMISM: f64 = 8.0;

impl EndorsementGraph {
    /// Designated PageRank and reputation (Eq. 1).
    ///
    /// ```
    /// use muster_mechanism::reputation::{EndorsementGraph, RankSettings};
    /// // Users 0 and 1, servers 2 and 3.
    /// let graph = EndorsementGraph::new(2, 2, [(0, 2, 1.0), (1, 2, 1.0), (1, 3, 1.0)].into_iter())?;
    /// let ranking = graph.rank(&RankSettings::default())?;
    /// assert!((ranking.reputation[0] - 0.75).abs() < 1e-12 && ranking.residual <= 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// Settings out of range; [`ReputationError::NotConverged`] if the residual stays above the tolerance.
    pub fn rank(&self, settings: &RankSettings) -> Result<Ranking, ReputationError> {
        settings.check()?;
        let mut solver = LeftSolver::new(self, settings.restart);
        let mut wanted = OPTIMISM * settings.tolerance;
        loop {
            solver.run(wanted, settings)?;
            let (pagerank, residual) = self.assemble(&solver, settings);
            if residual <= settings.tolerance {
                let servers = &pagerank[self.users()..];
                let total = sum(servers.iter().copied());
                return Ok(Ranking {
                    reputation: servers.iter().map(|s| s / total).collect(),
                    residual,
                    sweeps: solver.sweeps,
                    pagerank,
                });
            }
            wanted *= 0.1;
            if wanted < 1e-17 {
                return Err(ReputationError::NotConverged {
                    residual,
                    sweeps: solver.sweeps,
                    tolerance: settings.tolerance,
                });
            }
        }
    }

    /// (pi over users and servers, its L1 residual) from the ranks of active users up to a factor.
    fn assemble(&self, solver: &LeftSolver, settings: &RankSettings) -> (Vec<f64>, f64) {
        let active = self.active_users();
        let mut servers = vec![0.0; self.servers()];
        solver.inflows(active, &mut servers);
        // Mass that a restart or an exit puts on each node, in the solver's unit.
        let landing = match settings.teleport {
            Teleport::Users => 0.0,
            Teleport::Everyone => solver.constant,
        };
        servers.iter_mut().for_each(|s| *s += landing);
        let total = sum(solver.x.iter().copied()) + sum(servers.iter().copied());
        servers.iter_mut().for_each(|s| *s /= total);
        let places = match settings.teleport {
            Teleport::Users => active,
            Teleport::Everyone => active + self.servers(),
        };
        let alpha = settings.restart;
        let restart = (alpha + (1.0 - alpha) * sum(servers.iter().copied())) / places as f64;
        let mut residual = Sum::default();
        for part in solver.gaps(total, restart) {
            residual.add(part);
        }
        if settings.teleport == Teleport::Everyone {
            let gap = (landing / total - restart).abs();
            residual.add(gap * self.servers() as f64);
        }
        let mut pagerank = self.to_users(solver.x.iter().map(|x| x / total));
        pagerank.append(&mut servers);
        (pagerank, residual.value())
    }
}

/// Solves `x = (1 - alpha) x Q + constant` over the active users.
pub(super) struct LeftSolver<'g> {
    graph: &'g EndorsementGraph,
    /// The solution so far.
    pub x: Vec<f64>,
    /// x[i] (1 - alpha) / out-weight[i]: what each unit of endorsement carries.
    carried: Vec<f64>,
    /// (1 - alpha) / out-weight[i].
    scale: Vec<f64>,
    /// 1 - (1 - alpha) times the share of i's endorsements that goes to users: what i leaks.
    leak: Vec<f64>,
    blocks: Vec<core::ops::Range<usize>>,
    /// The constant, in the current unit of x.
    pub constant: f64,
    pub sweeps: usize,
}

/// What a sweep changed and what it holds, L1.
#[derive(Clone, Copy, Default)]
struct Totals {
    change: f64,
    leak: f64,
    mass: f64,
}

impl<'g> LeftSolver<'g> {
    pub(super) fn new(graph: &'g EndorsementGraph, restart: f64) -> Self {
        let active = graph.active_users();
        let scale: Vec<f64> = graph.out_weight.iter().map(|w| (1.0 - restart) / w).collect();
        let users = scale.iter().zip(&graph.users_weight);
        let leak = users.map(|(scale, weight)| 1.0 - scale * weight).collect();
        let constant = 1.0 / active as f64;
        Self {
            graph,
            x: vec![constant; active],
            carried: scale.iter().map(|s| constant * s).collect(),
            scale,
            leak,
            blocks: blocks(graph),
            constant,
            sweeps: 0,
        }
    }

    /// Takes user `i` (a position) out of the flow: what arrives there goes nowhere.
    pub(super) fn absorb(&mut self, i: usize) {
        (self.scale[i], self.carried[i], self.leak[i]) = (0.0, 0.0, 1.0);
    }

    /// Sweeps until the residual, bounded by (1 - alpha) times the change of a sweep, is at most `tolerance` times the
    /// mass.
    pub(super) fn run(
        &mut self,
        tolerance: f64,
        settings: &RankSettings,
    ) -> Result<(), ReputationError> {
        loop {
            let totals = match &self.graph.incoming.weights {
                Weights::Single(w) => self.sweep(w),
                Weights::Double(w) => self.sweep(w),
            };
            self.sweeps += 1;
            // What enters must equal what leaks. Instead of scaling x up, the constant is scaled down.
            let factor = self.constant * self.x.len() as f64 / totals.leak;
            self.constant /= factor;
            let change =
                (1.0 - settings.restart) * totals.change / totals.mass + (factor - 1.0).abs();
            if change <= tolerance
                || (self.sweeps > 20 && totals.change <= 4.0 * f64::EPSILON * totals.mass)
            {
                return Ok(());
            }
            if self.sweeps >= settings.sweeps_max {
                return Err(ReputationError::NotConverged {
                    residual: change,
                    sweeps: self.sweeps,
                    tolerance,
                });
            }
        }
    }

    fn sweep<W: Copy + Into<f64> + Sync>(&mut self, weights: &[W]) -> Totals {
        let incoming = &self.graph.incoming;
        let mut fresh = vec![0.0; self.blocks.iter().map(core::ops::Range::len).max().unwrap_or(0)];
        let mut totals = Totals::default();
        for block in self.blocks.clone() {
            let fresh = &mut fresh[..block.len()];
            let (constant, carried) = (self.constant, &self.carried);
            let interleaved = &self.graph.interleaved;
            let rows = |first: usize, out: &mut [f64]| {
                wide(Inflow { incoming, interleaved, weights, carried, constant, first, out });
            };
            if block.len() <= CHUNK {
                rows(block.start, fresh);
            } else {
                fresh
                    .par_chunks_mut(CHUNK)
                    .enumerate()
                    .for_each(|(c, out)| rows(block.start + c * CHUNK, out));
            }
            let part = self.accept(block, fresh);
            totals.change += part.change;
            totals.leak += part.leak;
            totals.mass += part.mass;
        }
        totals
    }

    fn accept(&mut self, block: core::ops::Range<usize>, fresh: &[f64]) -> Totals {
        let mut parts = [[0.0; 4]; 3];
        let old = &mut self.x[block.clone()];
        let (carried, scale) = (&mut self.carried[block.clone()], &self.scale[block.clone()]);
        let leak = &self.leak[block];
        for i in 0..fresh.len() {
            let (y, lane) = (fresh[i], i % 4);
            parts[0][lane] += (y - old[i]).abs();
            parts[1][lane] += y * leak[i];
            parts[2][lane] += y;
            old[i] = y;
            carried[i] = y * scale[i];
        }
        let total = |p: [f64; 4]| (p[0] + p[1]) + (p[2] + p[3]);
        Totals { change: total(parts[0]), leak: total(parts[1]), mass: total(parts[2]) }
    }

    /// `(1 - alpha) x [Q R]` at the nodes from `first` on.
    pub(super) fn inflows(&self, first: usize, out: &mut [f64]) {
        match &self.graph.incoming.weights {
            Weights::Single(w) => self.inflows_of(w, first, out),
            Weights::Double(w) => self.inflows_of(w, first, out),
        }
    }

    fn inflows_of<W: Copy + Into<f64> + Sync>(&self, weights: &[W], first: usize, out: &mut [f64]) {
        out.par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(c, out)| self.inflow_of(weights, 0.0, first + c * CHUNK, out));
    }

    fn inflow_of<W: Copy + Into<f64>>(
        &self,
        weights: &[W],
        constant: f64,
        first: usize,
        out: &mut [f64],
    ) {
        let graph = self.graph;
        let (incoming, interleaved, carried) =
            (&graph.incoming, &graph.interleaved, &self.carried[..]);
        wide(Inflow { incoming, interleaved, weights, carried, constant, first, out });
    }

    /// Sums of `|x / total - (inflow / total + restart)|` over the users, chunk by chunk.
    fn gaps(&self, total: f64, restart: f64) -> Vec<f64> {
        let gap = |(c, x): (usize, &[f64])| {
            let mut inflow = [0.0; CHUNK];
            let inflow = &mut inflow[..x.len()];
            match &self.graph.incoming.weights {
                Weights::Single(w) => self.inflow_of(w, 0.0, c * CHUNK, inflow),
                Weights::Double(w) => self.inflow_of(w, 0.0, c * CHUNK, inflow),
            }
            let gaps = x.iter().zip(inflow);
            sum(gaps.map(|(x, y)| (x / total - (*y / total + restart)).abs()))
        };
        self.x.par_chunks(CHUNK).enumerate().map(gap).collect()
    }
}

/// `constant` and what flows into the nodes from `first` on.
struct Inflow<'a, W> {
    incoming: &'a Sparse,
    interleaved: &'a [bool],
    weights: &'a [W],
    carried: &'a [f64],
    constant: f64,
    first: usize,
    out: &'a mut [f64],
}

impl<W: Copy + Into<f64>> Kernel for Inflow<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let row = |node: usize| {
            let row = self.incoming.row(node);
            (&self.incoming.targets[row.clone()], &self.weights[row])
        };
        let mut k = 0;
        while k < self.out.len() {
            let node = self.first + k;
            let takes_turns =
                node.is_multiple_of(GROUP) && self.interleaved.get(node / GROUP) == Some(&true);
            if takes_turns && k + GROUP <= self.out.len() {
                let all = self.incoming.offsets[node] as usize
                    ..self.incoming.offsets[node + GROUP] as usize;
                let (sources, weights) = (&self.incoming.targets[all.clone()], &self.weights[all]);
                let mut flows = [0.0; GROUP];
                let turns = sources.as_chunks::<GROUP>().0.iter();
                for (sources, weights) in turns.zip(weights.as_chunks::<GROUP>().0) {
                    for lane in 0..GROUP {
                        flows[lane] += self.carried[sources[lane] as usize] * weights[lane].into();
                    }
                }
                for (y, flow) in self.out[k..].iter_mut().zip(flows) {
                    *y = self.constant + flow;
                }
                k += GROUP;
            } else {
                let (sources, weights) = row(node);
                self.out[k] = self.constant + inflow(sources, weights, self.carried);
                k += 1;
            }
        }
    }
}

/// `sum w[e] carried[source[e]]`, in eight lanes.
#[inline(always)]
fn inflow<W: Copy + Into<f64>>(sources: &[u32], weights: &[W], carried: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let ((s, rest), (w, rest_weights)) = (sources.as_chunks::<8>(), weights.as_chunks::<8>());
    for (s, w) in s.iter().zip(w) {
        for l in 0..8 {
            lanes[l] += carried[s[l] as usize] * w[l].into();
        }
    }
    for (l, (&s, &w)) in rest.iter().zip(rest_weights).enumerate() {
        lanes[l] += carried[s as usize] * w.into();
    }
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6]))
        + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

/// Consecutive users with about equal numbers of endorsers, whole groups where there are many; single users while there
/// are fewer than BLOCKS.
fn blocks(graph: &EndorsementGraph) -> Vec<core::ops::Range<usize>> {
    let (active, offsets) = (graph.active_users(), &graph.incoming.offsets);
    let work = |i: usize| u64::from(offsets[i]) + i as u64;
    let (mut blocks, mut start) = (Vec::with_capacity(BLOCKS), 0);
    for b in 1..=BLOCKS as u64 {
        let goal = work(active) * b / BLOCKS as u64;
        let mut end = start;
        while end < active && work(end + 1) <= goal {
            end += 1;
        }
        if active > GROUPED_MIN && b < BLOCKS as u64 {
            end = end.next_multiple_of(GROUP).min(active);
        }
        if end > start {
            blocks.push(start..end);
            start = end;
        }
    }
    if start < active {
        blocks.push(start..active);
    }
    blocks
}
