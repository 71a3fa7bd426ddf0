//! Transactions that wait to be decided.
//!
//! Bounded in number, bytes and per sender. Signatures are checked in batches before the lock is
//! taken and off the consensus path. Transactions of one sender keep the order of their nonces;
//! among senders the highest fee per cost goes first. A transaction is replaced by one with the
//! same nonce and a tip that is a tenth higher; it leaves when it is decided or expires, or when
//! the pool is full and others pay more.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Mutex;

use muster_ledger::crypto::{Claim, Hash, PublicKey, verify_batch};
use muster_ledger::execute::{Cost, check_after};
use muster_ledger::outcome::Rejection;
use muster_ledger::state::State;
use muster_ledger::transaction::SignedTransaction;

/// Bounds of the pool.
#[derive(Clone, Copy, Debug)]
pub struct MempoolLimits {
    /// Most transactions.
    pub transactions_max: usize,
    /// Most bytes of encoded transactions.
    pub bytes_max: usize,
    /// Most transactions of one sender, and how far ahead its nonces may be.
    pub per_sender_max: u64,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self { transactions_max: 60_000, bytes_max: 24 << 20, per_sender_max: 1_024 }
    }
}

/// Why a transaction is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It waits here already.
    #[error("the transaction waits already")]
    Known,
    /// The ledger would not take it.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// The sender has too many waiting.
    #[error(
        "the sender has {0} transactions waiting or its nonce is that far ahead: wait for some to be decided"
    )]
    SenderFull(u64),
    /// Another with this nonce waits, and this one does not pay enough more.
    #[error(
        "a transaction with nonce {nonce} waits; to replace it the tip must be at least {tip_min} grains"
    )]
    Replacement {
        /// The nonce.
        nonce: u64,
        /// The least tip.
        tip_min: u64,
    },
    /// The pool is full of transactions that pay more.
    #[error("the node has too many transactions waiting: pay a higher tip or try again")]
    Full,
}

#[derive(Debug)]
struct Entry {
    transaction: SignedTransaction,
    hash: Hash,
    bytes: usize,
    units: u64,
    price: u128,
}

#[derive(Debug, Default)]
struct Pool {
    senders: HashMap<PublicKey, BTreeMap<u64, Entry>>,
    hashes: HashMap<Hash, (PublicKey, u64)>,
    expiries: BTreeMap<u64, Vec<Hash>>,
    bytes: usize,
    /// While the pool is full: what the cheapest pays. Unknown after something left.
    floor: Option<u128>,
}

/// Transactions that wait to be decided.
#[derive(Debug, Default)]
pub struct Mempool {
    limits: MempoolLimits,
    pool: Mutex<Pool>,
}

/// Millionths of a grain per cost unit.
fn price(cost: &Cost) -> u128 {
    let pays = u128::from(cost.fee.0) + u128::from(cost.tip.0);
    pays * 1_000_000 / u128::from(cost.units.max(1))
}

