//! How much one asker may ask for over time, counted in tokens: one a request, and more for what
//! takes more.
//!
//! There is nothing that could be full: the buckets are a table of fixed size, of which each asker
//! has two, found by a hash that nobody outside can compute (Cormode and Muthukrishnan, "An
//! improved data stream summary: the count-min sketch", 2005, section 3, with tokens in place of
//! counts). It is turned away when both are empty, so that somebody else's greed reaches an honest
//! asker only where it empties the two by chance: with a thousand greedy ones at once, of a
//! thousand honest ones a few. Whoever holds a /48 of IPv6 holds 65,536 of /64: those have a
//! bucket together as well, with four times the rate.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::source::Source;

/// Bytes, of a request and of its answer, that count as one more request.
pub const BYTES_A_TOKEN: f64 = (64 << 10) as f64;
/// Time of a processor that counts as one more request.
pub const TIME_A_TOKEN: Duration = Duration::from_millis(4);
/// Buckets in the table.
const BUCKETS: usize = 1 << 16;
/// How many times the rate of one asker all of a /48 have.
const SITE: f64 = 4.0;

/// Tokens that an asker gets.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// Over time.
    per_second: f64,
    /// At once; and as many can be owed, for what turned out to take more.
    burst: f64,
}

/// For programs on this machine, which count as one.
const LOCAL: Rate = Rate { per_second: 2_000.0, burst: 4_000.0 };
/// For everybody else.
const REMOTE: Rate = Rate { per_second: 50.0, burst: 200.0 };

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    /// Seconds since the limiter was made.
    updated: f64,
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: f64) {
        // Requests that are admitted at once may come here in another order than their clocks.
        let passed = (now - self.updated).max(0.0);
        self.tokens = (self.tokens + passed * rate.per_second).min(rate.burst);
        self.updated = self.updated.max(now);
    }

    fn take(&mut self, rate: Rate, tokens: f64) {
        self.tokens = (self.tokens - tokens).max(-rate.burst);
    }
}

/// Buckets of tokens.
#[derive(Debug)]
pub struct RateLimiter<S = RandomState> {
    begun: Instant,
    hashers: [S; 2],
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    local: Bucket,
    buckets: Vec<Bucket>,
}

impl RateLimiter {
    /// A limiter whose clock begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self::with_hashers(now, [RandomState::new(), RandomState::new()])
    }
}

impl<S: BuildHasher> RateLimiter<S> {
    fn with_hashers(now: Instant, hashers: [S; 2]) -> Self {
        let full = |rate: Rate| Bucket { tokens: rate.burst, updated: 0.0 };
        let table = Table { local: full(LOCAL), buckets: vec![full(REMOTE); BUCKETS] };
        Self { begun: now, hashers, table: Mutex::new(table) }
    }

    /// Whether `source` may ask now for what takes so many tokens; they are gone if so.
    pub fn admit(&self, source: Source, tokens: f64, now: Instant) -> bool {
        let keys = keys(source, tokens);
        let mut table = self.filled(&keys, now);
        let places = |source| self.places(source);
        let enough = |bucket: &Bucket, tokens: f64| bucket.tokens >= tokens;
        let admitted = match source {
            Source::Local => enough(&table.local, tokens),
            _ => keys.iter().flatten().all(|(key, tokens)| {
                places(*key).iter().any(|place| enough(&table.buckets[*place], *tokens))
            }),
        };
        if admitted {
            self.take(&mut table, source, &keys, tokens);
        }
        admitted
    }

    /// Takes tokens for what has turned out to take more than was known when it was admitted.
    pub fn charge(&self, source: Source, tokens: f64, now: Instant) {
        let keys = keys(source, tokens);
        let mut table = self.filled(&keys, now);
        self.take(&mut table, source, &keys, tokens);
    }

