//! Means with standard errors.

/// A mean and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Mean over the samples.
    pub mean: f64,
    /// Standard error of the mean; infinite below two samples.
    pub standard_error: f64,
    /// Number of samples (the effective number, where older ones count less).
    pub samples: f64,
}

impl Estimate {
    /// Of equally weighted samples.
    ///
    /// ```
    /// let estimate = muster_learning::Estimate::of(&[1.0, 2.0, 3.0]);
    /// assert_eq!(estimate.mean, 2.0);
    /// assert!((estimate.standard_error - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn of(samples: &[f64]) -> Self {
        let mut moments = Moments::default();
        for &sample in samples {
            moments.add(sample);
        }
        moments.estimate()
    }

    /// Whether the mean lies above zero by more than two standard errors.
    #[must_use]
    pub fn is_above_zero(&self) -> bool {
        self.standard_error.is_finite() && self.mean > 2.0 * self.standard_error
    }
}

/// Sums from which an [`Estimate`] is taken; older samples can be made to count less.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moments {
    pub weight: f64,
    pub weight_squared: f64,
    pub mean: f64,
    /// Weighted sum of squared distances from the mean.
    pub scatter: f64,
}

impl Moments {
    /// Adds a sample of weight one (West 1979, the weighted form of Welford's recurrence).
    pub fn add(&mut self, sample: f64) {
        self.weight += 1.0;
        self.weight_squared += 1.0;
        let distance = sample - self.mean;
        self.mean += distance / self.weight;
        self.scatter += distance * (sample - self.mean);
    }

    /// Multiplies the weight of all samples so far by `factor`.
    pub fn decay(&mut self, factor: f64) {
        self.weight *= factor;
        self.weight_squared *= factor * factor;
        self.scatter *= factor;
    }

    pub fn estimate(&self) -> Estimate {
        let samples = if self.weight_squared > 0.0 {
            self.weight * self.weight / self.weight_squared
        } else {
            0.0
        };
        let standard_error = if samples > 1.0 + 1e-9 {
            // Variance of one sample, without bias for equal weights, over their number.
            let variance = self.scatter / self.weight * samples / (samples - 1.0);
            (variance.max(0.0) / samples).sqrt()
        } else {
            f64::INFINITY
        };
        Estimate { mean: self.mean, standard_error, samples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decay_forgets_the_past_and_widens_the_error() {
        let mut moments = Moments::default();
        for i in 0..100 {
            moments.add(f64::from(i % 2));
        }
        let before = moments.estimate();
        moments.decay(0.01);
        for _ in 0..2 {
            moments.add(5.0);
        }
        let after = moments.estimate();
        assert!((before.mean - 0.5).abs() < 1e-12 && before.samples == 100.0);
        assert!(after.mean > 3.0 && after.standard_error > before.standard_error);
    }

    #[test]
    fn one_sample_is_never_significant() {
        assert!(!Estimate::of(&[5.0]).is_above_zero());
        assert!(Estimate::of(&[5.0, 5.1]).is_above_zero());
        assert!(!Estimate::of(&[1.0, -1.0]).is_above_zero());
    }
}
