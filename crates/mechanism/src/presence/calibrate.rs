//! From counted solutions to a rate with a confidence interval, and from a rate to a difficulty.

use super::units::positive;
use super::{PresenceError, Rate};
use crate::numeric::root;

/// A rate measured on a machine: a Poisson count over a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateEstimate {
    /// Events per second, count over time.
    pub rate: f64,
    /// Lower end of the interval, events per second.
    pub low: f64,
    /// Upper end of the interval, events per second.
    pub high: f64,
    /// The coverage asked for, such as 0.95.
    pub confidence: f64,
}

impl RateEstimate {
    /// `count` events in `seconds`, with the central interval of coverage at least `confidence`
    /// (Garwood 1936): its ends are gamma quantiles, taken by Wilson and Hilferty's approximation
    /// above 200 events, where it errs by less than 1e-5 relative.
    ///
    /// ```
    /// use muster_mechanism::presence::RateEstimate;
    /// let measured = RateEstimate::from_count(100, 50.0, 0.95)?;
    /// assert_eq!(measured.rate, 2.0);
    /// assert!((measured.low - 81.36 / 50.0).abs() < 1e-3);
    /// assert!((measured.high - 121.63 / 50.0).abs() < 1e-3);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn from_count(count: u64, seconds: f64, confidence: f64) -> Result<Self, PresenceError> {
        let seconds = positive("seconds", seconds)?;
        if !(confidence > 0.0 && confidence < 1.0) {
            return Err(PresenceError::Value {
                field: "confidence",
                value: confidence,
                wanted: "it must lie between 0 and 1",
            });
        }
        let tail = 0.5 * (1.0 - confidence);
        let low = if count == 0 { 0.0 } else { gamma_quantile(count, tail) };
        let high = gamma_quantile(count.saturating_add(1), 1.0 - tail);
        Ok(Self {
            rate: count as f64 / seconds,
            low: low / seconds,
            high: high / seconds,
            confidence,
        })
    }

    /// Guesses per solution (the difficulty) at which a machine that guesses at this rate solves at
    /// `wanted`.
    pub fn difficulty(&self, wanted: Rate) -> f64 {
        self.rate / wanted.get()
    }
}

/// x with P(shape, x) = `probability`.
fn gamma_quantile(shape: u64, probability: f64) -> f64 {
    let z = normal_quantile(probability);
    let ninth = 1.0 / (9.0 * shape as f64);
    let base = (1.0 - ninth + z * ninth.sqrt()).max(0.0);
    let guess = shape as f64 * base * base * base;
    let Ok(small) = u32::try_from(shape.min(1 << 20)) else {
        return guess;
    };
    if shape > 200 {
        return guess;
    }
    let excess = |x: f64| super::gamma_lower_regularised(small, x) - probability;
    let (low, high) = (1e-12, 4.0 * shape as f64 + 60.0);
    root(excess, low, excess(low), high, excess(high))
}

/// z with Phi(z) = `probability`.
fn normal_quantile(probability: f64) -> f64 {
    let excess = |z: f64| 0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2) - probability;
    root(excess, -38.0, -probability, 38.0, 1.0 - probability)
}
