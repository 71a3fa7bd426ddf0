//! Requests that wait for the model, in order of their senders' standing.
//!
//! Pure: time is passed in. Every `floor_every`-th pop takes the request that has waited longest,
//! so nobody whose request is in the queue starves; a full queue sheds the lowest standing, but
//! never from the quarter that has waited longest, so that even a sender without standing is served
//! in the end.

use std::collections::HashMap;
use std::hash::Hash;
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

struct Waiting<K, T> {
    sender: K,
    standing: f64,
    deadline: Instant,
    item: T,
}

/// A bounded queue of `T` from senders `K`.
pub struct Queue<K, T> {
    /// In order of arrival.
    waiting: Vec<Waiting<K, T>>,
    per_sender: HashMap<K, usize>,
    max: usize,
    sender_max: usize,
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

impl<K: Copy + Eq + Hash, T> Queue<K, T> {
    /// An empty queue for at most `max` items, `sender_max` of one sender.
    #[must_use]
    pub fn new(max: usize, sender_max: usize, floor_every: u32) -> Self {
        Self {
            waiting: Vec::new(),
            per_sender: HashMap::new(),
            max,
            sender_max,
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
        sender: K,
        standing: f64,
        deadline: Instant,
        item: T,
    ) -> Result<Option<T>, (T, Shed)> {
        let waiting = self.per_sender.get(&sender).copied().unwrap_or(0);
        if waiting >= self.sender_max {
            return Err((item, Shed::Sender { waiting }));
        }
        let mut displaced = None;
        if self.waiting.len() >= self.max {
            match self.lowest().filter(|&i| self.waiting[i].standing < standing) {
                Some(index) => displaced = Some(self.remove(index).item),
                None => {
                    return Err((item, Shed::Full { waiting: self.waiting.len() }));
                }
            }
        }
        *self.per_sender.entry(sender).or_insert(0) += 1;
        self.waiting.push(Waiting { sender, standing, deadline, item });
        Ok(displaced)
    }

    /// Takes the next item: the highest standing, earliest among equals, or the earliest of all
    /// when it is the floor's turn.
    pub fn pop(&mut self, now: Instant) -> Option<Popped<T>> {
        if self.waiting.is_empty() {
            return None;
        }
        if let Some(expired) = self.waiting.iter().position(|waiting| waiting.deadline <= now) {
            return Some(Popped::Expired(self.remove(expired).item));
        }
        self.popped = self.popped.wrapping_add(1);
        let index = if self.popped.is_multiple_of(self.floor_every) {
            0
        } else {
            (1..self.waiting.len()).fold(0, |best, i| {
                if self.waiting[i].standing > self.waiting[best].standing { i } else { best }
            })
        };
        Some(Popped::Item(self.remove(index).item))
    }

    /// The latest of the lowest standing outside the quarter that has waited longest.
    fn lowest(&self) -> Option<usize> {
        let first = self.waiting.len().div_ceil(4);
        (first..self.waiting.len()).reduce(|lowest, i| {
            if self.waiting[i].standing <= self.waiting[lowest].standing { i } else { lowest }
        })
    }

    fn remove(&mut self, index: usize) -> Waiting<K, T> {
        let waiting = self.waiting.remove(index);
        if let Some(count) = self.per_sender.get_mut(&waiting.sender) {
            *count -= 1;
            if *count == 0 {
                self.per_sender.remove(&waiting.sender);
            }
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
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

    #[test]
    fn higher_standing_goes_first_and_the_floor_serves_the_oldest() {
        let mut queue = Queue::new(16, 16, 4);
        for (sender, standing) in [(0, 0.0), (1, 1.0), (2, 5.0), (3, 3.0), (4, 9.0), (5, 2.0)] {
            assert!(queue.push(sender, standing, later(), sender).is_ok());
        }
        let order: Vec<i32> = std::iter::from_fn(|| item(queue.pop(Instant::now()))).collect();
        // The fourth to be answered is the oldest, which has no standing at all.
        assert_eq!(order, [4, 2, 3, 0, 5, 1]);
    }

    #[test]
    fn a_full_queue_sheds_the_lowest_and_protects_the_oldest_quarter() {
        let mut queue = Queue::new(4, 4, 4);
        for (sender, standing) in [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)] {
            assert!(queue.push(sender, standing, later(), sender).is_ok());
        }
        assert_eq!(queue.push(4, 4.0, later(), 4).ok(), Some(Some(1)));
        assert_eq!(
            queue.push(5, 2.0, later(), 5).map_err(|(_, shed)| shed),
            Err(Shed::Full { waiting: 4 })
        );
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn what_waited_too_long_comes_out_as_expired() {
        let mut queue = Queue::new(4, 4, 4);
        let now = Instant::now();
        assert!(queue.push(0, 1.0, now, "late").is_ok());
        assert!(matches!(queue.pop(now), Some(Popped::Expired("late"))));
        assert!(queue.pop(now).is_none());
    }

    proptest! {
        #[test]
        fn bounds_hold_and_nobody_in_the_queue_starves(
            pushes in proptest::collection::vec((0_u8..6, 0_u32..10, any::<bool>()), 1..200),
        ) {
            let mut queue = Queue::new(16, 5, 4);
            let (mut admitted, mut left) = (0_usize, 0_usize);
            for (sender, standing, pop) in pushes {
                match queue.push(sender, f64::from(standing), later(), sender) {
                    Ok(displaced) => {
                        admitted += 1;
                        left += usize::from(displaced.is_some());
                    }
                    Err((_, Shed::Sender { waiting })) => prop_assert_eq!(waiting, 5),
                    Err(_) => prop_assert_eq!(queue.len(), 16),
                }
                if pop && item(queue.pop(Instant::now())).is_some() {
                    left += 1;
                }
                prop_assert!(queue.len() <= 16);
                prop_assert_eq!(queue.len(), admitted - left);
                prop_assert_eq!(queue.per_sender.values().sum::<usize>(), queue.len());
            }
            // Among rivals of high standing, the oldest is answered within `floor_every` pops.
            let mut queue = Queue::new(64, 64, 4);
            prop_assert!(queue.push(0, 0.0, later(), 0).is_ok());
            let mut answered = Vec::new();
            for _ in 0..4 {
                for _ in 0..3 {
                    prop_assert!(queue.push(1, 9.0, later(), 1).is_ok());
                }
                answered.extend(item(queue.pop(Instant::now())));
            }
            prop_assert!(answered.contains(&0));
        }
    }
}
