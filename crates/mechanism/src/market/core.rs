//! Walks where those who give weights give them to most peers, and opinions clipped panel by panel.
//!
//! Mass that stands at a peer without a row stops there, so that walks live on the rows that are
//! not empty, the *core*. With `y_ic` the weighted number of times that a walk from `i` sets out
//! from `c` of the core, `V = Y W`: the core's walks cost little, and the rest is one product.

use rayon::prelude::*;

use super::Weights;
use super::panel::{self, GROUP, Lanes, Scratch, Voters, WIDTH};
use super::votes::Votes;
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
            let moved = product(|at| self.inner.row(at), size, size, &mass, truncation, |_, _| ());
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

    /// The opinions of the holders, of whom there is at least one, clipped at the medians of their
    /// standing.
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
        let voters = Voters { rows: &rows, half: votes.half };
        let peers = self.weights.peers();
        let row = |at: usize| self.weights.row(self.members[at] as usize);
        let clip =
            |panel: &mut [Lanes], scratch: &mut Scratch| panel::clip(panel, &voters, scratch);
        let parts = product(row, self.members.len(), peers, &departures, 0.0, clip);
        let (mut ceiling, mut incentive) = (Vec::new(), Vec::new());
        for (ceilings, incentives) in parts.iter().flat_map(|part| &part.finished) {
            ceiling.extend_from_slice(&**ceilings);
            incentive.extend_from_slice(&**incentives);
        }
        ceiling.truncate(peers);
        incentive.truncate(peers);
        let opinions = compressed(&parts, holders.len(), 0.0);
        Lowered { ceiling, incentive, opinions }
    }
}

/// Neighbouring panels of a product, one after the other with all rows each, how many entries of
/// each row count, and what became of each panel.
struct Part<T> {
    panels: Vec<Lanes>,
    counts: Vec<usize>,
    finished: Vec<T>,
}

/// `terms` times the matrix of `size` rows, in parts from the first column to the last. Entries
/// above `least` count, once `finish` has passed over a panel.
fn product<'a, T: Send>(
    row: impl Fn(usize) -> (&'a [u32], &'a [f64]) + Sync,
    size: usize,
    columns: usize,
    terms: &Rows,
    least: f64,
    finish: impl Fn(&mut [Lanes], &mut Scratch) -> T + Sync,
) -> Vec<Part<T>> {
    let (splits, rows) = (splits(terms, size), terms.count());
    (0..columns.div_ceil(GROUP * WIDTH))
        .into_par_iter()
        .map(|part| {
            let first = part * GROUP * WIDTH;
            let range = first..columns.min(first + GROUP * WIDTH);
            let matrix = panel::gather(size, &row, range, columns);
            let mut panels = vec![Lanes::ZERO; matrix.len() / size * rows];
            let mut counts = vec![0; rows];
            let mut finished = Vec::with_capacity(GROUP);
            let mut scratch = Scratch::default();
            for (matrix, panel) in matrix.chunks(size).zip(panels.chunks_mut(rows)) {
                wide(Multiply { matrix, terms, splits: &splits, panel });
                finished.push(finish(panel, &mut scratch));
                wide(CountAbove { panel, least, counts: &mut counts });
            }
            Part { panels, counts, finished }
        })
        .collect()
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

/// Adds to the counts of its rows the entries of a panel above `least`.
struct CountAbove<'a> {
    panel: &'a [Lanes],
    least: f64,
    counts: &'a mut [usize],
}

impl Kernel for CountAbove<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (lanes, count) in self.panel.iter().zip(self.counts) {
            for lane in 0..WIDTH {
                *count += usize::from(lanes[lane] > self.least);
            }
        }
    }
}

/// Rows that are compressed together: their pieces of a panel lie together.
const TOGETHER: usize = 16;

/// Compressed rows of the entries above `least`, which every part has counted.
fn compressed<T: Sync>(parts: &[Part<T>], rows: usize, least: f64) -> Rows {
    let mut offsets = vec![0; rows + 1];
    for row in 0..rows {
        let count: usize = parts.iter().map(|part| part.counts[row]).sum();
        offsets[row + 1] = offsets[row] + count;
    }
    let (mut columns, mut values) = (vec![0; offsets[rows]], vec![0.0; offsets[rows]]);
    let (mut rest_columns, mut rest_values) = (&mut columns[..], &mut values[..]);
    let mut blocks = Vec::with_capacity(rows.div_ceil(TOGETHER));
    for first in (0..rows).step_by(TOGETHER) {
        let range = first..rows.min(first + TOGETHER);
        let count = offsets[range.end] - offsets[range.start];
        let (columns, more_columns) = rest_columns.split_at_mut(count);
        let (values, more_values) = rest_values.split_at_mut(count);
        (rest_columns, rest_values) = (more_columns, more_values);
        blocks.push((range, columns, values));
    }
    blocks.into_par_iter().for_each(|(range, columns, values)| {
        let mut ends: Vec<usize> =
            range.clone().map(|row| offsets[row] - offsets[range.start]).collect();
        let panels = parts.iter().flat_map(|part| part.panels.chunks(rows));
        for (panel, all) in panels.enumerate() {
            for (lanes, end) in all[range.clone()].iter().zip(&mut ends) {
                let first = (panel * WIDTH) as u32;
                *end += keep(lanes, least, first, &mut columns[*end..], &mut values[*end..]);
            }
        }
    });
    Rows { offsets, columns, values }
}

/// Copies the entries above `least`, the first of which has the column `first`; says how many.
fn keep(lanes: &Lanes, least: f64, first: u32, columns: &mut [u32], values: &mut [f64]) -> usize {
    let (mut chosen, mut chosen_values, mut count) = ([0; WIDTH], [0.0; WIDTH], 0);
    for lane in 0..WIDTH {
        // Written whether it stays or not: which it is cannot be foreseen.
        (chosen[count % WIDTH], chosen_values[count % WIDTH]) = (first + lane as u32, lanes[lane]);
        count += usize::from(lanes[lane] > least);
    }
    columns[..count].copy_from_slice(&chosen[..count]);
    values[..count].copy_from_slice(&chosen_values[..count]);
    count
}
