//! Sums of `w[t] (1 - exp(-(offset + t step)))` without cancellation, at memory speed.
//!
//! `1 - exp(-x)` is carried as such (never as `exp(-x)`), and two of them combine as `a + (1 - a) b`, a sum of
//! non-negative terms. Hence 1e-12 relative holds from lambda T = 1e-300 to infinity. A chunk of 256 weights shares one
//! leading factor, so a chunk is one dot product with a table, and once the leading factor is 1 the remaining chunks
//! count in full, by suffix sums.

use crate::numeric::Sum;
use crate::wide::{Kernel, wide};

const CHUNK: usize = 256;
const LANES: usize = 16;

/// Weights prepared for repeated evaluation at many deadlines.
#[derive(Clone, Debug)]
pub(super) struct Series {
    weights: Vec<f64>,
    chunk_sums: Vec<f64>,
    suffix_sums: Vec<f64>,
}

impl Series {
    pub(super) fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut weights: Vec<f64> = weights.into_iter().collect();
        weights.resize(weights.len().div_ceil(CHUNK) * CHUNK, 0.0);
        let chunk_sums: Vec<f64> =
            weights.chunks_exact(CHUNK).map(|c| crate::numeric::sum(c.iter().copied())).collect();
        let mut suffix_sums = vec![0.0; chunk_sums.len() + 1];
        let mut suffix = Sum::default();
        for c in (0..chunk_sums.len()).rev() {
            suffix.add(chunk_sums[c]);
            suffix_sums[c] = suffix.value();
        }
        Self { weights, chunk_sums, suffix_sums }
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> f64 {
        self.suffix_sums[0]
    }

    /// `sum_t w[t] (1 - exp(-(offset + t step)))`.
    pub(super) fn solved(&self, decay: &Decay, offset: f64) -> f64 {
        wide(Solved { series: self, decay, start: -libm::expm1(-offset) })
    }

    /// `sum_t w[t] exp(-(offset + t step))`, relative to itself: for where it is the small remainder that counts.
    pub(super) fn survival(&self, decay: &Decay, offset: f64) -> f64 {
        let table: Vec<f64> = (0..CHUNK).map(|t| libm::exp(-decay.step * t as f64)).collect();
        let mut total = Sum::default();
        for (c, chunk) in self.weights.chunks_exact(CHUNK).enumerate() {
            let lead = libm::exp(-offset - decay.step * (c * CHUNK) as f64);
            if lead == 0.0 {
                break;
            }
            total.add(lead * dot(chunk, &table));
        }
        total.value()
    }
}

/// [`Series::solved`], with `start` = 1 - exp(-offset).
struct Solved<'a> {
    series: &'a Series,
    decay: &'a Decay,
    start: f64,
}

impl Kernel for Solved<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let series = self.series;
        let mut total = Sum::default();
        for (c, chunk) in series.weights.chunks_exact(CHUNK).enumerate() {
            let lead = both(self.start, self.decay.lead(c));
            if lead >= 1.0 {
                total.add(series.suffix_sums[c]);
                break;
            }
            let rest = (1.0 - lead) * dot(chunk, &self.decay.tables[0]);
            total.add(lead * series.chunk_sums[c] + rest);
        }
        total.value()
    }
}

#[inline(always)]
fn dot(chunk: &[f64], table: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (w, a) in chunk.as_chunks::<LANES>().0.iter().zip(table.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            lanes[l] += w[l] * a[l];
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// `1 - exp(-t step)` for every t < 256^3, as three tables.
pub(super) struct Decay {
    step: f64,
    tables: [Vec<f64>; 3],
}

impl Decay {
    /// For series of at most `terms` weights.
    pub(super) fn new(step: f64, terms: usize) -> Self {
        let chunks = terms.div_ceil(CHUNK);
        let table =
            |power: usize, entries: usize| powers(-libm::expm1(-step * power as f64), entries);
        Self {
            step,
            tables: [
                table(1, CHUNK),
                table(CHUNK, chunks.min(CHUNK)),
                table(CHUNK * CHUNK, chunks.div_ceil(CHUNK)),
            ],
        }
    }

    /// The value at the start of chunk `c`.
    #[inline(always)]
    fn lead(&self, c: usize) -> f64 {
        both(self.tables[1][c % CHUNK], self.tables[2][c / CHUNK])
    }
}

/// 1 - (1 - a)(1 - b) without cancellation.
#[inline(always)]
pub(super) fn both(a: f64, b: f64) -> f64 {
    a + (1.0 - a) * b
}

/// 1 - (1 - a)^t for t = 0..entries, by doubling.
fn powers(a: f64, entries: usize) -> Vec<f64> {
    let mut table = vec![0.0; entries.max(2)];
    table[1] = a;
    for t in 2..entries {
        let half = table[t / 2];
        let even = half * (2.0 - half);
        table[t] = if t % 2 == 0 { even } else { both(even, a) };
    }
    table
}
