//! Seconds and rates.

use super::PresenceError;

/// A positive, finite time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Seconds(f64);

impl Seconds {
    /// `seconds` > 0 and finite.
    ///
    /// ```
    /// use muster_mechanism::presence::Seconds;
    /// assert_eq!(Seconds::new(2.5)?.get(), 2.5);
    /// assert!(Seconds::new(0.0).is_err());
    /// # Ok::<(), muster_mechanism::presence::PresenceError>(())
    /// ```
    pub fn new(seconds: f64) -> Result<Self, PresenceError> {
        positive("deadline", seconds).map(Self)
    }

    /// The number of seconds.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A positive, finite number of solutions per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// `rate` > 0 and finite, in solutions per second of one machine.
    pub fn per_second(rate: f64) -> Result<Self, PresenceError> {
        positive("rate", rate).map(Self)
    }

    /// Solutions per second.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Refuses what is not finite and above 0.
pub(super) fn positive(field: &'static str, value: f64) -> Result<f64, PresenceError> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(PresenceError::Value { field, value, wanted: "it must be a finite number above 0" })
    }
}