    fn places(&self, key: Key) -> [usize; 2] {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(key) as usize % BUCKETS)
    }

    fn filled(&self, keys: &[Option<(Key, f64)>; 2], now: Instant) -> MutexGuard<'_, Table> {
        let now = now.saturating_duration_since(self.begun).as_secs_f64();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.local.fill(LOCAL, now);
        for (key, _) in keys.iter().flatten() {
            for place in self.places(*key) {
                table.buckets[place].fill(REMOTE, now);
            }
        }
        table
    }

    fn take(&self, table: &mut Table, source: Source, keys: &[Option<(Key, f64)>; 2], tokens: f64) {
        if source == Source::Local {
            table.local.take(LOCAL, tokens);
        }
        for (key, tokens) in keys.iter().flatten() {
            for place in self.places(*key) {
                table.buckets[place].take(REMOTE, *tokens);
            }
        }
    }
}

/// What has buckets in the table.
#[derive(Clone, Copy, Debug, Hash)]
enum Key {
    Asker(Source),
    Site(u64),
}

/// Of which buckets an asker's tokens are taken, and how many of each.
fn keys(source: Source, tokens: f64) -> [Option<(Key, f64)>; 2] {
    match source {
        Source::Local => [None, None],
        Source::V4(_) => [Some((Key::Asker(source), tokens)), None],
        Source::V6(network) => {
            [Some((Key::Asker(source), tokens)), Some((Key::Site(network >> 16), tokens / SITE))]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};
    use std::net::IpAddr;

    use super::*;

    /// A hash that is the same in every run.
    #[derive(Clone, Copy, Debug)]
    struct Seeded(u64);

    impl BuildHasher for Seeded {
        type Hasher = DefaultHasher;

        fn build_hasher(&self) -> DefaultHasher {
            let mut hasher = BuildHasherDefault::<DefaultHasher>::default().build_hasher();
            hasher.write_u64(self.0);
            hasher
        }
    }

    fn limiter(now: Instant) -> RateLimiter<Seeded> {
        RateLimiter::with_hashers(now, [Seeded(1), Seeded(2)])
    }

    fn source(text: &str) -> Source {
        text.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn a_burst_passes_then_the_rate() {
        let start = Instant::now();
        let limiter = limiter(start);
        let address = source("192.0.2.1");
        let passed = (0..1_000).filter(|_| limiter.admit(address, 1.0, start)).count();
        assert_eq!(passed, 200);
        let later = start + Duration::from_secs(1);
        let passed = (0..1_000).filter(|_| limiter.admit(address, 1.0, later)).count();
        assert_eq!(passed, 50);
        assert!(limiter.admit(source("192.0.2.2"), 1.0, later));
    }

    #[test]
    fn what_turns_out_dear_is_paid_for_later() {
        let start = Instant::now();
        let limiter = limiter(start);
        let address = source("192.0.2.1");
        assert!(limiter.admit(address, 1.0, start));
        limiter.charge(address, 1e9, start);
        // As much can be owed as can be had at once: it is locked out for seconds, not for ever.
        let seconds = |seconds| start + Duration::from_secs(seconds);
        assert!(!limiter.admit(address, 1.0, seconds(4)));
        assert!(limiter.admit(address, 1.0, seconds(5)));
    }

    #[test]
    fn no_number_of_addresses_locks_the_others_out() {
        let start = Instant::now();
        let limiter = limiter(start);
        // Each of them as greedy as can be, each in a site of its own.
        for index in 0..1_000 {
            limiter.charge(Source::V6(index << 16), 1e9, start);
        }
        let honest = (0..1_000u32).map(|index| Source::V4((0xC000_0000 + index).into()));
        let refused = honest.filter(|source| !limiter.admit(*source, 1.0, start)).count();
        assert!(refused < 20, "{refused} of a thousand");
    }

    #[test]
    fn a_site_has_the_rate_of_four_whatever_its_addresses() {
        let start = Instant::now();
        let limiter = limiter(start);
        let network = |index: u64| Source::V6(0x2001_0db8_0001_0000 + index);
        let passed = (0..60_000).filter(|index| limiter.admit(network(*index), 1.0, start)).count();
        // Some of so many find both of their buckets in use by others of the site.
        assert!((700..=800).contains(&passed), "{passed}");
        assert!(limiter.admit(source("2001:db8:2::1"), 1.0, start), "another site");
        let one = source("2001:db8:3::1");
        let passed = (0..1_000).filter(|_| limiter.admit(one, 1.0, start)).count();
        assert_eq!(passed, 200);
    }
}
