//! What is held for askers at once, in all and for each: bytes of answers on their way, and bytes
//! of requests that are being read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::source::Source;

/// Bounds of what is held at once.
#[derive(Debug)]
pub struct Budget {
    total_max: u64,
    source_max: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: u64,
    of: HashMap<Source, u64>,
}

impl Budget {
    /// At most `total_max` at once, and `source_max` for one asker that is not local.
    #[must_use]
    pub fn new(total_max: u64, source_max: u64) -> Arc<Self> {
        Arc::new(Self { total_max, source_max, held: Mutex::default() })
    }

    /// Takes so much for as long as the share lives; `None` when it would be too much.
    pub fn take(self: &Arc<Self>, source: Source, amount: u64) -> Option<Share> {
        let mut held = self.lock();
        let of_source = held.of.get(&source).copied().unwrap_or(0).saturating_add(amount);
        let total = held.total.saturating_add(amount);
        if total > self.total_max || source != Source::Local && of_source > self.source_max {
            return None;
        }
        held.total = total;
        held.of.insert(source, of_source);
        Some(Share { budget: self.clone(), source, amount })
    }

    /// Takes so much whatever is held: for what is so small that something else bounds it.
    pub fn hold(self: &Arc<Self>, source: Source, amount: u64) -> Share {
        let mut held = self.lock();
        held.total += amount;
        *held.of.entry(source).or_insert(0) += amount;
        Share { budget: self.clone(), source, amount }
    }

    /// How much is held now.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    source: Source,
    amount: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.budget.lock();
        held.total -= self.amount;
        if let Some(of_source) = held.of.get_mut(&self.source) {
            *of_source -= self.amount;
            if *of_source == 0 {
                held.of.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greedy_asker_leaves_the_others_their_part() {
        let budget = Budget::new(100, 40);
        let [one, other] = [Source::V6(1), Source::V6(2)];
        let held: Vec<Share> = (0..100).filter_map(|_| budget.take(one, 7)).collect();
        assert_eq!((held.len(), budget.held()), (5, 35));
        let theirs = budget.take(other, 40).expect("it has its own");
        assert!(budget.take(Source::Local, 26).is_none(), "that is more than all");
        let local =
            budget.take(Source::Local, 25).expect("local askers have no bound of their own");
        assert!(budget.take(Source::V6(3), 1).is_none());
        let small = budget.hold(Source::V6(3), 1);
        assert_eq!(budget.held(), 101);
        drop((held, theirs, local, small));
        assert_eq!(budget.held(), 0);
        assert!(budget.lock().of.is_empty(), "nobody is remembered who holds nothing");
    }
}
