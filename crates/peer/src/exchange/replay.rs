//! Request ids that were seen, so that none is answered twice.
//!
//! A message is only accepted within `skew` of its own time, so an id needs remembering for twice
//! that: two generations, the older of which is dropped every `2 * skew`, do it in bounded memory.
//! When a generation is full, new requests are refused; nothing that could be replayed is
//! forgotten.

use muster_ledger::crypto::PublicKey;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// 16 random bytes that name a request.
pub type RequestId = [u8; 16];

/// Why a request id is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It was seen before.
    #[error("a request with this id was already received: every request needs a fresh random id")]
    Seen,
    /// Too many ids of this sender, or of all, are remembered.
    #[error("too many requests within {seconds} seconds: slow down")]
    Full {
        /// Length of the window.
        seconds: u64,
    },
}

#[derive(Default)]
struct Generation {
    seen: HashSet<(PublicKey, RequestId)>,
    per_sender: HashMap<PublicKey, usize>,
}

/// The window of remembered ids.
pub struct ReplayWindow {
    current: Generation,
    previous: Generation,
    turned: Instant,
    span: Duration,
    max: usize,
    sender_max: usize,
}

impl ReplayWindow {
    /// A window for messages accepted within `skew`, remembering at most `max` ids in each of its
    /// two generations and `sender_max` of one sender.
    #[must_use]
    pub fn new(skew: Duration, max: usize, sender_max: usize, now: Instant) -> Self {
        Self {
            current: Generation::default(),
            previous: Generation::default(),
            turned: now,
            span: skew * 2,
            max,
            sender_max,
        }
    }

    /// Remembers the id.
    ///
    /// # Errors
    /// [`ReplayError`] if it was seen, or if too many are remembered.
    pub fn insert(
        &mut self,
        sender: PublicKey,
        id: RequestId,
        now: Instant,
    ) -> Result<(), ReplayError> {
        let elapsed = now.saturating_duration_since(self.turned);
        if elapsed >= self.span {
            let retired = std::mem::take(&mut self.current);
            self.previous = if elapsed < self.span * 2 { retired } else { Generation::default() };
            self.turned = now;
        }
        let key = (sender, id);
        if self.current.seen.contains(&key) || self.previous.seen.contains(&key) {
            return Err(ReplayError::Seen);
        }
        let count = self.current.per_sender.get(&sender).copied().unwrap_or(0);
        if self.current.seen.len() >= self.max || count >= self.sender_max {
            return Err(ReplayError::Full { seconds: self.span.as_secs() });
        }
        self.current.seen.insert(key);
        self.current.per_sender.insert(sender, count + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_refused_for_as_long_as_its_message_would_be_accepted() {
        let start = Instant::now();
        let skew = Duration::from_secs(10);
        let sender = PublicKey([1; 32]);
        for first in [0, 5, 19, 20, 21, 39] {
            for later in 0..=20 {
                let mut window = ReplayWindow::new(skew, 100, 100, start);
                let at = |seconds| start + Duration::from_secs(seconds);
                assert_eq!(window.insert(sender, [9; 16], at(first)), Ok(()));
                // Others keep the generations turning in between.
                for between in 1..later {
                    let mut id = [0; 16];
                    id[0] = between as u8;
                    assert_eq!(window.insert(sender, id, at(first + between)), Ok(()));
                }
                let again = window.insert(sender, [9; 16], at(first + later));
                assert_eq!(again, Err(ReplayError::Seen), "first {first}, later {later}");
            }
        }
    }

    #[test]
    fn the_window_is_bounded_and_never_forgets_to_make_room() {
        let now = Instant::now();
        let mut window = ReplayWindow::new(Duration::from_secs(10), 5, 3, now);
        for id in 0..3 {
            assert_eq!(window.insert(PublicKey([1; 32]), [id; 16], now), Ok(()));
        }
        let full = Err(ReplayError::Full { seconds: 20 });
        assert_eq!(window.insert(PublicKey([1; 32]), [7; 16], now), full);
        assert_eq!(window.insert(PublicKey([2; 32]), [7; 16], now), Ok(()));
        assert_eq!(window.insert(PublicKey([3; 32]), [7; 16], now), Ok(()));
        assert_eq!(window.insert(PublicKey([4; 32]), [7; 16], now), full);
        assert_eq!(window.insert(PublicKey([1; 32]), [0; 16], now), Err(ReplayError::Seen));
    }
}
