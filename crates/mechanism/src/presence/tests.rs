use super::kernel::{Decay, Series};

/// The kernel against term-by-term expm1, from vanishing to saturated decay; chunks and rows that are not full.
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
