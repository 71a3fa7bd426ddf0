//! Sums of `w[t] (1 - exp(-(offset + t step)))` without cancellation, at the speed of the caches.
//!
//! `1 - exp(-x)` is carried as such (never as `exp(-x)`), and two of them combine as
//! `a + (1 - a) b`, a sum of non-negative terms. Hence 1e-12 relative holds from lambda T = 1e-300
//! to infinity. With `t = (c ROWS + r) LANES + l` the exponential has one factor for the chunk, one
//! for the row and one for the lane, so that a weight costs one multiplication: rows are added up
//! lane by lane, each times its factor, and only the lanes of whole chunks meet theirs. Once a
//! chunk's own factor is 1, the remaining chunks count in full, by suffix sums.

use crate::numeric::Sum;
use crate::wide::{Aligned, Kernel, wide};

/// Weights of a row. The number, and that of rows, fix the order of the sums.
const LANES: usize = 32;
/// Rows of a chunk.
const ROWS: usize = 64;
const CHUNK: usize = ROWS * LANES;

/// Weights prepared for repeated evaluation at many deadlines.
#[derive(Clone, Debug)]
pub(super) struct Series {
    rows: Vec<Aligned<LANES>>,
    /// By chunk, 0 for rows that are not there.
    row_sums: Vec<[f64; ROWS]>,
    chunk_sums: Vec<f64>,
    suffix_sums: Vec<f64>,
}

impl Series {
    pub(super) fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut weights: Vec<f64> = weights.into_iter().collect();
        weights.resize(weights.len().next_multiple_of(LANES), 0.0);
        let rows: Vec<Aligned<LANES>> =
            weights.as_chunks::<LANES>().0.iter().map(|&row| Aligned(row)).collect();
        let total = |weights: &[f64]| crate::numeric::sum(weights.iter().copied());
        let mut row_sums = vec![[0.0; ROWS]; rows.len().div_ceil(ROWS)];
        for (sum, row) in row_sums.as_flattened_mut().iter_mut().zip(&rows) {
            *sum = total(&**row);
        }
        let chunk_sums: Vec<f64> = weights.chunks(CHUNK).map(total).collect();
        let mut suffix_sums = vec![0.0; chunk_sums.len() + 1];
        let mut suffix = Sum::default();
        for c in (0..chunk_sums.len()).rev() {
            suffix.add(chunk_sums[c]);
            suffix_sums[c] = suffix.value();
        }
        Self { rows, row_sums, chunk_sums, suffix_sums }
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> f64 {
        self.suffix_sums[0]
    }

    /// `sum_t w[t] (1 - exp(-(offset + t step)))`.
    pub(super) fn solved(&self, decay: &Decay, offset: f64) -> f64 {
        wide(Solved { series: self, decay, start: -libm::expm1(-offset) })
    }

    /// `sum_t w[t] exp(-(offset + t step))`, relative to itself: for where it is the small
    /// remainder that counts.
    pub(super) fn survival(&self, step: f64, offset: f64) -> f64 {
        let exponential = |t: usize| libm::exp(-step * t as f64);
        let lanes: [f64; LANES] = std::array::from_fn(exponential);
        let rows: [f64; ROWS] = std::array::from_fn(|r| exponential(r * LANES));
        let mut total = Sum::default();
        for (c, chunk) in self.rows.chunks(ROWS).enumerate() {
            let lead = libm::exp(-offset - step * (c * CHUNK) as f64);
            if lead == 0.0 {
                break;
            }
            total.add(lead * wide(Product { chunk, rows: &rows, lanes: &lanes }));
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
        let (series, decay) = (self.series, self.decay);
        let mut total = Sum::default();
        for (c, chunk) in series.rows.chunks(ROWS).enumerate() {
            let lead = both(self.start, decay.chunks[c]);
            if lead >= 1.0 {
                total.add(series.suffix_sums[c]);
                break;
            }
            let by_row = dot(&series.row_sums[c], &decay.rows);
            let within = Product { chunk, rows: &decay.rows_left, lanes: &decay.lanes }.run();
            total.add(lead * series.chunk_sums[c] + (1.0 - lead) * (by_row + within));
        }
        total.value()
    }
}

/// `sum_rl rows[r] chunk[r][l] lanes[l]`.
struct Product<'a> {
    chunk: &'a [Aligned<LANES>],
    rows: &'a [f64; ROWS],
    lanes: &'a [f64; LANES],
}

impl Kernel for Product<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [0.0; LANES];
        for (row, factor) in self.chunk.iter().zip(self.rows) {
            for l in 0..LANES {
                sums[l] += factor * row[l];
            }
        }
        dot(&sums, self.lanes)
    }
}

/// `sum_k a[k] b[k]`, added up by halves.
#[inline(always)]
fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    let mut terms = [0.0; N];
    for k in 0..N {
        terms[k] = a[k] * b[k];
    }
    halved(terms)
}

/// The sum of all terms, by halves. Apart, for where it is inlined the compiler cuts the vectors of
/// the loop before it into halves as well; by value, for of what is lent to a function that it does
/// not see it makes no vectors at all.
#[inline(never)]
fn halved<const N: usize>(mut terms: [f64; N]) -> f64 {
    let mut width = N / 2;
    while width > 0 {
        for k in 0..width {
            terms[k] += terms[k + width];
        }
        width /= 2;
    }
    terms[0]
}

/// `1 - exp(-t step)` at every lane of a row, every row of a chunk and every chunk.
pub(super) struct Decay {
    lanes: [f64; LANES],
    rows: [f64; ROWS],
    /// One minus `rows`.
    rows_left: [f64; ROWS],
    chunks: Vec<f64>,
}

impl Decay {
    /// For series of at most `terms` weights.
    pub(super) fn new(step: f64, terms: usize) -> Self {
        let (mut lanes, mut rows) = ([0.0; LANES], [0.0; ROWS]);
        let mut chunks = vec![0.0; terms.div_ceil(CHUNK)];
        powers(-libm::expm1(-step), &mut lanes);
        powers(-libm::expm1(-step * LANES as f64), &mut rows);
        powers(-libm::expm1(-step * CHUNK as f64), &mut chunks);
        Self { lanes, rows, rows_left: rows.map(|row| 1.0 - row), chunks }
    }
}

/// 1 - (1 - a)(1 - b) without cancellation.
#[inline(always)]
fn both(a: f64, b: f64) -> f64 {
    a + (1.0 - a) * b
}

/// 1 - (1 - a)^t for every place t of the table, by doubling.
fn powers(a: f64, table: &mut [f64]) {
    for t in 1..table.len() {
        let half = table[t / 2];
        let even = half * (2.0 - half);
        table[t] = match t {
            1 => a,
            _ if t % 2 == 0 => even,
            _ => both(even, a),
        };
    }
}
