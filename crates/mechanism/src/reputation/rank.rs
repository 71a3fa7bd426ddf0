//! Designated PageRank by Gauss-Seidel with aggregation.
//!
//! Servers have no outgoing edges, so the iteration runs over active users only: up to a factor,
//! their ranks solve `x = (1 - alpha) x Q + u`, and servers are filled in at the end as
//! `(1 - alpha) x R`. Each sweep is followed by the one factor that restores the balance of the
//! total (what enters equals what leaks), which removes the slow mode that plain iteration waits
//! for. Where sweeps converge slowly nevertheless, they are extrapolated.
//!
//! Small graphs are swept user by user. In large ones a sweep takes fixed blocks of users in order;
//! within a block, all rows read the values from before it. Either depends on the graph alone, so
//! any number of threads gives the same bits.

use super::acceleration::Acceleration;
use super::graph::{EndorsementGraph, Sparse, Weights};
use super::{ReputationError, check_between};
use crate::gather::{LANES, Lookup, LookupKernel, looking_up};
use crate::numeric::{Sum, sum};
use rayon::prelude::*;

/// How to rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankSettings {
    /// alpha in (0, 1): the chance of a restart at every step. 0.15 by default.
    pub restart: f64,
    /// The largest L1 residual `|pi - pi T'|` of the result, 1e-12 by default. The L1 error is at
    /// most this over alpha.
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

/// Up to this many endorsements, threads would not pay, and users are taken one by one: fewer
/// sweeps.
const ALONE_MAX: usize = 1 << 20;
/// Pieces of a block that threads share: its rows are of about one length.
const PIECES: usize = 16;
/// Rows per unit of other parallel work.
const CHUNK: usize = 2048;
/// Blocks per sweep. Their number hardly changes that of the sweeps; more would leave threads
/// waiting.
const BLOCKS: usize = 32;
/// By how much the residual after a sweep is below what the sweep's change proves, as a rule. The
/// measured residual decides; a wrong guess costs one sweep.
const OPTIMISM: f64 = 8.0;
/// Sweeps are slow, and are extrapolated, from the first one on that leaves more than this share of
/// the change before.
const SLOW: f64 = 0.5;

impl EndorsementGraph {
    /// Designated PageRank and reputation (Eq. 1).
    ///
    /// ```
    /// use muster_mechanism::reputation::{EndorsementGraph, RankSettings};
    /// // Users 0 and 1, servers 2 and 3.
    /// let edges = [(0, 2, 1.0), (1, 2, 1.0), (1, 3, 1.0)];
    /// let graph = EndorsementGraph::new(2, 2, edges.into_iter())?;
    /// let ranking = graph.rank(&RankSettings::default())?;
    /// assert!((ranking.reputation[0] - 0.75).abs() < 1e-12 && ranking.residual <= 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// Settings out of range; [`ReputationError::NotConverged`] if the residual stays above the
    /// tolerance.
    pub fn rank(&self, settings: &RankSettings) -> Result<Ranking, ReputationError> {
        settings.check()?;
        if self.edges() <= ALONE_MAX {
            return self.ranked(settings);
        }
        // Work is handed over to the threads once, and not once for every block.
        rayon::scope(|_| self.ranked(settings))
    }

