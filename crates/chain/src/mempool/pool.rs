//! The pool behind its lock: who waits where, and what makes room for what.
//!
//! Only what can be executed counts for order and eviction: its nonce follows those before it
//! without a gap, and the sender's balance covers the fees, tips and amounts of all of them. The
//! rest waits behind gaps, in an area of its own that displaces nobody.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::execute::{Cost, check, check_after};
use muster_ledger::money::Grains;
use muster_ledger::outcome::{Rejection, market};
use muster_ledger::state::{Key, State, Value, account};
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::types::RoundId;

use super::books::Books;
use super::entry::{Entry, Sender, price, round};
use super::limits::{MempoolLimits, Refusal};

#[derive(Debug)]
pub(super) struct Pool {
    limits: MempoolLimits,
    /// The newest state: what waits is what can be executed on it.
    pub state: State,
    senders: HashMap<PublicKey, Sender>,
    books: Books,
}

impl Pool {
    pub fn new(limits: MempoolLimits, state: State) -> Self {
        Self { limits, state, senders: HashMap::new(), books: Books::default() }
    }

    /// Number and bytes of all that waits.
    pub fn size(&self) -> (usize, usize) {
        (self.books.hashes.len(), self.books.queued_bytes + self.books.parked_bytes)
    }

    pub fn entry(&self, owner: &PublicKey, nonce: u64) -> Option<&Entry> {
        self.senders.get(owner)?.entry(nonce)
    }

    pub fn find(&self, hash: &Hash) -> Option<&Entry> {
        let (owner, nonce) = self.books.hashes.get(hash)?;
        self.entry(owner, *nonce)
    }

    /// The nonce after the sender's queue.
    pub fn next(&self, owner: &PublicKey) -> u64 {
        let sender = self.senders.get(owner);
        sender.map_or_else(|| self.state.account(owner).nonce, Sender::next)
    }

    /// What can be executed, in the order in which it is to be decided.
    pub fn ordered(&self) -> impl Iterator<Item = &Entry> {
        self.books.order.values().filter_map(|(owner, nonce, _)| self.entry(owner, *nonce))
    }

    /// Whether it is worth checking the signatures of a transaction of this hash and cost.
    pub fn glance(
        &self,
        transaction: &SignedTransaction,
        hash: &Hash,
        cost: &Cost,
    ) -> Result<(), Refusal> {
        if self.books.hashes.contains_key(hash) {
            return Err(Refusal::Known);
        }
        self.check_round(round(transaction))?;
        let result = self.victims(cost.bytes as usize, price(transaction, cost)).map(|_| ());
        let inner = &transaction.transaction;
        let sender = self.senders.get(&inner.signer);
        // One that replaces another, or waits behind a gap, displaces nobody.
        let apart = sender.is_some_and(|sender| inner.nonce < sender.next())
            || inner.nonce > self.next(&inner.signer)
                && sender.is_none_or(|sender| sender.parked.len() < self.limits.parked_max)
                && self.books.parked_bytes < self.limits.parked_bytes_max();
        if apart { Ok(()) } else { result }
    }

    /// Takes a transaction whose signatures were checked, and whose form was by the present rules.
    /// `cost` is what it takes in the present state, where that is known.
    pub fn insert(
        &mut self,
        transaction: SignedTransaction,
        hash: Hash,
        cost: Option<Cost>,
    ) -> Result<(), Refusal> {
        if self.books.hashes.contains_key(&hash) {
            return Err(Refusal::Known);
        }
        let cost = cost.map_or_else(|| admission(&self.state, &self.limits, &transaction), Ok)?;
        let entry = Entry::new(transaction, hash, cost);
        let (owner, nonce) = (entry.owner(), entry.nonce());
        let fresh = || Sender::new(self.state.account(&owner).nonce);
        let sender = self.senders.entry(owner).or_insert_with(fresh);
        let result = match nonce.cmp(&sender.next()) {
            Ordering::Less if sender.position(nonce).is_some() => self.replace(entry),
            Ordering::Less => {
                let (expected, found) = (sender.nonce, nonce);
                Err(Rejection::NonceUsed { expected, found }.into())
            }
            Ordering::Equal => self.append(entry).map(|()| self.promote(&owner)),
            Ordering::Greater => self.park(entry),
        };
        self.tidy(&owner);
        result
    }

