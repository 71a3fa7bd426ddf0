//! The pool compared with its own rules, entry by entry.

use std::cmp::Reverse;

use super::{Entry, Pool};

impl Pool {
    /// # Panics
    /// Where anything is counted wrongly, stands out of order, or cannot be executed.
    pub(crate) fn audit(&self) {
        let (mut queued, mut parked, mut count) = (0, 0, 0);
        for (owner, sender) in &self.senders {
            let account = self.state.account(owner);
            assert!(!sender.is_empty(), "a sender of nothing");
            assert_eq!(sender.nonce, account.nonce, "the queue begins elsewhere");
            assert!(sender.queue.len() as u64 <= self.limits.per_sender_max);
            assert!(sender.bytes <= self.limits.sender_bytes_max);
            let (mut taken, mut worth, mut turn) = (0_u128, u128::MAX, 0);
            for (entry, nonce) in sender.queue.iter().zip(account.nonce..) {
                assert_eq!((entry.owner(), entry.nonce()), (*owner, nonce));
                assert!(taken + entry.needs() <= u128::from(account.balance.0), "uncovered");
                taken += entry.takes();
                worth = worth.min(entry.price);
                assert_eq!(entry.worth, worth);
                assert!(turn < entry.turn);
                turn = entry.turn;
                let place = (*owner, nonce, entry.bytes());
                assert_eq!(self.books.order.get(&(Reverse(worth), turn)), Some(&place));
                assert_eq!(self.books.hashes.get(&entry.hash), Some(&(*owner, nonce)));
                queued += entry.bytes();
            }
            assert_eq!(sender.taken, taken);
            assert!(sender.parked.len() <= self.limits.parked_max);
            for (nonce, entry) in &sender.parked {
                assert!(*nonce > sender.next(), "no gap before {nonce}");
                assert_eq!(self.books.hashes.get(&entry.hash), Some(&(*owner, *nonce)));
                parked += entry.bytes();
            }
            let all = sender.queue.iter().chain(sender.parked.values());
            assert_eq!(sender.bytes, all.map(Entry::bytes).sum::<usize>());
            count += sender.queue.len() + sender.parked.len();
        }
        let queued_entries = || self.senders.values().flat_map(|sender| &sender.queue);
        for round in queued_entries().filter_map(Entry::round) {
            let waiting = queued_entries().filter(|entry| entry.round() == Some(round)).count();
            assert_eq!(self.books.solutions(round), waiting);
            assert!(waiting <= self.limits.solutions_max);
        }
        let solving = queued_entries().filter(|entry| entry.round().is_some()).count();
        assert_eq!(self.books.solutions_all(), solving);
        let lengths = self.senders.values().map(|sender| sender.queue.len());
        assert_eq!(self.books.order.len(), lengths.sum::<usize>());
        assert_eq!((self.books.hashes.len(), self.books.leaving_count()), (count, count));
        assert_eq!((self.books.queued_bytes, self.books.parked_bytes), (queued, parked));
        assert!(self.books.order.len() <= self.limits.transactions_max);
        assert!(queued <= self.limits.queued_bytes_max());
        assert!(parked <= self.limits.parked_bytes_max());
    }
}
