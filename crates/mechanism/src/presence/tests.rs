use super::kernel::{Decay, Series};
use super::tilted::Tilted;

/// The kernel against term-by-term expm1, from vanishing to saturated decay; chunks and rows that
/// are not full.
#[test]
fn kernel_matches_direct_sums() {
    let weights: Vec<f64> = (0..5000).map(|t| 1.0 + f64::from(t % 7)).collect();
    let series = Series::new(weights.iter().copied());
    for step in [1e-300, 1e-12, 1e-7, 1e-4, 1e-3, 0.02, 0.7, 30.0] {
        for offset in [0.0, step, 3.0 * step] {
            let direct = crate::numeric::sum(
                weights
                    .iter()
                    .enumerate()
                    .map(|(t, w)| w * -libm::expm1(-(offset + t as f64 * step))),
            );
            let fast = series.solved(&Decay::new(step, 5000), offset);
            assert!(
                (fast - direct).abs() <= 1e-13 * direct,
                "step {step}, offset {offset}: {fast} against {direct}"
            );
        }
    }
}

#[test]
fn survival_matches_direct_sums() {
    let weights: Vec<f64> = (0..500).map(|t| 1.0 / f64::from(1 + t)).collect();
    let series = Series::new(weights.iter().copied());
    for step in [1e-9, 1e-3, 0.3, 5.0] {
        let direct = crate::numeric::sum(
            weights.iter().enumerate().map(|(t, w)| w * libm::exp(-(t as f64 + 1.0) * step)),
        );
        let fast = series.survival(step, step);
        assert!((fast - direct).abs() <= 1e-13 * direct, "step {step}: {fast} against {direct}");
    }
}

/// Moments against their definition: rows that are full or not, probabilities that can be written
/// and such as cannot.
#[test]
fn tilted_moments_match_direct_sums() {
    for (terms, fall) in [(1, 0.0), (64, 0.1), (65, 3.0), (500, 0.01), (500, 1.0), (500, 40.0)] {
        let logarithms: Vec<f64> =
            (0..terms).map(|t| -fall * f64::from((t - 90i32).abs())).collect();
        let probabilities: Vec<f64> = logarithms.iter().map(|&l| libm::exp(l)).collect();
        let values: Vec<f64> = (0..terms).map(|t| f64::from(t) - 70.3).collect();
        let (probabilities, logarithms) = (&probabilities[..], &logarithms[..]);
        let values = Some(&values[..]);
        let belief = Tilted { probabilities, logarithms, first: 1, values };
        for x in [1e-9, 0.02, 1.0, 30.0, 900.0] {
            let exponent = |t: usize| logarithms[t] - x * (1 + t) as f64;
            let top = (0..logarithms.len()).map(exponent).fold(f64::NEG_INFINITY, f64::max);
            for (a, (signed, size)) in belief.moments(x, 3, 0.01).into_iter().enumerate() {
                let factorial = [1.0, 1.0, 2.0, 6.0][a];
                let term = |t: usize| {
                    let unit = (1 + t) as f64 * 0.01;
                    libm::exp(exponent(t) - top) * unit.powi(a as i32) / factorial
                        * (t as f64 - 70.3)
                };
                let direct = crate::numeric::sum((0..logarithms.len()).map(term));
                let direct_size = crate::numeric::sum((0..logarithms.len()).map(|t| term(t).abs()));
                // What an exponential of a large number loses to the rounding of its argument.
                let error = direct_size * (1e-13 + 4.0 * f64::EPSILON * (top.abs() + x));
                assert!(
                    (signed - direct).abs() <= error,
                    "{terms} {fall} {x}: {signed}, not {direct}"
                );
                assert!((size - direct_size).abs() <= error, "{terms} {fall} {x}: {size}");
            }
        }
    }
}
