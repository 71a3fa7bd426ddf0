//! Whether something grows: a line through what was measured, and how sure its slope is.
//!
//! What is measured of a process at one moment is not independent of what was measured before, so
//! the ordinary error of a slope would promise too much. The measurements are put into a few
//! batches, each as long as a good part of the run, and the line is drawn through the batches'
//! means: those are nearly independent of each other, unless the process wanders more slowly than a
//! batch lasts, which no run of this length could tell from growth.

use serde::Serialize;

/// Batches that a series is divided into.
const BATCHES: usize = 10;
/// The 97.5% quantile of Student's t with as many degrees of freedom as batches less two.
const T: f64 = 2.306;

/// A slope.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Slope {
    /// By how much the quantity grows in one unit of time.
    pub slope: f64,
    /// Half of the interval that covers the true slope in 95 of 100 runs.
    pub error: f64,
    /// The line in the middle of the time.
    pub mean: f64,
}

impl Slope {
    /// The line through points (time, quantity), in the order of time; nothing where there are
    /// fewer than two for each batch.
    pub fn fit(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < 2 * BATCHES {
            return None;
        }
        let bound = |batch: usize| batch * points.len() / BATCHES;
        let means: Vec<(f64, f64)> = (0..BATCHES)
            .map(|batch| {
                let part = &points[bound(batch)..bound(batch + 1)];
                let count = part.len() as f64;
                let sum =
                    part.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
                (sum.0 / count, sum.1 / count)
            })
            .collect();
        let count = BATCHES as f64;
        let time = means.iter().map(|mean| mean.0).sum::<f64>() / count;
        let mean = means.iter().map(|mean| mean.1).sum::<f64>() / count;
        let spread: f64 = means.iter().map(|point| (point.0 - time).powi(2)).sum();
        if spread <= 0.0 {
            return None;
        }
        let product: f64 = means.iter().map(|point| (point.0 - time) * (point.1 - mean)).sum();
        let slope = product / spread;
        let rest: f64 =
            means.iter().map(|point| (point.1 - mean - slope * (point.0 - time)).powi(2)).sum();
        let error = T * (rest / (count - 2.0) / spread).sqrt();
        Some(Self { slope, error, mean })
    }

    /// Whether it grows for certain, as far as 95 of 100 is certain.
    pub fn grows(&self) -> bool {
        self.slope - self.error > 0.0
    }

    /// The fastest growth that is not excluded.
    pub fn at_most(&self) -> f64 {
        self.slope + self.error
    }
}

#[cfg(test)]
mod tests {
    use super::Slope;

    /// Numbers that jump about, the same in every run.
    fn noise(index: u64) -> f64 {
        let mixed = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 40) as f64 / f64::from(1 << 24) - 0.5
    }

    #[test]
    fn growth_is_told_from_noise() {
        let series = |slope: f64| -> Vec<(f64, f64)> {
            (0..400)
                .map(|index| (index as f64, 100.0 + slope * index as f64 + 20.0 * noise(index)))
                .collect()
        };
        let still = Slope::fit(&series(0.0)).expect("enough points");
        assert!(!still.grows() && still.slope.abs() <= still.error, "{still:?}");
        let growing = Slope::fit(&series(0.1)).expect("enough points");
        assert!(growing.grows() && (growing.slope - 0.1).abs() <= growing.error, "{growing:?}");
        assert_eq!(Slope::fit(&series(0.0)[..19]), None);
    }

    #[test]
    fn a_straight_line_is_found_exactly() {
        let line: Vec<_> =
            (0..40).map(|time| (f64::from(time), 3.0 + 2.0 * f64::from(time))).collect();
        let found = Slope::fit(&line).expect("enough points");
        assert!((found.slope - 2.0).abs() < 1e-12 && found.error < 1e-9, "{found:?}");
        assert_eq!(Slope::fit(&[(1.0, 1.0); 40]), None, "no time passes");
    }
}
