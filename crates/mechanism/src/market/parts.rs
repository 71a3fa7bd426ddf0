//! Sums over rows in parts whose number and bounds depend on the input alone, so that a sum is the
//! same bit for bit for any number of threads.

use rayon::prelude::*;

/// Rows per task where tasks share nothing.
pub(super) const PARTS_ROWS: usize = 256;

/// Entries from which on a sum is taken in parts.
const ENTRIES_PER_PART: usize = 1 << 19;

/// At most this many parts, each of which needs a vector of its own.
const PARTS_MAX: usize = 8;

/// Calls `row(i, part)` for every row of the compressed rows `offsets`, in order within a part, and
/// adds up the parts in order. `row` adds what row `i` gives to the vector of its part.
pub(super) fn scatter<T>(
    offsets: &[usize],
    peers: usize,
    row: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T>
where
    T: Copy + Default + Send + Sync + std::ops::AddAssign,
{
    let rows = offsets.len() - 1;
    let entries = offsets[rows];
    let parts = (entries / ENTRIES_PER_PART).clamp(1, PARTS_MAX);
    let bounds: Vec<usize> = (0..=parts)
        .map(|part| match part {
            0 => 0,
            _ if part == parts => rows,
            _ => offsets.partition_point(|&at| at < entries / parts * part).min(rows),
        })
        .collect();
    let mut sums: Vec<Vec<T>> = bounds
        .par_windows(2)
        .map(|bounds| {
            let mut sum = vec![T::default(); peers];
            for i in bounds[0]..bounds[1] {
                row(i, &mut sum);
            }
            sum
        })
        .collect();
    let mut total = std::mem::take(&mut sums[0]);
    if parts > 1 {
        total.par_iter_mut().with_min_len(4_096).enumerate().for_each(|(j, total)| {
            for sum in &sums[1..] {
                *total += sum[j];
            }
        });
    }
    total
}

/// Sums run in this many lanes, for each addition waits for the one before. The number
/// is part of the result: it fixes the order of the sum.
const LANES: usize = 4;

/// `sum_k values[k] * vector[columns[k]]`.
pub(super) fn row_dot(columns: &[u32], values: &[f64], vector: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (columns, columns_rest) = columns.as_chunks::<LANES>();
    let (values, values_rest) = values.as_chunks::<LANES>();
    for (columns, values) in columns.iter().zip(values) {
        for lane in 0..LANES {
            sums[lane] += values[lane] * vector[columns[lane] as usize];
        }
    }
    let mut sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (&column, &value) in columns_rest.iter().zip(values_rest) {
        sum += value * vector[column as usize];
    }
    sum
}
