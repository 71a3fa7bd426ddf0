//! The two roots: `T*` of Proposition 2 and the best deadline `T°`.

use super::Seconds;
use super::game::{Core, Game};
use crate::numeric::root;

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
    let players = tilted(&core.beliefs.players_log, 1, x, solutions, scale, |t| core.excess[t]);
    let malicious = tilted(&core.beliefs.malicious_log, 0, x, solutions, scale, |_| 1.0);
    let (mut signed, mut size) = (0.0, 0.0);
    for a in 0..=solutions as usize {
        let other = malicious[solutions as usize - a].0;
        signed += players[a].0 * other;
        size += players[a].1 * other;
    }
    if size > 0.0 { signed / size } else { 0.0 }
}

/// For a = 0..=s: `sum_t w[t] v(t) u[t]^a / a!` and the same of |v|, with u[t] = (first + t) scale and
/// w[t] = exp(logs[t] - x (first + t)) over its largest value.
pub(super) fn tilted(
    logs: &[f64],
    first: usize,
    x: f64,
    solutions: u32,
    scale: f64,
    value: impl Fn(usize) -> f64,
) -> Vec<(f64, f64)> {
    let exponent = |t: usize| logs[t] - x * (first + t) as f64;
    let top = (0..logs.len()).map(exponent).fold(f64::NEG_INFINITY, f64::max);
    let mut sums = vec![(0.0, 0.0); solutions as usize + 1];
    for t in 0..logs.len() {
        let gap = exponent(t) - top;
        if gap < -745.0 {
            continue;
        }
        let (unit, v) = ((first + t) as f64 * scale, value(t));
        let mut term = libm::exp(gap);
        for (a, (signed, size)) in sums.iter_mut().enumerate() {
            *signed += term * v;
            *size += term * v.abs();
            term *= unit / (a + 1) as f64;
        }
    }
    sums
}
