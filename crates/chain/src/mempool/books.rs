//! Where what waits is found: by hash, by when it leaves, and in the order in which it would be
//! decided.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};

use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::types::RoundId;

use super::entry::Entry;

/// What can be executed, in the order in which it would be decided; of one sender by nonce, because
/// worth never rises and turns never fall along its queue.
type Order = BTreeMap<(Reverse<u128>, u64), (PublicKey, u64, usize)>;

/// The registers of the pool. Each entry that waits stands in them exactly once.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub hashes: HashMap<Hash, (PublicKey, u64)>,
    pub order: Order,
    expiries: BTreeSet<(u64, Hash)>,
    /// Bytes of what can be executed.
    pub queued_bytes: usize,
    /// Bytes of what waits behind gaps.
    pub parked_bytes: usize,
    /// Of each round, how many solutions wait.
    solutions: BTreeMap<RoundId, usize>,
    next_turn: u64,
}

impl Books {
    /// The next turn.
    pub fn turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn
    }

    /// Enters one that can be executed.
    pub fn queue(&mut self, entry: &Entry) {
        self.name(entry);
        self.queued_bytes += entry.bytes();
        if let Some(round) = entry.round() {
            *self.solutions.entry(round).or_default() += 1;
        }
        self.rank(entry);
    }

    /// Strikes one that could be executed.
    pub fn unqueue(&mut self, entry: &Entry) {
        self.forget(entry);
        self.queued_bytes -= entry.bytes();
        self.order.remove(&(Reverse(entry.worth), entry.turn));
        if let Some(round) = entry.round()
            && let btree_map::Entry::Occupied(mut waiting) = self.solutions.entry(round)
        {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
    }

    /// How many solutions of a round wait.
    pub fn solutions(&self, round: RoundId) -> usize {
        self.solutions.get(&round).copied().unwrap_or_default()
    }

    /// Enters one behind a gap.
    pub fn park(&mut self, entry: &Entry) {
        self.name(entry);
        self.parked_bytes += entry.bytes();
    }

    /// Strikes one behind a gap.
    pub fn unpark(&mut self, entry: &Entry) {
        self.forget(entry);
        self.parked_bytes -= entry.bytes();
    }

    /// Gives one that can be executed another worth.
    pub fn rerank(&mut self, entry: &mut Entry, worth: u128) {
        self.order.remove(&(Reverse(entry.worth), entry.turn));
        entry.worth = worth;
        self.rank(entry);
    }

    /// Those that must leave at this height.
    pub fn leaving(&self, height: u64) -> Vec<(PublicKey, u64)> {
        let due = self.expiries.iter().take_while(|(leaves, _)| *leaves <= height);
        due.filter_map(|(_, hash)| self.hashes.get(hash).copied()).collect()
    }

    /// How many solutions wait, of all rounds.
    #[cfg(test)]
    pub fn solutions_all(&self) -> usize {
        self.solutions.values().sum()
    }

    /// How many are entered with when they leave.
    #[cfg(test)]
    pub fn leaving_count(&self) -> usize {
        self.expiries.len()
    }

    fn rank(&mut self, entry: &Entry) {
        let place = (entry.owner(), entry.nonce(), entry.bytes());
        self.order.insert((Reverse(entry.worth), entry.turn), place);
    }

    fn name(&mut self, entry: &Entry) {
        self.hashes.insert(entry.hash, (entry.owner(), entry.nonce()));
        self.expiries.insert((entry.leaves, entry.hash));
    }

    fn forget(&mut self, entry: &Entry) {
        self.hashes.remove(&entry.hash);
        self.expiries.remove(&(entry.leaves, entry.hash));
    }
}
