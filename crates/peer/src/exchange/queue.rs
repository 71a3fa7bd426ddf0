//! Requests that wait for the model, in order of their senders' standing.
//!
//! Pure: time is passed in. Every `floor_every`-th pop takes the request that has waited longest,
//! so nobody whose request is in the queue starves; a full queue sheds the lowest standing, but
//! never from the quarter that has waited longest, so that even a sender without standing is served
//! in the end. Each tier of senders has its own number of places, and who has nothing at stake
//! displaces nobody.

use crate::exchange::limits::Share;
use crate::exchange::tier::{Claim, Holder, Tier};
use std::collections::HashMap;
use std::time::Instant;

/// Why a request was not admitted, or was pushed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    /// The sender has too many requests waiting.
    #[error(
        "you have {waiting} requests waiting here, which is the most for one sender: slow down"
    )]
    Sender {
        /// How many are waiting.
        waiting: usize,
    },
    /// The queue is full of requests of at least the same standing.
    #[error(
        "{waiting} requests wait here and your standing is not above the lowest of them: try later, or give this peer more weight"
    )]
    Full {
        /// How many are waiting.
        waiting: usize,
    },
    /// A request of higher standing took the place.
    #[error(
        "a request of higher standing took the place of this one: try later, or give this peer more weight"
    )]
    Displaced,
}

struct Waiting<T> {
    sender: Claim,
    deadline: Instant,
    item: T,
}

/// A bounded queue of `T`.
pub struct Queue<T> {
    /// In order of arrival.
    waiting: Vec<Waiting<T>>,
    per_sender: HashMap<Holder, usize>,
    /// How many of each tier wait.
    per_tier: [usize; 3],
    shares: [Share; 3],
    floor_every: u32,
    popped: u32,
}

/// What came out of the queue.
pub enum Popped<T> {
    /// To be answered.
    Item(T),
    /// Its deadline passed while it waited.
    Expired(T),
}

