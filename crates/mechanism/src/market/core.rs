//! Walks where those who give weights give them to most peers, and opinions clipped panel by panel.
//!
//! Mass that stands at a peer without a row stops there, so that walks live on the rows that are
//! not empty, the *core*. With `y_ic` the weighted number of times that a walk from `i` sets out
//! from `c` of the core, `V = Y W`: the core's walks cost little, and the rest is one product.

use rayon::prelude::*;

use super::Weights;
use super::clip::Votes;
use super::panel::{self, Lanes, Panels, Scratch, Voters, WIDTH};
use crate::wide::{Kernel, wide};

/// The peers whose rows are not empty.
pub(super) struct Core<'a> {
    weights: &'a Weights,
    members: Vec<u32>,
    /// The weights among members, by their position in `members`.
    inner: Rows,
}

/// Compressed rows.
pub(super) struct Rows {
    pub(super) offsets: Vec<usize>,
    pub(super) columns: Vec<u32>,
    pub(super) values: Vec<f64>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { offsets: vec![0], columns: Vec::new(), values: Vec::new() }
    }
}

impl Rows {
    fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    fn row(&self, at: usize) -> (&[u32], &[f64]) {
        let range = self.offsets[at]..self.offsets[at + 1];
        (&self.columns[range.clone()], &self.values[range])
    }
}

/// Opinions lowered to their ceilings, and what they come to.
pub(super) struct Lowered {
    pub(super) ceiling: Vec<f64>,
    pub(super) incentive: Vec<f64>,
    /// By holder, `min(V_ij, q_j)` where it is above 0.
    pub(super) opinions: Rows,
}

/// One in so many pairs of the core and all peers must have a weight.
const SPARSE: usize = 8;

/// Panels per task.
const TASK: usize = 4;

impl<'a> Core<'a> {
    /// The core, if products of panels are the cheaper way there.
    pub(super) fn find(weights: &'a Weights) -> Option<Self> {
        let peers = weights.peers();
        let members: Vec<u32> =
            (0..peers as u32).filter(|&i| !weights.row(i as usize).0.is_empty()).collect();
        if members.is_empty() || weights.count() < members.len() * peers / SPARSE {
            return None;
        }
        let mut position = vec![u32::MAX; peers];
        for (at, &member) in members.iter().enumerate() {
            position[member as usize] = at as u32;
        }
        let mut inner = Rows::default();
        for &member in &members {
            let row = weights.row(member as usize);
            for (&column, &value) in row.0.iter().zip(row.1) {
                if position[column as usize] != u32::MAX {
                    inner.columns.push(position[column as usize]);
                    inner.values.push(value);
                }
            }
            inner.offsets.push(inner.columns.len());
        }
        Some(Self { weights, members, inner })
    }

    /// For each holder, the weighted number of times `y` that its walk sets out from each member.
    /// A visit in step `k` counts `factors[k - 1]`; mass up to `truncation` stays where it is, but
    /// for the first step.
    fn departures(&self, holders: &[u32], factors: &[f64], truncation: f64) -> Rows {
        let size = self.members.len();
        let mut mass = Rows::default();
        for holder in holders {
            if let Ok(at) = self.members.binary_search(holder) {
                mass.columns.push(at as u32);
                mass.values.push(1.0);
            }
            mass.offsets.push(mass.columns.len());
        }
        let mut sums = vec![0.0; holders.len() * size];
        for (step, &factor) in factors.iter().enumerate() {
            for (holder, sum) in sums.chunks_mut(size).enumerate() {
                let (columns, values) = mass.row(holder);
                for (&at, &share) in columns.iter().zip(values) {
                    sum[at as usize] += factor * share;
                }
            }
            if step + 1 == factors.len() || mass.columns.is_empty() {
                break;
            }
            let (moved, _) = product(|at| self.inner.row(at), size, size, &mass, |_| ());
            mass = compressed(&moved, holders.len(), truncation);
        }
        let mut departures = Rows::default();
        for sum in sums.chunks(size) {
            for (at, &y) in sum.iter().enumerate().filter(|(_, y)| **y > 0.0) {
                departures.columns.push(at as u32);
                departures.values.push(y);
            }
            departures.offsets.push(departures.columns.len());
        }
        departures
    }

    /// The opinions of the holders, clipped at the medians of their standing.
    pub(super) fn lowered(
        &self,
        holders: &[u32],
        standing: &[f64],
        factors: &[f64],
        truncation: f64,
    ) -> Lowered {
        let departures = self.departures(holders, factors, truncation);
        let votes = Votes::new(standing);
        let rows = votes.with(standing);
        let voters = Voters { rows: &rows, half: votes.half() };
        let peers = self.weights.peers();
        let row = |at: usize| self.weights.row(self.members[at] as usize);
        let clip = |panel: &mut [Lanes]| panel::clip(panel, &voters, &mut Scratch::default());
        let (opinions, clipped) = product(row, self.members.len(), peers, &departures, clip);
        let mut ceiling: Vec<f64> = clipped.iter().flat_map(|c| c.0).collect();
        let mut incentive: Vec<f64> = clipped.iter().flat_map(|c| c.1).collect();
        ceiling.truncate(peers);
        incentive.truncate(peers);
        let opinions = compressed(&opinions, holders.len(), 0.0);
        Lowered { ceiling, incentive, opinions }
    }
}

