//! The two roots: `T*` of Proposition 2 and the best deadline `T°`.

use super::Seconds;
use super::game::{Core, Game};
use crate::numeric::root;
use crate::wide::{Kernel, wide};

/// Finds the sign change of a function that is positive for short and negative for long deadlines, from `start`
/// outwards by factors of 4, then by Brent's method on the logarithm. None if no sign change lies in f64's range.
pub(super) fn falling_root(mut f: impl FnMut(f64) -> f64, start: f64) -> Option<Seconds> {
    let (mut here, mut value) = (start, f(start));
    let factor = if value > 0.0 { 4.0 } else { 0.25 };
    loop {
        let next = here * factor;
        if !(1e-280..=1e280).contains(&next) {
            return None;
        }
        let next_value = f(next);
        if (next_value > 0.0) != (value > 0.0) {
            let (a, b) = (libm::log(here), libm::log(next));
            let zero = root(|t| f(libm::exp(t)), a, value, b, next_value);
            return Seconds::new(libm::exp(zero)).ok();
        }
        (here, value) = (next, next_value);
    }
}

pub(super) fn maximum(game: &Game) -> Option<Seconds> {
    let null = game.core.payoffs.null;
    if null <= game.payoff_at_infinity() || null >= game.payoff_at_zero() {
        return None;
    }
    // Positive before T*, negative after; zero only where a deadline is too short for f64 to see it.
    let gain = |t: f64| {
        let gain = game.gain(t);
        if gain == 0.0 { f64::MIN_POSITIVE } else { gain }
    };
    falling_root(gain, 1.0 / (game.rate * game.core.headcount_mean()))
}

pub(super) fn best(game: &Game) -> Option<Seconds> {
    if game.core.payoffs.null >= game.payoff_at_zero() {
        return None;
    }
    falling_root(
        |t| marginal(&game.core, game.rate * t, game.solutions),
        1.0 / (game.rate * game.core.headcount_mean()),
    )
}

/// `sum_k r[k] k^s exp(-x k) (V(k) - W*)`, divided by the sum of the absolute values of its terms. By the binomial
/// theorem it is a sum of products of moments under the tilted beliefs p[i] e^(-xi), q[j] e^(-xj), which are taken
/// relative to their largest term, so that neither a long deadline nor a tiny probability loses them.
fn marginal(core: &Core, x: f64, solutions: u32) -> f64 {
    let scale = 1.0 / (core.beliefs.players_max() + core.beliefs.malicious_max()) as f64;
    let players = core.players_tilted(1).moments(x, solutions, scale);
    let malicious = core.malicious_tilted().moments(x, solutions, scale);
    let (mut signed, mut size) = (0.0, 0.0);
    for a in 0..=solutions as usize {
        let other = malicious[solutions as usize - a].0;
        signed += players[a].0 * other;
        size += players[a].1 * other;
    }
    if size > 0.0 { signed / size } else { 0.0 }
}

/// A belief in both of its forms, what its numbers count from, and what each is worth; 1 if nothing is said.
pub(super) struct Tilted<'a> {
    pub(super) probabilities: &'a [f64],
    pub(super) logarithms: &'a [f64],
    pub(super) first: usize,
    pub(super) values: Option<&'a [f64]>,
}

impl Tilted<'_> {
    /// For a = 0..=s: `sum_t w[t] v[t] u[t]^a / a!` and the same of |v|, with u[t] = (first + t) scale and
    /// w[t] = exp(logarithms[t] - x (first + t)) over its largest value.
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

/// Probabilities from here on are multiplied as they are: what brings the largest term to 1 is then no larger than
/// one over this.
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