impl Mempool {
    /// An empty pool.
    #[must_use]
    pub fn new(limits: MempoolLimits) -> Self {
        Self { limits, pool: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes transactions, in order; the answer at each index is that transaction's hash, or why it
    /// is not taken. Checks signatures on all cores: not for the consensus thread.
    pub fn submit(
        &self,
        state: &State,
        transactions: Vec<SignedTransaction>,
    ) -> Vec<Result<Hash, Refusal>> {
        let limits = state.limits();
        let hashes: Vec<Hash> = transactions.iter().map(SignedTransaction::hash).collect();
        let known: Vec<bool> = {
            let pool = self.lock();
            hashes.iter().map(|hash| pool.hashes.contains_key(hash)).collect()
        };
        let mut results: Vec<Result<Hash, Refusal>> = transactions
            .iter()
            .zip(hashes)
            .zip(known)
            .map(|((transaction, hash), known)| match known {
                true => Err(Refusal::Known),
                false => transaction.check_form(&limits).map(|()| hash).map_err(Refusal::from),
            })
            .collect();
        check_signatures(&transactions, &mut results);
        let mut pool = self.lock();
        for (transaction, result) in transactions.into_iter().zip(&mut results) {
            if let Ok(hash) = *result
                && let Err(refusal) = pool.insert(&self.limits, state, transaction, hash)
            {
                *result = Err(refusal);
            }
        }
        results
    }

    /// What a block may be built from: best first, each sender's in the order of nonces, about as
    /// much as fits.
    #[must_use]
    pub fn candidates(&self, state: &State) -> Vec<SignedTransaction> {
        let parameters = state.parameters();
        let pool = self.lock();
        let mut heap = BinaryHeap::new();
        for (sender, entries) in &pool.senders {
            let nonce = state.account(sender).nonce;
            if let Some(entry) = entries.get(&nonce) {
                heap.push((entry.price, Reverse(entry.hash), *sender, nonce));
            }
        }
        let most = usize::try_from(parameters.block_transactions_max).unwrap_or(usize::MAX);
        let mut chosen = Vec::with_capacity(pool.hashes.len().min(most));
        let (mut bytes, mut units) = (0u64, 0u64);
        while let Some((_, _, sender, nonce)) = heap.pop() {
            let Some(entry) = pool.senders.get(&sender).and_then(|entries| entries.get(&nonce))
            else {
                continue;
            };
            bytes += entry.bytes as u64;
            units = units.saturating_add(entry.units);
            if bytes > parameters.block_bytes_max
                || units > parameters.block_cost_max
                || chosen.len() >= most
            {
                break;
            }
            chosen.push(entry.transaction.clone());
            let next = pool.senders.get(&sender).and_then(|entries| entries.get(&(nonce + 1)));
            if let Some(next) = next {
                heap.push((next.price, Reverse(next.hash), sender, nonce + 1));
            }
        }
        chosen
    }

    /// Indices of the transactions whose signatures were not checked here.
    #[must_use]
    pub fn unknown(&self, transactions: &[SignedTransaction]) -> Vec<usize> {
        let pool = self.lock();
        let waits = |transaction: &SignedTransaction| {
            let inner = &transaction.transaction;
            pool.senders
                .get(&inner.signer)
                .and_then(|entries| entries.get(&inner.nonce))
                .is_some_and(|entry| entry.transaction == *transaction)
        };
        (0..transactions.len()).filter(|index| !waits(&transactions[*index])).collect()
    }

    /// Removes what a decided block made obsolete: its transactions, others with their nonces, and
    /// what expired.
    pub fn settle(&self, state: &State, included: &[SignedTransaction]) {
        let mut pool = self.lock();
        for SignedTransaction { transaction, .. } in included {
            // Work without an account is counted by no nonce.
            pool.remove(&transaction.signer, transaction.nonce);
        }
        let mut signers: Vec<PublicKey> =
            included.iter().map(|transaction| transaction.transaction.signer).collect();
        signers.sort_unstable();
        signers.dedup();
        for signer in signers {
            pool.remove_before(&signer, state.account(&signer).nonce);
        }
        let height = state.height().0;
        while let Some(first) = pool.expiries.first_entry() {
            // What expires at this height can be in no later block.
            if *first.key() > height {
                break;
            }
            for hash in first.remove() {
                pool.remove_hash(&hash);
            }
        }
    }

    /// A waiting transaction.
    #[must_use]
    pub fn get(&self, hash: &Hash) -> Option<SignedTransaction> {
        let pool = self.lock();
        let (sender, nonce) = pool.hashes.get(hash)?;
        Some(pool.senders.get(sender)?.get(nonce)?.transaction.clone())
    }

    /// The nonce after the sender's waiting transactions that follow each other from `nonce`.
    #[must_use]
    pub fn nonce_after(&self, sender: &PublicKey, mut nonce: u64) -> u64 {
        let pool = self.lock();
        if let Some(entries) = pool.senders.get(sender) {
            while entries.contains_key(&nonce) {
                nonce += 1;
            }
        }
        nonce
    }

    /// Number and bytes of what waits.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let pool = self.lock();
        (pool.hashes.len(), pool.bytes)
    }
}

/// Checks the signatures of those that are still good, in one batch.
fn check_signatures(transactions: &[SignedTransaction], results: &mut [Result<Hash, Refusal>]) {
    let mut owners = Vec::new();
    let mut claims: Vec<Claim> = Vec::new();
    for (index, transaction) in transactions.iter().enumerate() {
        if results[index].is_ok() {
            for claim in transaction.claims() {
                claims.push(claim);
                owners.push(index);
            }
        }
    }
    for (owner, valid) in owners.into_iter().zip(verify_batch(&claims)) {
        if !valid {
            results[owner] = Err(Refusal::Rejected(Rejection::Signature));
        }
    }
}

impl Pool {
    fn insert(
        &mut self,
        limits: &MempoolLimits,
        state: &State,
        transaction: SignedTransaction,
        hash: Hash,
    ) -> Result<(), Refusal> {
        let inner = &transaction.transaction;
        let (sender, nonce) = (inner.signer, inner.nonce);
        if self.hashes.contains_key(&hash) {
            return Err(Refusal::Known);
        }
        let account_nonce = state.account(&sender).nonce;
        // A nonce that is ahead may wait for those before; one that was used may not.
        let cost = check_after(state, &transaction, account_nonce.max(nonce))?;
        let ahead = nonce.saturating_sub(account_nonce);
        let waiting = self.senders.get(&sender).map_or(0, BTreeMap::len) as u64;
        if ahead >= limits.per_sender_max || waiting > limits.per_sender_max {
            return Err(Refusal::SenderFull(limits.per_sender_max));
        }
        self.check_replacement(&sender, nonce, inner.tip.0)?;
        let bytes = cost.bytes as usize;
        let price = price(&cost);
        self.make_room(limits, bytes, price)?;
        self.remove(&sender, nonce);
        self.hashes.insert(hash, (sender, nonce));
        self.expiries.entry(inner.expires.0).or_default().push(hash);
        self.bytes += bytes;
        let entry = Entry { transaction, hash, bytes, units: cost.units, price };
        self.senders.entry(sender).or_default().insert(nonce, entry);
        Ok(())
    }