    fn ranked(&self, settings: &RankSettings) -> Result<Ranking, ReputationError> {
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
    /// What is swept at once; none if users are taken one by one.
    blocks: Vec<core::ops::Range<usize>>,
    /// The constant, in the current unit of x.
    pub constant: f64,
    pub sweeps: usize,
    /// The change of the last sweep.
    change: f64,
    /// From the first slow sweep on.
    acceleration: Option<Acceleration>,
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
            change: f64::INFINITY,
            acceleration: None,
        }
    }

    /// Takes user `i` (a position) out of the flow: what arrives there goes nowhere.
    pub(super) fn absorb(&mut self, i: usize) {
        (self.scale[i], self.carried[i], self.leak[i]) = (0.0, 0.0, 1.0);
    }

    /// Sweeps until the residual, bounded by (1 - alpha) times the change of a sweep, is at most
    /// `tolerance` times the mass.
    pub(super) fn run(
        &mut self,
        tolerance: f64,
        settings: &RankSettings,
    ) -> Result<(), ReputationError> {
        loop {
            let start = self.acceleration.as_ref().map(|_| self.in_unit());
            let totals = match &self.graph.incoming.weights {
                Weights::Single(w) => self.sweep(w),
                Weights::Double(w) => self.sweep(w),
            };
            self.sweeps += 1;
            // What enters must equal what leaks. Instead of scaling x up, the constant is scaled
            // down.
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
            self.extrapolate(start, change);
        }
    }

    /// After a sweep from `start`, in the unit in which the constant is 1, that changed the ranks
    /// by `change`.
    fn extrapolate(&mut self, start: Option<Vec<f64>>, change: f64) {
        let before = std::mem::replace(&mut self.change, change);
        if let (Some(start), true) = (start, change <= before) {
            let end = self.in_unit();
            if let Some(acceleration) = &mut self.acceleration {
                self.x = acceleration.next(&start, end);
                self.constant = 1.0;
                for ((carried, x), scale) in self.carried.iter_mut().zip(&self.x).zip(&self.scale) {
                    *carried = x * scale;
                }
            }
        } else if change > SLOW * before {
            // It starts, or starts anew where it has led away.
            self.acceleration = Some(Acceleration::default());
        }
    }

    /// x in the unit in which the constant is 1.
    fn in_unit(&self) -> Vec<f64> {
        let unit = 1.0 / self.constant;
        self.x.iter().map(|x| x * unit).collect()
    }

    fn sweep<W: Copy + Into<f64> + Sync>(&mut self, weights: &[W]) -> Totals {
        if self.blocks.is_empty() {
            return looking_up(Sweep { solver: self, weights });
        }
        let mut fresh = vec![0.0; self.blocks.iter().map(core::ops::Range::len).max().unwrap_or(0)];
        let mut totals = Totals::default();
        for block in self.blocks.clone() {
            let fresh = &mut fresh[..block.len()];
            let piece = block.len().div_ceil(PIECES);
            fresh.par_chunks_mut(piece).enumerate().for_each(|(k, out)| {
                self.inflow_of(weights, self.constant, block.start + k * piece, out);
            });
            let part = self.accept(block, fresh);
            totals.change += part.change;
            totals.leak += part.leak;
            totals.mass += part.mass;
        }
        totals
    }

    fn accept(&mut self, block: core::ops::Range<usize>, fresh: &[f64]) -> Totals {
        let mut totals = Totals::default();
        let old = self.x[block.clone()].iter_mut().zip(&mut self.carried[block.clone()]);
        let factors = self.scale[block.clone()].iter().zip(&self.leak[block]);
        for ((y, (old, carried)), (scale, leak)) in fresh.iter().zip(old).zip(factors) {
            totals.change += (y - *old).abs();
            totals.leak += y * leak;
            totals.mass += y;
            *old = *y;
            *carried = y * scale;
        }
        totals
    }

    /// `(1 - alpha) x [Q R]` at the nodes from `first` on.
    pub(super) fn inflows(&self, first: usize, out: &mut [f64]) {
        match &self.graph.incoming.weights {
            Weights::Single(w) => self.inflows_of(w, first, out),
            Weights::Double(w) => self.inflows_of(w, first, out),
        }
    }

    fn inflows_of<W: Copy + Into<f64> + Sync>(&self, weights: &[W], first: usize, out: &mut [f64]) {
        let part = |(c, out): (usize, &mut [f64])| {
            self.inflow_of(weights, 0.0, first + c * CHUNK, out);
        };
        if self.blocks.is_empty() {
            out.chunks_mut(CHUNK).enumerate().for_each(part);
        } else {
            out.par_chunks_mut(CHUNK).enumerate().for_each(part);
        }
    }

    fn inflow_of<W: Copy + Into<f64>>(
        &self,
        weights: &[W],
        constant: f64,
        first: usize,
        out: &mut [f64],
    ) {
        let (incoming, carried) = (&self.graph.incoming, &self.carried[..]);
        looking_up(Inflow { incoming, weights, carried, constant, first, out });
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
        if self.blocks.is_empty() {
            self.x.chunks(CHUNK).enumerate().map(gap).collect()
        } else {
            self.x.par_chunks(CHUNK).enumerate().map(gap).collect()
        }
    }
}

/// A Gauss-Seidel sweep, user by user.
struct Sweep<'a, 'g, W> {
    solver: &'a mut LeftSolver<'g>,
    weights: &'a [W],
}

