//! Numerical tools that several mechanisms share: compensated sums and a bracketed root.

/// Neumaier's compensated sum: the error does not grow with the number of terms.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    #[inline(always)]
    pub(crate) fn add(&mut self, term: f64) {
        let total = self.total + term;
        self.lost += if self.total.abs() >= term.abs() {
            (self.total - total) + term
        } else {
            (term - total) + self.total
        };
        self.total = total;
    }

    pub(crate) fn value(self) -> f64 {
        self.total + self.lost
    }
}

/// The compensated sum of `terms`, in their order.
pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = Sum::default();
    for term in terms {
        total.add(term);
    }
    total.value()
}

/// Brent's method: a zero of `f` between `a` and `b`, where the signs of `fa` = f(a) and `fb` =
/// f(b) differ. Stops when the bracket is as narrow as f64 allows at the zero.
pub(crate) fn root(mut f: impl FnMut(f64) -> f64, a: f64, fa: f64, b: f64, fb: f64) -> f64 {
    let (mut a, mut fa, mut b, mut fb) = (a, fa, b, fb);
    let (mut c, mut fc) = (a, fa);
    let (mut step, mut previous_step) = (b - a, b - a);
    for _ in 0..200 {
        if fc.abs() < fb.abs() {
            (a, fa, b, fb, c, fc) = (b, fb, c, fc, b, fb);
        }
        let tolerance = 2.0 * f64::EPSILON * b.abs() + f64::MIN_POSITIVE;
        let half = 0.5 * (c - b);
        if half.abs() <= tolerance || fb == 0.0 {
            break;
        }
        if previous_step.abs() >= tolerance && fa.abs() > fb.abs() {
            let ratio = fb / fa;
            let (mut p, mut q) = if a == c {
                (2.0 * half * ratio, 1.0 - ratio)
            } else {
                let (s, t) = (fa / fc, fb / fc);
                (
                    ratio * (2.0 * half * s * (s - t) - (b - a) * (t - 1.0)),
                    (s - 1.0) * (t - 1.0) * (ratio - 1.0),
                )
            };
            if p > 0.0 {
                q = -q;
            }
            p = p.abs();
            let interpolates =
                2.0 * p < (3.0 * half * q - (tolerance * q).abs()).min((previous_step * q).abs());
            previous_step = step;
            step = if interpolates { p / q } else { half };
            if !interpolates {
                previous_step = half;
            }
        } else {
            (step, previous_step) = (half, half);
        }
        (a, fa) = (b, fb);
        b += if step.abs() > tolerance {
            step
        } else if half > 0.0 {
            tolerance
        } else {
            -tolerance
        };
        fb = f(b);
        if (fb > 0.0) == (fc > 0.0) {
            (c, fc) = (a, fa);
            (step, previous_step) = (b - a, b - a);
        }
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_of_a_cubic() {
        let f = |x: f64| x * x * x - 2.0;
        assert!((root(f, 0.0, -2.0, 4.0, 62.0) - libm::cbrt(2.0)).abs() < 1e-15);
    }

    #[test]
    fn sum_keeps_small_terms() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
    }
}
