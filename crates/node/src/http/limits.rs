//! How often one address may ask.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Instant;

/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 10_000;

/// Requests a second that an address may make over time, and at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Over time.
    pub per_second: f64,
    /// At once.
    pub burst: f64,
}

/// For programs on this machine, which share one address.
const LOOPBACK: Rate = Rate { per_second: 2_000.0, burst: 4_000.0 };
/// For everybody else.
const REMOTE: Rate = Rate { per_second: 50.0, burst: 200.0 };

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    updated: Instant,
}

/// A bucket of tokens per address.
#[derive(Debug, Default)]
pub struct RateLimiter {
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl RateLimiter {
    /// Whether `address` may ask now.
    pub fn admit(&self, address: IpAddr, now: Instant) -> bool {
        let rate = if address.is_loopback() { LOOPBACK } else { REMOTE };
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&address) {
            // Whoever has a full bucket again is as good as unknown.
            buckets.retain(|_, bucket| now.duration_since(bucket.updated).as_secs() < 10);
            if buckets.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket { tokens: rate.burst, updated: now });
        let passed = now.duration_since(bucket.updated).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * rate.per_second).min(rate.burst);
        bucket.updated = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    /// Takes tokens for what a request that was admitted turned out to take beside itself. As many
    /// can be owed as can be had at once; until they are paid, the address may not ask.
    pub fn charge(&self, address: IpAddr, tokens: f64) {
        let rate = if address.is_loopback() { LOOPBACK } else { REMOTE };
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // An address that is not remembered any more has not asked for a while.
        if let Some(bucket) = buckets.get_mut(&address) {
            bucket.tokens = (bucket.tokens - tokens).max(-rate.burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate() {
        let limiter = RateLimiter::default();
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        let start = Instant::now();
        let passed = (0..1_000).filter(|_| limiter.admit(address, start)).count();
        assert_eq!(passed, 200);
        let later = start + Duration::from_secs(1);
        let passed = (0..1_000).filter(|_| limiter.admit(address, later)).count();
        assert_eq!(passed, 50);
        assert!(limiter.admit("192.0.2.2".parse().expect("an address"), later));
    }

    #[test]
    fn what_takes_more_is_paid_for_later() {
        let limiter = RateLimiter::default();
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        let start = Instant::now();
        assert!(limiter.admit(address, start));
        limiter.charge(address, 1e9);
        assert!(!limiter.admit(address, start + Duration::from_secs(4)));
        assert!(limiter.admit(address, start + Duration::from_secs(5)));
    }

    #[test]
    fn addresses_are_bounded() {
        let limiter = RateLimiter::default();
        let start = Instant::now();
        let admitted = (0..20_000u32)
            .filter(|index| limiter.admit(IpAddr::V4((0xC000_0000 + index).into()), start))
            .count();
        assert_eq!(admitted, ADDRESSES_MAX);
        let later = start + Duration::from_secs(11);
        assert!(limiter.admit("198.51.100.1".parse().expect("an address"), later));
    }
}
