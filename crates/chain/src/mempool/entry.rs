//! One transaction that waits, and what one sender has waiting.

use std::collections::{BTreeMap, VecDeque};

use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::execute::{Cost, paid_by_peer};
use muster_ledger::money::Grains;
use muster_ledger::state::State;
use muster_ledger::transaction::{Action, Payer, SignedTransaction, presence};
use muster_ledger::types::RoundId;

/// A transaction that waits; its form and signatures were checked.
#[derive(Debug)]
pub(super) struct Entry {
    pub transaction: SignedTransaction,
    pub hash: Hash,
    pub cost: Cost,
    /// The last height at which it may wait here.
    pub leaves: u64,
    /// What of its fee and tip does not come from the sender's account.
    share: Grains,
    /// Its turn among those of equal worth: the order of arrival, kept by what replaces it.
    pub turn: u64,
    /// What it pays for certain, in millionths of a grain per cost unit.
    pub price: u128,
    /// The lowest price of the sender's transactions up to this one. None of them is decided before
    /// the one with that price.
    pub worth: u128,
}

impl Entry {
    pub fn new(transaction: SignedTransaction, hash: Hash, cost: Cost) -> Self {
        let leaves = transaction.transaction.expires.0;
        let price = price(&transaction, &cost);
        Self { transaction, hash, cost, leaves, share: Grains::ZERO, turn: 0, price, worth: price }
    }

    pub fn owner(&self) -> PublicKey {
        self.transaction.transaction.signer
    }

    pub fn nonce(&self) -> u64 {
        self.transaction.transaction.nonce
    }

    pub fn bytes(&self) -> usize {
        self.cost.bytes as usize
    }

    /// Fee and tip.
    pub fn promised(&self) -> u128 {
        u128::from(self.cost.fee.0) + u128::from(self.cost.tip.0)
    }

    /// What the sender's account must have when its turn comes.
    pub fn needs(&self) -> u128 {
        self.promised() - u128::from(self.share.0)
    }

    /// The most that it leaves the sender's account without.
    pub fn takes(&self) -> u128 {
        self.needs() + u128::from(self.cost.spends.0)
    }

    /// Whether it is paid for with work.
    pub fn is_free(&self) -> bool {
        self.transaction.transaction.action.terms().payer == Payer::Work
    }

    /// The round that it solves, if that is what it does.
    pub fn round(&self) -> Option<RoundId> {
        round(&self.transaction)
    }

    fn acts_for_peer(&self) -> bool {
        self.transaction.transaction.action.terms().payer == Payer::Peer
    }
}

/// What a transaction pays for certain, in millionths of a grain per cost unit. One that is paid
/// for with work stands in a block only if its place is still there, so that its tip promises
/// nothing. A solution is worth more than whatever pays: it took work, its clock runs, and each
/// round has room for a few only.
pub(super) fn price(transaction: &SignedTransaction, cost: &Cost) -> u128 {
    if round(transaction).is_some() {
        return u128::MAX;
    }
    if transaction.transaction.action.terms().payer == Payer::Work {
        return 0;
    }
    let pays = u128::from(cost.fee.0) + u128::from(cost.tip.0);
    pays * 1_000_000 / u128::from(cost.units.max(1))
}

/// The round that a transaction solves, if that is what it does.
pub(super) fn round(transaction: &SignedTransaction) -> Option<RoundId> {
    match transaction.transaction.action {
        Action::Presence(presence::Action::Solve { round, .. }) => Some(round),
        _ => None,
    }
}

/// What one sender has waiting.
#[derive(Debug, Default)]
pub(super) struct Sender {
    /// The account's nonce, which is that of the first in the queue.
    pub nonce: u64,
    /// Without a gap from the account's nonce, and covered by its balance: can be executed.
    pub queue: VecDeque<Entry>,
    /// Behind a gap, by nonce.
    pub parked: BTreeMap<u64, Entry>,
    /// Bytes of all of them.
    pub bytes: usize,
    /// The most that the queue leaves the account without.
    pub taken: u128,
    /// The nonce of the first in the queue that acts for the sender's peer: what that peer accrued
    /// pays for it, and for no other.
    acting: Option<u64>,
}

impl Sender {
    pub fn new(nonce: u64) -> Self {
        Self { nonce, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.parked.is_empty()
    }

    /// The nonce after the queue.
    pub fn next(&self) -> u64 {
        self.nonce + self.queue.len() as u64
    }

    /// Where in the queue a nonce stands.
    pub fn position(&self, nonce: u64) -> Option<usize> {
        let position = usize::try_from(nonce.checked_sub(self.nonce)?).ok()?;
        (position < self.queue.len()).then_some(position)
    }

    pub fn entry(&self, nonce: u64) -> Option<&Entry> {
        match self.position(nonce) {
            Some(position) => self.queue.get(position),
            None => self.parked.get(&nonce),
        }
    }

    /// Whether the queue counts on what the sender's peer accrued.
    pub fn is_acting(&self) -> bool {
        self.acting.is_some()
    }

    /// Owner and nonce of those that are paid for with work.
    pub fn free(&self) -> impl Iterator<Item = (PublicKey, u64)> {
        let free = self.queue.iter().filter(|entry| entry.is_free());
        free.map(|entry| (entry.owner(), entry.nonce()))
    }

    /// Counts one that is to follow the queue as part of what it takes; says what that and the
    /// queue need where the account has less, and counts nothing then.
    pub fn count(&mut self, entry: &mut Entry, state: &State) -> Result<(), (u128, Grains)> {
        let owner = entry.owner();
        let acts = self.acting.is_none() && entry.acts_for_peer();
        entry.share = match acts {
            true => paid_by_peer(state, &entry.transaction),
            false => Grains::ZERO,
        };
        let promised = entry.promised();
        entry.share = entry.share.min(Grains(u64::try_from(promised).unwrap_or(u64::MAX)));
        let (needed, available) = (self.taken + entry.needs(), state.account(&owner).balance);
        if needed > u128::from(available.0) {
            return Err((needed, available));
        }
        self.taken += entry.takes();
        if acts {
            self.acting = Some(entry.nonce());
        }
        Ok(())
    }

    /// Counts the whole queue anew; where the account no longer covers it, the position from which
    /// on, with what is needed there and what there is.
    pub fn recount(&mut self, state: &State) -> Result<(), (usize, u128, Grains)> {
        (self.taken, self.acting) = (0, None);
        let mut queue = std::mem::take(&mut self.queue);
        let counted = queue.iter_mut().enumerate().try_for_each(|(position, entry)| {
            self.count(entry, state).map_err(|(needed, available)| (position, needed, available))
        });
        self.queue = queue;
        counted
    }

    /// Takes the last of the queue out.
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = self.queue.pop_back()?;
        self.bytes -= entry.bytes();
        self.taken = self.taken.saturating_sub(entry.takes());
        self.acting = self.acting.filter(|nonce| *nonce != entry.nonce());
        Some(entry)
    }
}
