//! Moments of a belief under exponential tilting, for any deadline and any tiny probability.

use crate::wide::{Kernel, wide};

/// A belief in both of its forms, what its numbers count from, and what each is worth; 1 if nothing
/// is said.
pub(super) struct Tilted<'a> {
    pub(super) probabilities: &'a [f64],
    pub(super) logarithms: &'a [f64],
    pub(super) first: usize,
    pub(super) values: Option<&'a [f64]>,
}

impl Tilted<'_> {
    /// For a = 0..=s: `sum_t w[t] v[t] u[t]^a / a!` and the same of |v|, with u[t] = (first + t)
    /// scale and w[t] = exp(logarithms[t] - x (first + t)) over its largest value.
    pub(super) fn moments(&self, x: f64, solutions: u32, scale: f64) -> Vec<(f64, f64)> {
        let mut sums =
            vec![Moment { signed: [0.0; LANES], size: [0.0; LANES] }; solutions as usize + 1];
        wide(Tilt { belief: self, x, scale, sums: &mut sums });
        let total = |lanes: &[f64; LANES]| lanes.iter().sum::<f64>();
        sums.iter().map(|sum| (total(&sum.signed), total(&sum.size))).collect()
    }
}

/// Terms that are added up side by side. The number fixes the order of the sums.
const LANES: usize = 64;

/// The number of each lane.
const LANE: [f64; LANES] = {
    let mut lane = [0.0; LANES];
    let mut l = 0;
    while l < LANES {
        lane[l] = l as f64;
        l += 1;
    }
    lane
};

/// Probabilities from here on are multiplied as they are: what brings the largest term to 1 is then
/// no larger than one over this.
const LINEAR_MIN: f64 = 1e-250;

#[derive(Clone)]
struct Moment {
    signed: [f64; LANES],
    size: [f64; LANES],
}

struct Tilt<'a> {
    belief: &'a Tilted<'a>,
    x: f64,
    scale: f64,
    sums: &'a mut [Moment],
}

impl Kernel for Tilt<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { belief, x, scale, sums } = self;
        let top = highest(belief.logarithms, belief.first, x);
        let factors = LANE.map(|l| libm::exp(-x * l));
        for row in 0..belief.probabilities.len().div_ceil(LANES) {
            let start = row * LANES;
            let first = (belief.first + start) as f64;
            let probabilities = padded(&belief.probabilities[start..], 0.0);
            let mut terms = [0.0; LANES];
            if probabilities.iter().all(|&p| p >= LINEAR_MIN) {
                let lead = libm::exp(-x * first - top);
                for l in 0..LANES {
                    terms[l] = probabilities[l] * (lead * factors[l]);
                }
            } else {
                let logarithms = padded(&belief.logarithms[start..], f64::NEG_INFINITY);
                for l in 0..LANES {
                    terms[l] = libm::exp(logarithms[l] - x * (first + LANE[l]) - top);
                }
            }
            let values = belief.values.map_or([1.0; LANES], |values| padded(&values[start..], 0.0));
            for (a, sum) in sums.iter_mut().enumerate() {
                let scale = scale / (a + 1) as f64;
                for l in 0..LANES {
                    sum.signed[l] += terms[l] * values[l];
                    sum.size[l] += terms[l] * values[l].abs();
                    terms[l] *= (first + LANE[l]) * scale;
                }
            }
        }
    }
}

/// The largest `logarithms[t] - x (first + t)`.
#[inline(always)]
fn highest(logarithms: &[f64], first: usize, x: f64) -> f64 {
    let mut highest = [f64::NEG_INFINITY; LANES];
    for (row, chunk) in logarithms.chunks(LANES).enumerate() {
        let chunk = padded(chunk, f64::NEG_INFINITY);
        let first = (first + row * LANES) as f64;
        for l in 0..LANES {
            let exponent = chunk[l] - x * (first + LANE[l]);
            highest[l] = if exponent > highest[l] { exponent } else { highest[l] };
        }
    }
    highest.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

/// The first of `numbers`, with `rest` where there are too few.
#[inline(always)]
fn padded(numbers: &[f64], rest: f64) -> [f64; LANES] {
    if let Some(row) = numbers.first_chunk() {
        return *row;
    }
    let mut row = [rest; LANES];
    row[..numbers.len()].copy_from_slice(numbers);
    row
}
