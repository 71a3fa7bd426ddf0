//! What every attack works with: what it was told, where it counts, and a clock.

use std::sync::Arc;
use std::time::Duration;

use super::orders::Orders;
use super::tally::Tally;
use super::wire;

/// What one attack works with.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What everybody is told.
    pub orders: Arc<Orders>,
    /// Where it counts.
    pub tally: Arc<Tally>,
    /// How many, or how many a second: see [`super::orders::Attack`].
    pub rate: f64,
}

impl Scene {
    /// The rate as a number of things.
    pub fn count(&self) -> usize {
        self.rate.round() as usize
    }

    /// Strikes so many times a second.
    pub fn beat(&self, rate: f64) -> Beat {
        let period = Duration::from_secs_f64(1.0 / rate.max(1e-3));
        Beat { interval: tokio::time::interval(period), turn: 0 }
    }

    /// The height of the chain, as far as it is known.
    pub async fn height(&self) -> u64 {
        let from = self.orders.stranger(9_999);
        let answer = wire::ask_for(from, self.orders.api[0], &[&wire::get("/v1/status")]).await;
        let height = answer.and_then(|(_, answer)| answer.get("height")?.as_u64());
        height.unwrap_or(0)
    }
}

/// A clock; what is missed is made up for.
pub struct Beat {
    interval: tokio::time::Interval,
    turn: u64,
}

impl Beat {
    /// Waits for the next stroke; its number, from 0.
    pub async fn next(&mut self) -> u64 {
        self.interval.tick().await;
        self.turn += 1;
        self.turn - 1
    }
}