/// `terms` times the matrix of `size` rows, panel by panel: the panels in order, with as many rows
/// as `terms` each, and what `finish` made of them.
fn product<'a, T: Send>(
    row: impl Fn(usize) -> (&'a [u32], &'a [f64]) + Sync,
    size: usize,
    columns: usize,
    terms: &Rows,
    finish: impl Fn(&mut [Lanes]) -> T + Sync,
) -> (Vec<Lanes>, Vec<T>) {
    let splits = splits(terms, size);
    let mut panels = vec![[0.0; WIDTH]; columns.div_ceil(WIDTH) * terms.count()];
    let finished: Vec<Vec<T>> = panels
        .par_chunks_mut((terms.count() * TASK).max(1))
        .enumerate()
        .map(|(task, panels)| {
            let mut matrix = Panels::new(size, &row, task * TASK * WIDTH);
            panels
                .chunks_mut(terms.count())
                .map(|panel| {
                    let matrix = matrix.next();
                    wide(Multiply { matrix, terms, splits: &splits, panel: &mut *panel });
                    finish(panel)
                })
                .collect()
        })
        .collect();
    (panels, finished.into_iter().flatten().collect())
}

/// Rows of the matrix that stay in the first-level cache while all of `terms` pass over them.
const BLOCK: usize = 96;

/// Where the terms of each block begin, block by block: one number a row, and one list more than
/// there are blocks.
fn splits(terms: &Rows, size: usize) -> Vec<Vec<usize>> {
    (0..=size.div_ceil(BLOCK))
        .map(|block| {
            let before = |r| {
                let (places, _) = terms.row(r);
                places.partition_point(|&at| (at as usize) < block * BLOCK)
            };
            (0..terms.count()).map(before).collect()
        })
        .collect()
}

/// Row by row, `panel = terms * matrix`. `panel` is all zeros before.
struct Multiply<'a> {
    matrix: &'a [Lanes],
    terms: &'a Rows,
    splits: &'a [Vec<usize>],
    panel: &'a mut [Lanes],
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (block, pair) in self.splits.windows(2).enumerate() {
            let matrix = &self.matrix[block * BLOCK..self.matrix.len().min((block + 1) * BLOCK)];
            for (r, out) in self.panel.iter_mut().enumerate() {
                let (places, coefficients) = self.terms.row(r);
                let range = pair[0][r]..pair[1][r];
                let mut sums = *out;
                for (&at, &coefficient) in places[range.clone()].iter().zip(&coefficients[range]) {
                    let row = &matrix[at as usize - block * BLOCK];
                    for lane in 0..WIDTH {
                        sums[lane] += coefficient * row[lane];
                    }
                }
                *out = sums;
            }
        }
    }
}

/// The entries above `least` of a row of the panels.
fn entries(
    panels: &[Lanes],
    rows: usize,
    row: usize,
    least: f64,
    columns: &mut [u32],
    values: &mut [f64],
) {
    let mut kept = 0;
    for (panel, lanes) in panels[row..].iter().step_by(rows).enumerate() {
        let (mut chosen, mut chosen_values, mut count) = ([0; WIDTH], [0.0; WIDTH], 0);
        for lane in 0..WIDTH {
            // Written whether it stays or not: which it is cannot be foreseen.
            (chosen[count % WIDTH], chosen_values[count % WIDTH]) =
                ((panel * WIDTH + lane) as u32, lanes[lane]);
            count += usize::from(lanes[lane] > least);
        }
        columns[kept..kept + count].copy_from_slice(&chosen[..count]);
        values[kept..kept + count].copy_from_slice(&chosen_values[..count]);
        kept += count;
    }
}

/// Compressed rows of the entries above `least`.
fn compressed(panels: &[Lanes], rows: usize, least: f64) -> Rows {
    let above = |lanes: &Lanes| -> usize {
        lanes.iter().fold(0, |count: usize, &v| count.wrapping_add(usize::from(v > least)))
    };
    let count = |row| panels[row..].iter().step_by(rows).map(above).sum();
    let counts: Vec<usize> = (0..rows).into_par_iter().map(count).collect();
    let mut offsets = vec![0];
    let mut total = 0;
    for &count in &counts {
        total += count;
        offsets.push(total);
    }
    let (mut columns, mut values) = (vec![0; total], vec![0.0; total]);
    let (mut rest_columns, mut rest_values) = (&mut columns[..], &mut values[..]);
    let mut parts = Vec::with_capacity(rows);
    for &count in &counts {
        let (columns, more_columns) = rest_columns.split_at_mut(count);
        let (values, more_values) = rest_values.split_at_mut(count);
        parts.push((columns, values));
        (rest_columns, rest_values) = (more_columns, more_values);
    }
    parts
        .into_par_iter()
        .enumerate()
        .for_each(|(row, (columns, values))| entries(panels, rows, row, least, columns, values));
    Rows { offsets, columns, values }
}
