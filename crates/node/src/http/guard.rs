//! What every server of this crate is guarded by: who may ask how much, and how many bytes are held
//! for them. One for each port.

use std::sync::Arc;
use std::time::Instant;

use super::budget::Budget;
use super::limits::{
    ANSWERS, ANSWERS_OF_SOURCE, REQUESTS, REQUESTS_OF_SOURCE, SOURCE_CONNECTIONS_MAX,
};
use super::places::Places;
use super::rate::RateLimiter;
use muster_chain::metrics::Metrics;

/// The bounds of one port.
pub struct Guard {
    /// What each asker may ask for over time.
    pub(super) rate: RateLimiter,
    /// Open connections.
    pub(super) connections: Arc<Places>,
    /// Bytes of requests that are being read or answered.
    pub(super) requests: Arc<Budget>,
    /// Bytes of answers that are on their way.
    pub(super) answers: Arc<Budget>,
    /// Counters.
    pub(super) metrics: Arc<Metrics>,
}

impl Guard {
    /// Bounds for so many connections; what is turned away is counted in `metrics`.
    #[must_use]
    pub fn new(connections_max: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            rate: RateLimiter::new(Instant::now()),
            connections: Places::new(connections_max, SOURCE_CONNECTIONS_MAX),
            requests: Budget::new(REQUESTS, REQUESTS_OF_SOURCE),
            answers: Budget::new(ANSWERS, ANSWERS_OF_SOURCE),
            metrics,
        })
    }
}
