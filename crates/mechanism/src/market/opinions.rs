//! Opinions that travel: `V_ij`, the expected visits of walks, clipped at their medians.
//!
//! In a sparse graph every walk is pushed from peer to peer; where most pairs have a weight, see
//! [`Core`].

use rayon::prelude::*;

use super::clip::{Clipped, Opinions, clip};
use super::core::{Core, Lowered, Rows};
use super::votes::Votes;
use super::walk::Walker;
use super::{Payouts, Walk, Weights};

/// Incentive and payouts under [`Rule::ConnectedMedian`](super::Rule::ConnectedMedian).
pub(super) fn connected_median(
    weights: &Weights,
    standing: &[f64],
    walk: Walk,
    count: usize,
    truncation: f64,
) -> (Vec<f64>, Payouts) {
    let holders = holders(standing, count);
    let of_holders: Vec<f64> = holders.iter().map(|&peer| standing[peer as usize]).collect();
    let core = if holders.is_empty() { None } else { Core::find(weights) };
    if let Some(core) = core {
        let lowered = core.lowered(&holders, &of_holders, &factors(walk), truncation);
        let Lowered { ceiling, incentive, opinions } = lowered;
        let Rows { offsets, columns, values } = opinions;
        return (incentive, Payouts::Walked { ceiling, holders, offsets, columns, values });
    }
    let Rows { mut offsets, mut columns, mut values } =
        opinions(weights, &holders, &of_holders, walk, truncation);
    let opinions =
        Opinions { offsets: &offsets, columns: &columns, values: &values, standing: &of_holders };
    let Clipped { ceiling, incentive } = clip(&opinions, weights.peers());
    retain(&mut offsets, &mut columns, &mut values, |column, value| {
        let limit = ceiling[column as usize];
        (limit > 0.0).then(|| value.min(limit))
    });
    (incentive, Payouts::Walked { ceiling, holders, offsets, columns, values })
}

/// The credibility of every peer after a first pass: what it leaves of a peer's opinion, in units
/// of `threshold` of what it leaves to the peer in the middle of all standing, at most 1; 0 for
/// whose opinion does not count. None where the middle is left nothing.
pub(super) fn credibility(payouts: &Payouts, standing: &[f64], threshold: f64) -> Option<Vec<f64>> {
    let Payouts::Walked { holders, offsets, values, .. } = payouts else { return None };
    let left: Vec<f64> = offsets
        .windows(2)
        .map(|row| values[row[0]..row[1]].iter().fold(0.0, |a, b| a + b))
        .collect();
    let of_holders: Vec<f64> = holders.iter().map(|&peer| standing[peer as usize]).collect();
    let middle = Votes::new(&of_holders).middle(&left);
    if middle <= 0.0 {
        return None;
    }
    let mut credibility = vec![0.0; standing.len()];
    for (&holder, left) in holders.iter().zip(left) {
        credibility[holder as usize] = (left / (threshold * middle)).min(1.0);
    }
    Some(credibility)
}

/// The rows `V_ij` of the `holders`, without the columns on which too few have any opinion for a
/// ceiling above zero.
fn opinions(
    weights: &Weights,
    holders: &[u32],
    standing: &[f64],
    walk: Walk,
    truncation: f64,
) -> Rows {
    let factors = factors(walk);
    let goes_on = |_, mass| mass > truncation;
    let walked: Vec<Row> = holders
        .par_iter()
        .map_init(
            || None,
            |walker, &peer| {
                let peer = peer as usize;
                if weights.largest()[peer] <= truncation {
                    // Nothing is walked on: the first step is all of it.
                    let (columns, values) = weights.row(peer);
                    return (columns.to_vec(), values.iter().map(|w| factors[0] * w).collect());
                }
                let walker = walker.get_or_insert_with(|| Walker::new(weights));
                walker.start(peer);
                for &factor in &factors {
                    if !walker.advance(factor, goes_on) {
                        break;
                    }
                }
                let mut row = (Vec::new(), Vec::new());
                walker.finish(|target, visits| {
                    row.0.push(target);
                    row.1.push(visits);
                });
                row
            },
        )
        .collect();
    let supported = Votes::new(standing).supported(&walked, weights.peers());
    let rows: Vec<Row> = walked.into_par_iter().map(|row| tidy(row, &supported)).collect();
    let mut offsets = vec![0];
    let count = rows.iter().map(|row| row.0.len()).sum();
    let (mut columns, mut values) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for row in rows {
        columns.extend_from_slice(&row.0);
        values.extend_from_slice(&row.1);
        offsets.push(columns.len());
    }
    Rows { offsets, columns, values }
}

/// The columns and the values of one row.
type Row = (Vec<u32>, Vec<f64>);

/// A row without the columns that are not supported, sorted.
fn tidy((mut columns, mut values): Row, supported: &[bool]) -> Row {
    let mut kept = 0;
    for at in 0..columns.len() {
        columns[kept] = columns[at];
        values[kept] = values[at];
        kept += usize::from(supported[columns[at] as usize]);
    }
    columns.truncate(kept);
    values.truncate(kept);
    if !columns.is_sorted() {
        let mut row: Vec<(u32, f64)> = columns.iter().copied().zip(values).collect();
        row.sort_unstable_by_key(|entry| entry.0);
        (columns, values) = row.into_iter().unzip();
    }
    (columns, values)
}

/// Replaces every value by what `keep(column, value)` says, or drops the entry.
fn retain(
    offsets: &mut [usize],
    columns: &mut Vec<u32>,
    values: &mut Vec<f64>,
    keep: impl Fn(u32, f64) -> Option<f64>,
) {
    let (mut kept, mut start) = (0, 0);
    for offset in &mut offsets[1..] {
        let end = *offset;
        for at in start..end {
            if let Some(value) = keep(columns[at], values[at]) {
                columns[kept] = columns[at];
                values[kept] = value;
                kept += 1;
            }
        }
        *offset = kept;
        start = end;
    }
    columns.truncate(kept);
    values.truncate(kept);
}

/// The `count` peers of most standing above zero, ties to the lower index, by rising index.
fn holders(standing: &[f64], count: usize) -> Vec<u32> {
    let mut peers: Vec<u32> =
        (0..standing.len() as u32).filter(|&peer| standing[peer as usize] > 0.0).collect();
    if peers.len() > count {
        peers.select_nth_unstable_by(count - 1, |&a, &b| {
            standing[b as usize].total_cmp(&standing[a as usize]).then(a.cmp(&b))
        });
        peers.truncate(count);
        peers.sort_unstable();
    }
    peers
}

/// How a visit in step `k` counts, at index `k - 1`.
fn factors(walk: Walk) -> Vec<f64> {
    match walk {
        Walk::Depth(steps) => vec![1.0 / f64::from(steps); steps as usize],
        Walk::Restart(restart) => {
            // Until what is left of the walk, `(1 - a)^k`, is below the rounding of its sum.
            let mut factors = Vec::new();
            let mut left = 1.0;
            while left > 1e-17 {
                factors.push(restart * left);
                left *= 1.0 - restart;
            }
            factors
        }
    }
}
