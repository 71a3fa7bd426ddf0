//! Connectivity `C` of the paper's Section 3, never as a dense matrix.
//!
//! Every entry of `C` is a base value (for a peer that was not visited) plus a gain, and few gains
//! are not zero: visits in `d` steps sum to at most `d`, so that at most `d / kappa` peers pass the
//! hard cutoff. A walk stops as soon as what is still on its way cannot lift any peer over it.

use rayon::prelude::*;

use super::parts::{PARTS_ROWS, row_dot, scatter};
use super::walk::Walker;
use super::{Connectivity, Weights};

/// The entries of `C` that differ from the base.
pub(super) struct Links {
    /// `c_ij` where nothing else is said.
    base: f64,
    /// Row `i` is `targets[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<usize>,
    targets: Vec<u32>,
    /// `c_ij - base` for every target.
    gains: Gains,
}

enum Gains {
    /// The hard cutoff: from -1 to +1.
    Two,
    Each(Vec<f64>),
}

/// Bounds on what mass at a peer can still add to any one peer's visits.
struct Bounds<'a> {
    weights: &'a Weights,
    config: Connectivity,
    /// What one unit of mass anywhere can add in `depth - 1` steps.
    anywhere: f64,
    /// Entry `r - 1`: what one unit of mass can add in `r` steps, by where it stands. Empty where
    /// no walk needs it, or the walk is deep.
    steps: Vec<Vec<f64>>,
}

/// Up to this depth bounds are kept for every step; deeper walks are walked to their end.
const BOUNDED_DEPTH_MAX: u32 = 8;

/// Forgives the rounding of the bounds: they are compared as if they were larger by this factor.
const SLACK: f64 = 1.0 + 1e-9;

impl Links {
    /// Finds the targets of every peer with standing; the others get none, for they move neither
    /// trust nor the gradient.
    pub(super) fn find(weights: &Weights, standing: &[f64], config: &Connectivity) -> Self {
        let bounds = Bounds::find(weights, standing, config);
        let peers: Vec<u32> = (0..weights.peers() as u32).collect();
        let found: Vec<Part> = peers
            .par_chunks(PARTS_ROWS)
            .map_init(
                || None,
                |walker, chunk| {
                    let mut part = Part::default();
                    for &peer in chunk {
                        if standing[peer as usize] > 0.0 {
                            part.row(weights, config, &bounds, walker, peer);
                        }
                        part.ends.push(part.row.len());
                    }
                    part
                },
            )
            .collect();
        Self::join(found, config)
    }

    fn join(found: Vec<Part>, config: &Connectivity) -> Self {
        let count = found.iter().map(|part| part.row.len()).sum();
        let mut offsets = vec![0];
        let mut targets = Vec::with_capacity(count);
        let base = config.width.map_or(-1.0, |width| libm::tanh(-config.cutoff / width));
        let mut gains = Vec::with_capacity(if config.width.is_some() { count } else { 0 });
        for part in found {
            offsets.extend(part.ends.iter().map(|end| targets.len() + end));
            targets.extend(part.row.iter().map(|entry| entry.0));
            if config.width.is_some() {
                gains.extend(part.row.iter().map(|entry| entry.1 - base));
            }
        }
        let gains = if config.width.is_some() { Gains::Each(gains) } else { Gains::Two };
        Self { base, offsets, targets, gains }
    }

    /// `x = C^T s`: for each peer the standing that reaches it minus that which does not.
    pub(super) fn reach(&self, standing: &[f64]) -> Vec<f64> {
        let mut x = scatter(&self.offsets, standing.len(), |i, part| {
            let s = standing[i];
            let range = self.offsets[i]..self.offsets[i + 1];
            match &self.gains {
                Gains::Two => {
                    for &j in &self.targets[range] {
                        part[j as usize] += 2.0 * s;
                    }
                }
                Gains::Each(gains) => {
                    for (&j, gain) in self.targets[range.clone()].iter().zip(&gains[range]) {
                        part[j as usize] += gain * s;
                    }
                }
            }
        });
        let all: f64 = standing.iter().sum();
        for value in &mut x {
            *value += self.base * all;
        }
        x
    }

    /// `sum_k c_ik v_k` for row `i`, where `all` is the sum of `v`.
    pub(super) fn row_times(&self, i: usize, vector: &[f64], all: f64) -> f64 {
        let range = self.offsets[i]..self.offsets[i + 1];
        let mut sum = 0.0;
        match &self.gains {
            Gains::Two => {
                for &k in &self.targets[range] {
                    sum += vector[k as usize];
                }
                sum *= 2.0;
            }
            Gains::Each(gains) => {
                for (&k, gain) in self.targets[range.clone()].iter().zip(&gains[range]) {
                    sum += gain * vector[k as usize];
                }
            }
        }
        self.base * all + sum
    }
}

/// The links of some consecutive peers: `(target, c)` and where each row ends.
#[derive(Default)]
struct Part {
    row: Vec<(u32, f64)>,
    ends: Vec<usize>,
}