    /// Takes in what a decided block changed: senders whose accounts it touched, and what expired.
    pub fn settle(&mut self, state: &State, changes: &BTreeMap<Key, Option<Value>>) {
        let before = std::mem::replace(&mut self.state, state.clone());
        if before.parameters() != state.parameters() || before.limits() != state.limits() {
            return self.rebuild();
        }
        for key in changes.keys() {
            if let Key::Account(account::Key::Account(owner)) = key {
                self.examine(owner);
            }
        }
        if before.clock().epoch != state.clock().epoch {
            // What a peer accrues, and to whom it goes, changes with the epoch.
            let acting = self.senders.iter().filter(|(_, sender)| sender.is_acting());
            let acting: Vec<PublicKey> = acting.map(|(owner, _)| *owner).collect();
            acting.iter().for_each(|owner| self.examine(owner));
        }
        // No account shows that work without one was taken.
        let free = self.senders.values().flat_map(Sender::free).collect::<Vec<_>>();
        self.review(state, &free);
        self.expire();
    }

    /// Looks again at what a block was offered and did not take; `state` is the state after that
    /// block. What cannot stand in the next either leaves, with what waits behind it.
    pub fn review(&mut self, state: &State, refused: &[(PublicKey, u64)]) {
        for (owner, nonce) in refused {
            let Some(entry) = self.entry(owner, *nonce) else { continue };
            if state.account(owner).nonce != *nonce {
                continue;
            }
            match check(state, &entry.transaction) {
                // The next epoch has places again.
                Ok(_) | Err(Rejection::Market(market::Rejection::RegistrationsFull { .. })) => {}
                Err(_) => self.leave(owner, *nonce),
            }
        }
    }

    /// Puts one behind the sender's queue.
    fn append(&mut self, mut entry: Entry) -> Result<(), Refusal> {
        let (owner, bytes) = (entry.owner(), entry.bytes());
        let Some(sender) = self.senders.get(&owner) else { return Err(Refusal::Full) };
        if sender.queue.len() as u64 >= self.limits.per_sender_max {
            return Err(self.sender_full());
        }
        self.check_bytes(sender, bytes)?;
        check_first(&entry, sender.queue.len())?;
        self.check_round(entry.round())?;
        entry.worth = sender.queue.back().map_or(entry.price, |last| last.worth.min(entry.price));
        let victims = self.victims(bytes, entry.worth)?;
        let Some(sender) = self.senders.get_mut(&owner) else { return Err(Refusal::Full) };
        sender.count(&mut entry, &self.state).map_err(uncovered)?;
        entry.turn = self.books.turn();
        self.books.queue(&entry);
        sender.bytes += bytes;
        sender.queue.push_back(entry);
        for (victim, nonce) in victims {
            self.leave(&victim, nonce);
        }
        Ok(())
    }

    /// Puts one where another with its nonce waits in the queue. It adds to what that promised as
    /// much as a transaction of its length costs, so that nobody relays for nothing; and it leaves
    /// enough for those behind it.
    fn replace(&mut self, mut entry: Entry) -> Result<(), Refusal> {
        let (owner, nonce, bytes) = (entry.owner(), entry.nonce(), entry.bytes());
        let increment = relay_fee(&self.state, bytes);
        let Some(sender) = self.senders.get_mut(&owner) else { return Err(Refusal::Full) };
        let Some(position) = sender.position(nonce) else { return Err(Refusal::Full) };
        check_first(&entry, position)?;
        let old = &mut sender.queue[position];
        check_replacement(old, &entry, increment)?;
        let old_bytes = old.bytes();
        let grown = |before: usize| before - old_bytes + bytes;
        if grown(self.books.queued_bytes) > self.limits.queued_bytes_max() {
            return Err(Refusal::Full);
        }
        if grown(sender.bytes) > self.limits.sender_bytes_max {
            return Err(self.sender_full());
        }
        (entry.turn, entry.worth) = (old.turn, old.worth);
        let old = std::mem::replace(old, entry);
        if let Err((_, needed, available)) = sender.recount(&self.state) {
            sender.queue[position] = old;
            // It was covered a moment ago, and nothing has changed since.
            let _ = sender.recount(&self.state);
            return Err(uncovered((needed, available)));
        }
        sender.bytes = grown(sender.bytes);
        self.books.unqueue(&old);
        self.books.queue(&sender.queue[position]);
        rerank(&mut self.books, sender, position);
        Ok(())
    }