    fn check_replacement(&self, sender: &PublicKey, nonce: u64, tip: u64) -> Result<(), Refusal> {
        let Some(old) = self.senders.get(sender).and_then(|entries| entries.get(&nonce)) else {
            return Ok(());
        };
        let old_tip = old.transaction.transaction.tip.0;
        let tip_min = old_tip.saturating_add((old_tip / 10).max(1));
        if tip < tip_min { Err(Refusal::Replacement { nonce, tip_min }) } else { Ok(()) }
    }

    /// Makes room for a transaction that pays `price`: the cheapest last transactions of their
    /// senders leave, a good number at once, so that a full pool is not searched for each.
    fn make_room(
        &mut self,
        limits: &MempoolLimits,
        bytes: usize,
        price: u128,
    ) -> Result<(), Refusal> {
        let full = |pool: &Self| {
            pool.hashes.len() >= limits.transactions_max || pool.bytes + bytes > limits.bytes_max
        };
        if !full(self) {
            return Ok(());
        }
        if self.floor.is_some_and(|floor| price <= floor) {
            return Err(Refusal::Full);
        }
        let mut last: Vec<(u128, PublicKey, u64)> = self
            .senders
            .iter()
            .filter_map(|(sender, entries)| {
                entries.last_key_value().map(|(nonce, entry)| (entry.price, *sender, *nonce))
            })
            .collect();
        last.sort_unstable();
        last.truncate((limits.transactions_max / 32).max(1));
        self.floor = last.first().map(|(floor, _, _)| *floor);
        for (floor, sender, nonce) in last {
            if floor >= price {
                break;
            }
            self.remove(&sender, nonce);
        }
        if full(self) { Err(Refusal::Full) } else { Ok(()) }
    }

    fn remove(&mut self, sender: &PublicKey, nonce: u64) {
        let Some(entries) = self.senders.get_mut(sender) else { return };
        if let Some(entry) = entries.remove(&nonce) {
            self.hashes.remove(&entry.hash);
            self.bytes -= entry.bytes;
            self.floor = None;
        }
        if entries.is_empty() {
            self.senders.remove(sender);
        }
    }

    fn remove_hash(&mut self, hash: &Hash) {
        if let Some((sender, nonce)) = self.hashes.get(hash).copied() {
            self.remove(&sender, nonce);
        }
    }

    fn remove_before(&mut self, sender: &PublicKey, nonce: u64) {
        let Some(entries) = self.senders.get_mut(sender) else { return };
        let kept = entries.split_off(&nonce);
        for entry in std::mem::replace(entries, kept).into_values() {
            self.hashes.remove(&entry.hash);
            self.bytes -= entry.bytes;
            self.floor = None;
        }
        if entries.is_empty() {
            self.senders.remove(sender);
        }
    }
}

#[cfg(test)]
#[path = "mempool_tests.rs"]
mod tests;
