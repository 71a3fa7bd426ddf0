//! The two roots: `T*` of Proposition 2 and the best deadline `T°`.

use super::Seconds;
use super::core::Core;
use crate::numeric::root;

/// Finds the sign change of a function that is positive for short and negative for long deadlines,
/// from `start` outwards by factors of 4, then by Brent's method on the logarithm. None if no sign
/// change lies in f64's range.
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

/// `sum_k r[k] k^s exp(-x k) (V(k) - W*)`, divided by the sum of the absolute values of its terms.
/// By the binomial theorem it is a sum of products of moments under the tilted beliefs
/// `p[i] e^(-xi)`, `q[j] e^(-xj)`, which are taken relative to their largest term, so that neither
/// a long deadline nor a tiny probability loses them.
pub(super) fn marginal(core: &Core, x: f64, solutions: u32) -> f64 {
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
