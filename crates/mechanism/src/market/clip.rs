//! Clipping opinions at the median of standing.

use rayon::prelude::*;

/// Opinions of some peers about all: compressed rows, with whose they are.
pub(super) struct Opinions<'a> {
    /// Row `r` is `columns[offsets[r]..offsets[r + 1]]`, and likewise `values`, all positive.
    pub(super) offsets: &'a [usize],
    pub(super) columns: &'a [u32],
    pub(super) values: &'a [f64],
    /// The standing of whose opinion row `r` is.
    pub(super) standing: &'a [f64],
}

/// The ceilings `q_j` and the incentive `I_j = sum_r s_r min(V_rj, q_j)`.
pub(super) struct Clipped {
    pub(super) ceiling: Vec<f64>,
    pub(super) incentive: Vec<f64>,
}

/// Clips every column at the largest value that is reached by at least half of the standing.
pub(super) fn clip(opinions: &Opinions<'_>, peers: usize) -> Clipped {
    let votes = votes(opinions.standing);
    let half = votes.iter().sum::<u64>().div_ceil(2);
    let (starts, rows, values) = transpose(opinions, peers);
    let (ceiling, incentive) = (0..peers)
        .into_par_iter()
        .map_init(Vec::new, |scratch, j| {
            let column = starts[j]..starts[j + 1];
            let (rows, values) = (&rows[column.clone()], &values[column]);
            scratch.clear();
            scratch.extend(
                rows.iter()
                    .zip(values)
                    .map(|(&r, &v)| (v, votes[r as usize])),
            );
            let ceiling = weighted_median(scratch, half);
            let mut incentive = 0.0;
            if ceiling > 0.0 {
                for (&r, &v) in rows.iter().zip(values) {
                    incentive += opinions.standing[r as usize] * v.min(ceiling);
                }
            }
            (ceiling, incentive)
        })
        .unzip();
    Clipped { ceiling, incentive }
}

/// Standing as integers, so that "at least half" neither depends on the order of a sum nor on
/// its rounding. The grid is 2^-60 of all standing.
fn votes(standing: &[f64]) -> Vec<u64> {
    let total: f64 = standing.iter().sum();
    if total <= 0.0 {
        return vec![0; standing.len()];
    }
    let grid = (1_u64 << 60) as f64;
    standing
        .iter()
        .map(|&s| (s / total * grid) as u64)
        .collect()
}

/// The largest value such that the votes of entries at least as large reach `half`; 0 if none is.
fn weighted_median(entries: &mut [(f64, u64)], half: u64) -> f64 {
    let all: u64 = entries.iter().map(|entry| entry.1).sum();
    if half == 0 || all < half {
        return 0.0;
    }
    entries.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut votes = 0;
    for &(value, vote) in entries.iter() {
        votes += vote;
        if votes >= half {
            return value;
        }
    }
    0.0
}

/// Compressed columns: starts, rows (rising within a column), values.
fn transpose(opinions: &Opinions<'_>, peers: usize) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
    let mut starts = vec![0; peers + 1];
    for &column in opinions.columns {
        starts[column as usize + 1] += 1;
    }
    for j in 0..peers {
        starts[j + 1] += starts[j];
    }
    let mut cursor = starts.clone();
    let mut rows = vec![0; opinions.columns.len()];
    let mut values = vec![0.0; opinions.columns.len()];
    for r in 0..opinions.standing.len() {
        for at in opinions.offsets[r]..opinions.offsets[r + 1] {
            let to = &mut cursor[opinions.columns[at] as usize];
            rows[*to] = r as u32;
            values[*to] = opinions.values[at];
            *to += 1;
        }
    }
    (starts, rows, values)
}