    /// Puts one behind a gap, where there is room for that.
    fn park(&mut self, mut entry: Entry) -> Result<(), Refusal> {
        let (owner, nonce, bytes) = (entry.owner(), entry.nonce(), entry.bytes());
        let Some(sender) = self.senders.get_mut(&owner) else { return Err(Refusal::Full) };
        check_first(&entry, sender.queue.len() + 1)?;
        let old = sender.parked.get(&nonce);
        if let Some(old) = old {
            check_replacement(old, &entry, relay_fee(&self.state, bytes))?;
        }
        let old_bytes = old.map_or(0, Entry::bytes);
        let parked: u128 = sender.parked.values().map(Entry::takes).sum();
        let needed = sender.taken + parked + entry.needs();
        let available = self.state.account(&owner).balance;
        if needed > u128::from(available.0) {
            return Err(uncovered((needed, available)));
        }
        let full = old.is_none() && sender.parked.len() >= self.limits.parked_max
            || self.books.parked_bytes - old_bytes + bytes > self.limits.parked_bytes_max()
            || sender.bytes - old_bytes + bytes > self.limits.sender_bytes_max;
        if full {
            return Err(Refusal::Gap { expected: sender.next(), found: nonce });
        }
        let until = self.state.height().after(self.limits.parked_blocks);
        entry.leaves = entry.leaves.min(until.0);
        if let Some(old) = sender.parked.remove(&nonce) {
            self.books.unpark(&old);
        }
        self.books.park(&entry);
        sender.bytes = sender.bytes - old_bytes + bytes;
        sender.parked.insert(nonce, entry);
        Ok(())
    }

    /// Moves what no longer waits behind a gap into the queue.
    fn promote(&mut self, owner: &PublicKey) {
        while let Some(sender) = self.senders.get_mut(owner) {
            let next = sender.next();
            let Some(mut entry) = sender.parked.remove(&next) else { return };
            sender.bytes -= entry.bytes();
            self.books.unpark(&entry);
            entry.leaves = entry.transaction.transaction.expires.0;
            if self.append(entry).is_err() {
                return;
            }
        }
    }

    /// What must leave so that a transaction of so many bytes and this worth has room: the last of
    /// their senders that are worth least, each at least a tenth less.
    fn victims(&self, bytes: usize, worth: u128) -> Result<Vec<(PublicKey, u64)>, Refusal> {
        let (mut count, mut total) = (self.books.order.len(), self.books.queued_bytes);
        let mut victims = Vec::new();
        let mut worst = self.books.order.iter().rev();
        let bytes_max = self.limits.queued_bytes_max();
        while count >= self.limits.transactions_max || total + bytes > bytes_max {
            let Some(((least, _), (owner, nonce, length))) = worst.next() else {
                return Err(Refusal::Full);
            };
            if worth <= least.0.saturating_add(least.0 / 10) {
                return Err(Refusal::Full);
            }
            victims.push((*owner, *nonce));
            count -= 1;
            total -= length;
        }
        Ok(victims)
    }

    /// Looks at a sender again whose account may have changed.
    fn examine(&mut self, owner: &PublicKey) {
        let Some(sender) = self.senders.get_mut(owner) else { return };
        let nonce = self.state.account(owner).nonce;
        // Nonces go back only where the account was closed: all that waits is of the old one.
        let closed = nonce < sender.nonce;
        let kept = if closed { u64::MAX } else { nonce };
        while sender.nonce < kept
            && let Some(entry) = sender.queue.pop_front()
        {
            sender.bytes -= entry.bytes();
            self.books.unqueue(&entry);
            sender.nonce += 1;
        }
        sender.nonce = nonce;
        let kept = sender.parked.split_off(&kept);
        for entry in std::mem::replace(&mut sender.parked, kept).into_values() {
            sender.bytes -= entry.bytes();
            self.books.unpark(&entry);
        }
        if let Err((position, _, _)) = sender.recount(&self.state) {
            // Those from there on were never counted.
            while sender.queue.len() > position
                && let Some(entry) = sender.queue.pop_back()
            {
                sender.bytes -= entry.bytes();
                self.books.unqueue(&entry);
            }
        }
        rerank(&mut self.books, sender, 0);
        self.promote(owner);
        self.tidy(owner);
    }

    /// Removes what can be in no later block.
    fn expire(&mut self) {
        for (owner, nonce) in self.books.leaving(self.state.height().0) {
            self.leave(&owner, nonce);
        }
    }

    /// Removes one, and what could only be executed after it.
    fn leave(&mut self, owner: &PublicKey, nonce: u64) {
        let Some(sender) = self.senders.get_mut(owner) else { return };
        if let Some(entry) = sender.parked.remove(&nonce) {
            sender.bytes -= entry.bytes();
            self.books.unpark(&entry);
        } else if let Some(position) = sender.position(nonce) {
            while sender.queue.len() > position
                && let Some(entry) = sender.pop()
            {
                self.books.unqueue(&entry);
            }
        }
        self.tidy(owner);
    }