impl Part {
    fn row<'a>(
        &mut self,
        weights: &'a Weights,
        config: &Connectivity,
        bounds: &Bounds<'a>,
        walker: &mut Option<Walker<'a>>,
        peer: u32,
    ) {
        let before = self.row.len();
        if config.self_connected {
            self.row.push((peer, 1.0));
        }
        let own = if config.self_connected { Some(peer) } else { None };
        let settled = config.width.is_none()
            && bounds.settle_at_once(peer as usize, |target| {
                if Some(target) != own {
                    self.row.push((target, 1.0));
                }
            });
        if !settled {
            let walker = walker.get_or_insert_with(|| Walker::new(weights));
            walker.start(peer as usize);
            for left in (1..=config.depth).rev() {
                let first = left == config.depth;
                let goes_on = |peer, mass| first || bounds.goes_on(left, peer, mass);
                if !walker.advance(1.0, goes_on) {
                    break;
                }
                let rest = walker.sum(|peer, mass| bounds.rest(left - 1, peer, mass)) * SLACK;
                if config.width.is_none()
                    && rest <= config.cutoff
                    && !walker.any_within(config.cutoff - rest, config.cutoff)
                {
                    break;
                }
            }
            walker.finish(|target, visits| {
                let c = match config.width {
                    None if visits > config.cutoff => 1.0,
                    None => return,
                    Some(width) => libm::tanh((visits - config.cutoff) / width),
                };
                if Some(target) != own {
                    self.row.push((target, c));
                }
            });
        }
        self.row[before..].sort_unstable_by_key(|entry| entry.0);
    }
}

impl<'a> Bounds<'a> {
    fn find(weights: &'a Weights, standing: &[f64], config: &Connectivity) -> Self {
        let largest = weights.largest().iter().fold(0.0, |a: f64, &b| a.max(b));
        let anywhere = f64::from(config.depth - 1) * largest * SLACK;
        let mut bounds = Self { weights, config: *config, anywhere, steps: Vec::new() };
        let walks =
            (0..weights.peers()).any(|i| standing[i] > 0.0 && !bounds.settle_at_once(i, |_| ()));
        if config.depth <= BOUNDED_DEPTH_MAX && walks {
            for _ in 1..config.depth {
                bounds.deepen();
            }
        }
        bounds
    }

    /// One more step: `h_r(u) = max_j w_uj + sum_v w_uv h_(r-1)(v)`.
    fn deepen(&mut self) {
        let next = match self.steps.last() {
            None => self.weights.largest().to_vec(),
            Some(last) => (0..self.weights.peers())
                .into_par_iter()
                .with_min_len(PARTS_ROWS)
                .map(|u| {
                    let (columns, values) = self.weights.row(u);
                    self.weights.largest()[u] + row_dot(columns, values, last)
                })
                .collect(),
        };
        self.steps.push(next);
    }

    /// What `mass` at `peer` can add to any one peer's visits in `left` steps.
    fn most(&self, left: u32, peer: usize, mass: f64) -> f64 {
        match self.steps.get((left as usize).wrapping_sub(1)) {
            Some(bound) => mass * bound[peer],
            None => mass * f64::from(left),
        }
    }

    /// Whether `mass` at `peer` is walked on when `left` steps are left.
    fn goes_on(&self, left: u32, peer: usize, mass: f64) -> bool {
        self.most(left, peer, mass) > self.config.truncation
    }

    /// What `mass` at `peer` will be able to add: nothing if it is not walked on.
    fn rest(&self, left: u32, peer: usize, mass: f64) -> f64 {
        if self.goes_on(left, peer, mass) { self.most(left, peer, mass) } else { 0.0 }
    }

    /// If the first step alone decides who is a target of `peer`, hands them to `take` and says
    /// true; else does nothing.
    fn settle_at_once(&self, peer: usize, mut take: impl FnMut(u32)) -> bool {
        let (columns, values) = self.weights.row(peer);
        let cutoff = self.config.cutoff;
        let largest = self.weights.largest()[peer];
        let decided = |rest: f64| {
            // Quick where the row has no weight near the cutoff at all.
            largest + rest <= cutoff
                || (rest <= cutoff && !values.iter().any(|&w| w > cutoff - rest && w <= cutoff))
        };
        let quick = if largest * self.anywhere <= self.config.truncation {
            0.0
        } else {
            self.anywhere * SLACK
        };
        if !decided(quick) {
            if self.steps.is_empty() {
                return false;
            }
            let mut rest = 0.0;
            for (&column, &value) in columns.iter().zip(values) {
                if value * self.anywhere > self.config.truncation {
                    rest += self.rest(self.config.depth - 1, column as usize, value);
                }
            }
            if !decided(rest * SLACK) {
                return false;
            }
        }
        if largest > cutoff {
            for (&column, &value) in columns.iter().zip(values) {
                if value > cutoff {
                    take(column);
                }
            }
        }
        true
    }
}
