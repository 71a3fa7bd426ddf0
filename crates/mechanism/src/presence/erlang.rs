//! The puzzle solved s times: the regularised lower incomplete gamma function and the sums built on
//! it.

use super::core::Core;
use crate::numeric::Sum;

/// `P(s, x) = 1 - e^-x sum_{l < s} x^l / l!`, the probability that a Poisson count with mean
/// `x >= 0` is at least `s`. Without cancellation: below s + 1 by its series of positive terms.
/// 1e-13 relative for s up to 32.
///
/// ```
/// use muster_mechanism::presence::gamma_lower_regularised;
/// assert_eq!(gamma_lower_regularised(1, 1e-20), 1e-20);
/// assert!((gamma_lower_regularised(2, 1.0) - (1.0 - 2.0 * (-1.0f64).exp())).abs() < 1e-15);
/// ```
pub fn gamma_lower_regularised(s: u32, x: f64) -> f64 {
    if s == 0 {
        return 1.0;
    }
    if x <= 0.0 {
        return 0.0;
    }
    if x < f64::from(s) + 1.0 {
        let (mut term, mut total) = (1.0, 1.0);
        let mut l = f64::from(s);
        while term > total * 1e-17 {
            l += 1.0;
            term *= x / l;
            total += term;
        }
        return poisson(s, x) * total;
    }
    let (mut term, mut total) = (1.0, 1.0);
    for l in 1..s {
        term *= x / f64::from(l);
        total += term;
    }
    1.0 - libm::exp(-x) * total
}

/// `e^-x x^s / s!`.
fn poisson(s: u32, x: f64) -> f64 {
    if x <= 0.0 {
        return if s == 0 { 1.0 } else { 0.0 };
    }
    // The product keeps full precision; the logarithm serves where the product would leave the
    // range.
    if x < 600.0 && s <= 32 {
        let mut term = libm::exp(-x);
        for l in 1..=s {
            term *= x / f64::from(l);
        }
        return term;
    }
    libm::exp(f64::from(s) * libm::log(x) - x - libm::lgamma(f64::from(s) + 1.0))
}

/// `E[f(W); solved]` for s solutions and each f. Players find A, malicious units B of them;
/// splitting by A, `P(A + B >= s) = P(A >= s) + sum_{a < s} P(A = a) P(B >= s - a)`: positive
/// terms, and only sums over one side.
pub(super) fn evaluate<const K: usize>(
    core: &Core,
    x: f64,
    solutions: u32,
    of: [impl Fn(f64) -> f64; K],
) -> [f64; K] {
    let s = solutions as usize;
    // at_least[b] = P(B >= b) for b = 1..=s.
    let mut at_least = vec![Sum::default(); s + 1];
    for (j, q) in core.beliefs.malicious.iter().enumerate() {
        for_each_tail(solutions, x * j as f64, |b, tail, _| at_least[b].add(q * tail));
    }
    let at_least: Vec<f64> = at_least.into_iter().map(Sum::value).collect();
    let mut sums = [Sum::default(); K];
    for (t, p) in core.beliefs.players.iter().enumerate() {
        let mut chance = 0.0;
        for_each_tail(solutions, x * (t + 1) as f64, |a, tail, exact_below| {
            if a == s {
                chance += tail;
            }
            chance += exact_below * at_least[s + 1 - a];
        });
        for (sum, f) in sums.iter_mut().zip(&of) {
            sum.add(p * chance * f(core.payoffs.acting[t]));
        }
    }
    sums.map(Sum::value)
}

/// Calls `visit(b, P(N >= b), P(N = b - 1))` for b = s down to 1, N Poisson with mean x. The tails
/// are summed upwards from P(N >= s), all terms positive.
fn for_each_tail(solutions: u32, x: f64, mut visit: impl FnMut(usize, f64, f64)) {
    let mut tail = gamma_lower_regularised(solutions, x);
    for b in (1..=solutions).rev() {
        let exact_below = poisson(b - 1, x);
        visit(b as usize, tail, exact_below);
        tail += exact_below;
    }
}
