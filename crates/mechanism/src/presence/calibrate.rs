//! From counted solutions to a rate with a confidence interval, and from a rate to a difficulty.

use super::units::positive;
use super::{PresenceError, Rate};
use crate::numeric::{root, sum};

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
        let tail = tail(confidence)?;
        let low = if count == 0 { 0.0 } else { gamma_quantile(count, tail) };
        let high = gamma_quantile(count.saturating_add(1), 1.0 - tail);
        Ok(Self {
            rate: count as f64 / seconds,
            low: low / seconds,
            high: high / seconds,
            confidence,
        })
    }

    /// The mean rate over `parts` of a measurement, (count, seconds) each, with Student's interval:
    /// how much the parts differ says how sure it is, whatever makes them differ. Its quantile is
    /// that of Abramowitz and Stegun, 26.7.5, which errs by less than 1e-3 from 9 parts on.
    ///
    /// ```
    /// use muster_mechanism::presence::RateEstimate;
    /// let parts = [9, 11, 10, 12, 8, 10, 11, 9, 10, 10].map(|count| (count, 0.5));
    /// let measured = RateEstimate::from_parts(&parts, 0.95)?;
    /// assert_eq!(measured.rate, 20.0);
    /// // Their standard deviation is sqrt(16/3); t is 2.262 for nine degrees of freedom.
    /// let half = 2.2622 * (16.0f64 / 3.0 / 10.0).sqrt();
    /// assert!((measured.high - 20.0 - half).abs() < 1e-3);
    /// assert!((20.0 - half - measured.low).abs() < 1e-3);
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    ///
    /// # Errors
    /// Fewer than nine parts, one that takes no time, a confidence that is none.
    pub fn from_parts(parts: &[(u64, f64)], confidence: f64) -> Result<Self, PresenceError> {
        let number = parts.len() as f64;
        if parts.len() < 9 {
            let wanted = "an interval needs at least nine parts";
            return Err(PresenceError::Value { field: "parts", value: number, wanted });
        }
        let tail = tail(confidence)?;
        let rates = parts
            .iter()
            .map(|&(count, seconds)| Ok(count as f64 / positive("seconds", seconds)?))
            .collect::<Result<Vec<f64>, PresenceError>>()?;
        let mean = sum(rates.iter().copied()) / number;
        let squares = sum(rates.iter().map(|rate| (rate - mean) * (rate - mean)));
        let freedom = number - 1.0;
        let half = student_quantile(1.0 - tail, freedom) * (squares / freedom / number).sqrt();
        Ok(Self { rate: mean, low: (mean - half).max(0.0), high: mean + half, confidence })
    }

    /// Guesses per solution (the difficulty) at which a machine that guesses at this rate solves at
    /// `wanted`.
    pub fn difficulty(&self, wanted: Rate) -> f64 {
        self.rate / wanted.get()
    }
}

/// What lies outside of a central interval, on either side.
fn tail(confidence: f64) -> Result<f64, PresenceError> {
    if confidence > 0.0 && confidence < 1.0 {
        return Ok(0.5 * (1.0 - confidence));
    }
    let wanted = "it must lie between 0 and 1";
    Err(PresenceError::Value { field: "confidence", value: confidence, wanted })
}

/// t with P(T <= t) = `probability` for so many degrees of freedom.
fn student_quantile(probability: f64, freedom: f64) -> f64 {
    let z = normal_quantile(probability);
    let square = z * z;
    let first = (square + 1.0) / 4.0;
    let second = ((5.0 * square + 16.0) * square + 3.0) / 96.0;
    let third = (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0;
    let fourth = ((((79.0 * square + 776.0) * square + 1482.0) * square - 1920.0) * square - 945.0)
        / 92160.0;
    let (once, twice) = (freedom, freedom * freedom);
    z * (1.0 + first / once + second / twice + third / (twice * once) + fourth / (twice * twice))
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