    fn tidy(&mut self, owner: &PublicKey) {
        if self.senders.get(owner).is_some_and(Sender::is_empty) {
            self.senders.remove(owner);
        }
    }

    /// Takes everything in again, by rules that have changed.
    fn rebuild(&mut self) {
        let form = self.state.limits();
        let order = std::mem::take(&mut self.books).order;
        let mut senders = std::mem::take(&mut self.senders);
        let mut entries: Vec<Entry> = Vec::with_capacity(order.len());
        for (owner, _, _) in order.into_values() {
            entries.extend(senders.get_mut(&owner).and_then(|sender| sender.queue.pop_front()));
        }
        entries.extend(senders.into_values().flat_map(|sender| sender.parked.into_values()));
        for Entry { transaction, hash, .. } in entries {
            if transaction.check_form(&form).is_ok() {
                // Whatever the new rules have no place for leaves.
                let _ = self.insert(transaction, hash, None);
            }
        }
    }

    /// Whether another solution of a round may wait.
    fn check_round(&self, round: Option<RoundId>) -> Result<(), Refusal> {
        let Some(round) = round else { return Ok(()) };
        let count = self.books.solutions(round);
        if count < self.limits.solutions_max {
            Ok(())
        } else {
            Err(Refusal::Solved { round, count })
        }
    }

    fn check_bytes(&self, sender: &Sender, bytes: usize) -> Result<(), Refusal> {
        if sender.bytes + bytes > self.limits.sender_bytes_max {
            return Err(self.sender_full());
        }
        Ok(())
    }

    fn sender_full(&self) -> Refusal {
        let MempoolLimits { per_sender_max, sender_bytes_max, .. } = self.limits;
        Refusal::SenderFull { count_max: per_sender_max, bytes_max: sender_bytes_max }
    }
}

/// What a transaction takes in a state, if it may wait for its turn there at all.
pub(super) fn admission(
    state: &State,
    limits: &MempoolLimits,
    transaction: &SignedTransaction,
) -> Result<Cost, Refusal> {
    let inner = &transaction.transaction;
    let nonce = state.account(&inner.signer).nonce;
    // A nonce that is ahead may wait for those before; one that was used may not.
    let cost = check_after(state, transaction, nonce.max(inner.nonce))?;
    if inner.nonce - nonce >= limits.per_sender_max {
        let MempoolLimits { per_sender_max, sender_bytes_max, .. } = *limits;
        return Err(Refusal::SenderFull { count_max: per_sender_max, bytes_max: sender_bytes_max });
    }
    Ok(cost)
}

/// What is paid for with work needs no money, so that a sender has one of it, and no more.
fn check_first(entry: &Entry, position: usize) -> Result<(), Refusal> {
    if position > 0 && entry.is_free() { Err(Refusal::NotFirst) } else { Ok(()) }
}

fn uncovered((needed, available): (u128, Grains)) -> Refusal {
    Refusal::Uncovered { needed, available }
}

/// What a transaction of so many bytes costs at least, whoever pays for it.
fn relay_fee(state: &State, bytes: usize) -> u128 {
    let parameters = state.parameters();
    let by_bytes = u128::from(parameters.fee_per_byte.0) * bytes as u128;
    (u128::from(parameters.fee_flat.0) + by_bytes).max(1)
}

fn check_replacement(old: &Entry, new: &Entry, increment: u128) -> Result<(), Refusal> {
    let least = old.promised() + increment;
    if new.promised() >= least {
        return Ok(());
    }
    let tip_min = u64::try_from(least - u128::from(new.cost.fee.0)).unwrap_or(u64::MAX);
    Err(Refusal::Replacement { nonce: new.nonce(), tip_min })
}

/// Gives those from a position on the worth that the ones before them leave them.
fn rerank(books: &mut Books, sender: &mut Sender, position: usize) {
    let before = position.checked_sub(1).and_then(|before| sender.queue.get(before));
    let mut worth = before.map_or(u128::MAX, |entry| entry.worth);
    for entry in sender.queue.iter_mut().skip(position) {
        worth = worth.min(entry.price);
        if entry.worth == worth {
            // What follows depends on this one's worth alone.
            return;
        }
        books.rerank(entry, worth);
    }
}

#[cfg(test)]
mod audit;