impl<T> Queue<T> {
    /// An empty queue for at most as many items of strangers, stakeless and staked senders as
    /// the shares say.
    #[must_use]
    pub fn new(shares: [Share; 3], floor_every: u32) -> Self {
        Self {
            waiting: Vec::new(),
            per_sender: HashMap::new(),
            per_tier: [0; 3],
            shares,
            floor_every: floor_every.max(2),
            popped: 0,
        }
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Admits an item; gives back the one that had to leave for it, if any.
    ///
    /// # Errors
    /// The item itself and why it is not admitted.
    pub fn push(
        &mut self,
        sender: Claim,
        deadline: Instant,
        item: T,
    ) -> Result<Option<T>, (T, Shed)> {
        let (share, tier) = (self.shares[sender.tier as usize], sender.tier);
        let waiting = self.per_sender.get(&sender.holder).copied().unwrap_or(0);
        if waiting >= share.each {
            return Err((item, Shed::Sender { waiting }));
        }
        let mut displaced = None;
        let waiting = self.per_tier[tier as usize];
        if waiting >= share.all {
            let lower = |&i: &usize| self.waiting[i].sender.precedence(&sender).is_lt();
            match self.lowest(tier).filter(lower) {
                Some(index) => displaced = Some(self.remove(index).item),
                None => return Err((item, Shed::Full { waiting })),
            }
        }
        *self.per_sender.entry(sender.holder).or_insert(0) += 1;
        self.per_tier[tier as usize] += 1;
        self.waiting.push(Waiting { sender, deadline, item });
        Ok(displaced)
    }

    /// Takes the next item that may be taken: the highest standing, earliest among equals, or the
    /// earliest of all when it is the floor's turn.
    pub fn pop(&mut self, now: Instant, may: impl Fn(&T) -> bool) -> Option<Popped<T>> {
        if let Some(expired) = self.waiting.iter().position(|waiting| waiting.deadline <= now) {
            return Some(Popped::Expired(self.remove(expired).item));
        }
        let mut may = (0..self.waiting.len()).filter(|&i| may(&self.waiting[i].item));
        let earliest = may.next()?;
        self.popped = self.popped.wrapping_add(1);
        let index = if self.popped.is_multiple_of(self.floor_every) {
            earliest
        } else {
            may.fold(earliest, |best, i| {
                let higher = self.waiting[i].sender.precedence(&self.waiting[best].sender).is_gt();
                if higher { i } else { best }
            })
        };
        Some(Popped::Item(self.remove(index).item))
    }

    /// The latest of the lowest standing in a tier, outside the quarter of it that has waited
    /// longest.
    fn lowest(&self, tier: Tier) -> Option<usize> {
        let protected = self.per_tier[tier as usize].div_ceil(4);
        let of_tier = (0..self.waiting.len()).filter(|&i| self.waiting[i].sender.tier == tier);
        of_tier.skip(protected).reduce(|lowest, i| {
            let higher = self.waiting[i].sender.precedence(&self.waiting[lowest].sender).is_gt();
            if higher { lowest } else { i }
        })
    }

    fn remove(&mut self, index: usize) -> Waiting<T> {
        let waiting = self.waiting.remove(index);
        let Claim { holder, tier, .. } = waiting.sender;
        self.per_tier[tier as usize] -= 1;
        if let Some(count) = self.per_sender.get_mut(&holder) {
            *count -= 1;
            if *count == 0 {
                self.per_sender.remove(&holder);
            }
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::address::Network;
    use muster_ledger::crypto::PublicKey;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn item<T>(popped: Option<Popped<T>>) -> Option<T> {
        match popped {
            Some(Popped::Item(item)) => Some(item),
            _ => None,
        }
    }

    fn staked(who: u8, standing: f64) -> Claim {
        let holder = Holder::Peer(PublicKey([who; 32]));
        Claim { tier: Tier::Staked, holder, part: 0.0, standing, stake: 1 }
    }

    fn stranger(host: u8) -> Claim {
        Claim::of_stranger(Network::of(Ipv4Addr::new(1, 1, 1, host).into()))
    }

    fn queue<T>(all: usize, each: usize) -> Queue<T> {
        Queue::new([Share { all, each }; 3], 4)
    }

    fn pop<T>(queue: &mut Queue<T>) -> Option<T> {
        item(queue.pop(Instant::now(), |_| true))
    }

    #[test]
    fn higher_standing_goes_first_and_the_floor_serves_the_oldest() {
        let mut queue = queue(16, 16);
        for (who, standing) in [(0, 0.0), (1, 1.0), (2, 5.0), (3, 3.0), (4, 9.0), (5, 2.0)] {
            assert!(queue.push(staked(who, standing), later(), who).is_ok());
        }
        let order: Vec<u8> = std::iter::from_fn(|| pop(&mut queue)).collect();
        // The fourth to be answered is the oldest, which has no standing at all.
        assert_eq!(order, [4, 2, 3, 0, 5, 1]);
    }

    #[test]
    fn a_full_queue_sheds_the_lowest_and_protects_the_oldest_quarter() {
        let mut queue = queue(4, 4);
        for (who, standing) in [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)] {
            assert!(queue.push(staked(who, standing), later(), who).is_ok());
        }
        assert_eq!(queue.push(staked(4, 4.0), later(), 4).ok(), Some(Some(1)));
        assert_eq!(
            queue.push(staked(5, 2.0), later(), 5).map_err(|(_, shed)| shed),
            Err(Shed::Full { waiting: 4 })
        );
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn strangers_displace_nobody_and_leave_the_places_of_others_alone() {
        let mut queue = queue(4, 2);
        for number in 0..3 {
            let pushed = queue.push(stranger(1), later(), number);
            assert_eq!(pushed.is_ok(), number < 2, "one network has two places");
        }
        assert!(queue.push(stranger(2), later(), 3).is_ok());
        assert!(queue.push(stranger(3), later(), 4).is_ok());
        let refused = queue.push(stranger(4), later(), 5).map_err(|(_, shed)| shed);
        assert_eq!(refused, Err(Shed::Full { waiting: 4 }));
        assert_eq!(queue.push(staked(1, 0.0), later(), 9).ok(), Some(None));
        assert_eq!(pop(&mut queue), Some(9), "stake goes first even without standing");
        // What may not be taken now waits on.
        assert!(queue.pop(Instant::now(), |item| *item == 9).is_none());
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn what_waited_too_long_comes_out_as_expired() {
        let mut queue = queue(4, 4);
        let now = Instant::now();
        assert!(queue.push(staked(0, 1.0), now, "late").is_ok());
        assert!(matches!(queue.pop(now, |_| false), Some(Popped::Expired("late"))));
        assert!(queue.pop(now, |_| true).is_none());
    }

    proptest! {
        #[test]
        fn bounds_hold_and_nobody_in_the_queue_starves(
            pushes in proptest::collection::vec((0_u8..6, 0_u32..10, any::<bool>()), 1..200),
        ) {
            let mut queue = queue(16, 5);
            let (mut admitted, mut left) = (0_usize, 0_usize);
            for (who, standing, take) in pushes {
                match queue.push(staked(who, f64::from(standing)), later(), who) {
                    Ok(displaced) => {
                        admitted += 1;
                        left += usize::from(displaced.is_some());
                    }
                    Err((_, Shed::Sender { waiting })) => prop_assert_eq!(waiting, 5),
                    Err(_) => prop_assert_eq!(queue.len(), 16),
                }
                if take && pop(&mut queue).is_some() {
                    left += 1;
                }
                prop_assert!(queue.len() <= 16);
                prop_assert_eq!(queue.len(), admitted - left);
                prop_assert_eq!(queue.per_sender.values().sum::<usize>(), queue.len());
                prop_assert_eq!(queue.per_tier, [0, 0, queue.len()]);
            }
            // Among rivals of high standing, the oldest is answered within `floor_every` pops.
            let mut queue = self::queue(64, 64);
            prop_assert!(queue.push(staked(0, 0.0), later(), 0).is_ok());
            let mut answered = Vec::new();
            for _ in 0..4 {
                for _ in 0..3 {
                    prop_assert!(queue.push(staked(1, 9.0), later(), 1).is_ok());
                }
                answered.extend(pop(&mut queue));
            }
            prop_assert!(answered.contains(&0));
        }
    }
}