impl<W: Copy + Into<f64>> LookupKernel for Sweep<'_, '_, W> {
    type Output = Totals;

    #[inline(always)]
    fn run<L: Lookup>(self, lookup: L) -> Totals {
        let solver = self.solver;
        let Sparse { offsets, targets, .. } = &solver.graph.incoming;
        let (x, carried, constant) = (&mut solver.x[..], &mut solver.carried[..], solver.constant);
        let (targets, scale, leak) = (&targets[..], &solver.scale[..], &solver.leak[..]);
        let mut totals = Totals::default();
        for (i, ends) in offsets.array_windows().take(x.len()).enumerate() {
            let fresh = constant + inflow(lookup, targets, self.weights, carried, ends);
            totals.change += (fresh - x[i]).abs();
            totals.leak += fresh * leak[i];
            totals.mass += fresh;
            x[i] = fresh;
            carried[i] = fresh * scale[i];
        }
        totals
    }
}

/// `constant` and what flows into the nodes from `first` on.
struct Inflow<'a, W> {
    incoming: &'a Sparse,
    weights: &'a [W],
    carried: &'a [f64],
    constant: f64,
    first: usize,
    out: &'a mut [f64],
}

impl<W: Copy + Into<f64>> LookupKernel for Inflow<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lookup>(self, lookup: L) {
        let Sparse { offsets, targets, .. } = self.incoming;
        let rows = offsets[self.first..].array_windows();
        for (out, ends) in self.out.iter_mut().zip(rows) {
            *out = self.constant + inflow(lookup, targets, self.weights, self.carried, ends);
        }
    }
}

/// How many endorsements ahead of those at work memory is asked for the next ones.
const AHEAD: usize = 256;

/// Up to this many endorsements are added up one by one.
const SHORT: usize = 4;

/// `sum w[e] carried[source[e]]` over a node's endorsements, which lie between these two `ends`, in
/// eight lanes.
#[inline(always)]
fn inflow<L: Lookup, W: Copy + Into<f64>>(
    lookup: L,
    all_sources: &[u32],
    weights: &[W],
    carried: &[f64],
    &[start, end]: &[u32; 2],
) -> f64 {
    let row = start as usize..end as usize;
    let (sources, rest) = all_sources[row.clone()].as_chunks();
    let (factors, _) = weights[row.clone()].as_chunks::<LANES>();
    if rest.len() <= SHORT && sources.is_empty() {
        let mut sum = 0.0;
        for (&source, &weight) in rest.iter().zip(&weights[row.clone()]) {
            sum += weight.into() * carried[source as usize];
        }
        return sum;
    }
    let mut sums = lookup.nothing();
    let mut ahead = row.start + AHEAD;
    for (sources, factors) in sources.iter().zip(factors) {
        lookup.announce(all_sources, ahead);
        lookup.announce(weights, ahead);
        ahead += LANES;
        sums = lookup.add(sums, carried, sources, &factors.map(Into::into), LANES);
    }
    if !rest.is_empty() {
        let at = row.end - rest.len();
        // What follows the row are other endorsements, which are not looked up.
        let eight = (all_sources[at..].first_chunk(), weights[at..].first_chunk::<LANES>());
        sums = if let (Some(sources), Some(factors)) = eight {
            lookup.add(sums, carried, sources, &factors.map(Into::into), rest.len())
        } else {
            let (mut sources, mut factors) = ([0; LANES], [0.0; LANES]);
            sources[..rest.len()].copy_from_slice(rest);
            for (lane, factor) in weights[at..row.end].iter().enumerate() {
                factors[lane] = (*factor).into();
            }
            lookup.add(sums, carried, &sources, &factors, rest.len())
        };
    }
    lookup.total(sums)
}

/// Consecutive users with about equal numbers of endorsers; none for a small graph.
fn blocks(graph: &EndorsementGraph) -> Vec<core::ops::Range<usize>> {
    let (active, offsets) = (graph.active_users(), &graph.incoming.offsets);
    if graph.edges() <= ALONE_MAX {
        return Vec::new();
    }
    let work = |i: usize| u64::from(offsets[i]) + i as u64;
    let (mut blocks, mut start) = (Vec::with_capacity(BLOCKS), 0);
    for b in 1..=BLOCKS as u64 {
        let goal = work(active) * b / BLOCKS as u64;
        let mut end = start;
        while end < active && work(end + 1) <= goal {
            end += 1;
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
