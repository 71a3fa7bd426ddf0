//! Request ids that were seen, so that none is answered twice.
//!
//! A message is only accepted within `skew` of its own time, so an id needs remembering for twice
//! that: two generations, the older of which is dropped every `2 * skew`, do it in bounded memory,
//! of which each tier of callers has its own. When it is full, new requests are refused; nothing
//! that could be replayed is forgotten.

use crate::exchange::budget::Budget;
use crate::exchange::limits::Share;
use crate::exchange::tier::Claim;
use muster_ledger::crypto::PublicKey;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// 16 random bytes that name a request.
pub type RequestId = [u8; 16];

/// Why a request id is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It was seen before.
    #[error("a request with this id was already received: every request needs a fresh random id")]
    Seen,
    /// Too many ids of this sender, or of its tier, are remembered.
    #[error("too many requests within {seconds} seconds: slow down")]
    Full {
        /// Length of the window.
        seconds: u64,
    },
}

struct Generation {
    seen: HashSet<(PublicKey, RequestId)>,
    budget: Budget,
}

impl Generation {
    fn new(shares: [Share; 3]) -> Self {
        Self { seen: HashSet::new(), budget: Budget::new(shares) }
    }
}

/// The window of remembered ids.
pub struct ReplayWindow {
    current: Generation,
    previous: Generation,
    turned: Instant,
    span: Duration,
    shares: [Share; 3],
}

impl ReplayWindow {
    /// A window for messages accepted within `skew`, remembering in each of its two generations
    /// at most what the shares of the strangers, the stakeless and the staked say.
    #[must_use]
    pub fn new(skew: Duration, shares: [Share; 3], now: Instant) -> Self {
        Self {
            current: Generation::new(shares),
            previous: Generation::new(shares),
            turned: now,
            span: skew * 2,
            shares,
        }
    }

    /// Remembers the id.
    ///
    /// # Errors
    /// [`ReplayError`] if it was seen, or if too many are remembered.
    pub fn insert(
        &mut self,
        sender: PublicKey,
        claim: &Claim,
        id: RequestId,
        now: Instant,
    ) -> Result<(), ReplayError> {
        let elapsed = now.saturating_duration_since(self.turned);
        if elapsed >= self.span {
            let retired = std::mem::replace(&mut self.current, Generation::new(self.shares));
            let recent = elapsed < self.span * 2;
            self.previous = if recent { retired } else { Generation::new(self.shares) };
            self.turned = now;
        }
        let key = (sender, id);
        if self.current.seen.contains(&key) || self.previous.seen.contains(&key) {
            return Err(ReplayError::Seen);
        }
        let full = ReplayError::Full { seconds: self.span.as_secs() };
        self.current.budget.take(claim, 1).map_err(|_| full)?;
        self.current.seen.insert(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::address::Network;
    use std::net::Ipv4Addr;

    fn shares(all: usize, each: usize) -> [Share; 3] {
        [Share { all, each }; 3]
    }

    /// A stranger from the network of this number.
    fn claim(host: u8) -> Claim {
        Claim::of_stranger(Network::of(Ipv4Addr::new(1, 1, 1, host).into()))
    }

    #[test]
    fn an_id_is_refused_for_as_long_as_its_message_would_be_accepted() {
        let start = Instant::now();
        let skew = Duration::from_secs(10);
        let sender = PublicKey([1; 32]);
        for first in [0, 5, 19, 20, 21, 39] {
            for later in 0..=20 {
                let mut window = ReplayWindow::new(skew, shares(100, 100), start);
                let at = |seconds| start + Duration::from_secs(seconds);
                assert_eq!(window.insert(sender, &claim(1), [9; 16], at(first)), Ok(()));
                // Others keep the generations turning in between.
                for between in 1..later {
                    let mut id = [0; 16];
                    id[0] = between as u8;
                    let inserted = window.insert(sender, &claim(1), id, at(first + between));
                    assert_eq!(inserted, Ok(()));
                }
                let again = window.insert(sender, &claim(1), [9; 16], at(first + later));
                assert_eq!(again, Err(ReplayError::Seen), "first {first}, later {later}");
            }
        }
    }

    #[test]
    fn the_window_is_bounded_and_never_forgets_to_make_room() {
        let now = Instant::now();
        let mut window = ReplayWindow::new(Duration::from_secs(10), shares(5, 3), now);
        let mut insert = |key: u8, host: u8, id: u8| {
            window.insert(PublicKey([key; 32]), &claim(host), [id; 16], now)
        };
        // However many keys there are: they come from one network.
        for id in 0..3 {
            assert_eq!(insert(id, 1, id), Ok(()));
        }
        let full = Err(ReplayError::Full { seconds: 20 });
        assert_eq!(insert(1, 1, 7), full);
        assert_eq!(insert(2, 2, 7), Ok(()));
        assert_eq!(insert(3, 3, 7), Ok(()));
        assert_eq!(insert(4, 4, 7), full);
        assert_eq!(insert(0, 1, 0), Err(ReplayError::Seen));
    }
}
