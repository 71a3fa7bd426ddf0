//! Transactions that wait to be decided.
//!
//! Bounded in number, bytes and per sender. What waits can be executed: the nonces of a sender
//! follow each other from its account's, and its balance covers the fees, tips and amounts of all
//! of them; each block is compared with that again. A few transactions of a sender may wait behind
//! a gap, for a few blocks, in an area of their own.
//!
//! Among senders the highest fee and tip per cost goes first, then whoever came first; a
//! transaction is worth no more than those that must go before it. When the pool is full, what is
//! worth least gives way to what is worth a tenth more. A transaction is replaced by one with the
//! same nonce that promises a whole fee more. It leaves when it is decided, expires, or can no
//! longer be executed.
//!
//! What is cheap is checked first: form, nonce, expiry and money before signatures, which are
//! checked in batches on threads that consensus does not wait for.

use std::collections::BTreeMap;
use std::sync::Mutex;

use muster_ledger::crypto::{Claim, Hash, PublicKey, verify_batch};
use muster_ledger::execute::Cost;
use muster_ledger::outcome::Rejection;
use muster_ledger::state::{Key, State, Value};
use muster_ledger::transaction::SignedTransaction;

mod books;
mod entry;
mod limits;
mod pool;

pub use limits::{MempoolLimits, Refusal};
use pool::{Pool, admission};

/// Transactions that are looked at together: enough for full batches of signatures on all threads,
/// few enough that nobody waits long for the lock.
const CHUNK: usize = 512;
/// Transactions of a submission that are looked at first; four times as many each time after that,
/// while their signatures match: each one that does not costs a check of its own.
const CHUNK_FIRST: usize = 16;
/// Forged signatures of one submission after which the rest of it is not looked at.
const FORGED_MAX: usize = 8;

/// Transactions that wait to be decided.
#[derive(Debug)]
pub struct Mempool {
    limits: MempoolLimits,
    pool: Mutex<Pool>,
    /// Checks signatures; half of the cores, so that blocks have the other half for themselves.
    signatures: rayon::ThreadPool,
}

/// What is known of a transaction on its way in.
type Verdict = Result<(Hash, Cost), Refusal>;

impl Mempool {
    /// An empty pool on a state.
    ///
    /// # Panics
    /// When the system gives no threads, which it does at the start of a process.
    #[must_use]
    pub fn new(limits: MempoolLimits, state: State) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let signatures = rayon::ThreadPoolBuilder::new()
            .num_threads((cores / 2).max(1))
            .thread_name(|index| format!("signatures-{index}"))
            .build()
            .expect("the system gives threads at start");
        Self { limits, pool: Mutex::new(Pool::new(limits, state)), signatures }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes transactions, in order; the answer at each index is that transaction's hash, or why it
    /// is not taken. Waits for signatures to be checked: not for the consensus thread.
    pub fn submit(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Hash, Refusal>> {
        let mut results = Vec::with_capacity(transactions.len());
        let (mut rest, mut forged, mut length) = (transactions.into_iter(), 0, CHUNK_FIRST);
        while rest.len() > 0 && forged < FORGED_MAX {
            let chunk: Vec<SignedTransaction> = rest.by_ref().take(length).collect();
            length = CHUNK.min(4 * length);
            let answers = self.submit_chunk(chunk);
            forged += answers.iter().filter(|answer| is_forged(answer)).count();
            results.extend(answers);
        }
        results.extend(rest.map(|_| Err(Refusal::Unread)));
        results
    }

    fn submit_chunk(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Hash, Refusal>> {
        let state = self.lock().state.clone();
        let form = state.limits();
        let mut verdicts: Vec<Verdict> = transactions
            .iter()
            .map(|transaction| {
                transaction.check_form(&form)?;
                let cost = admission(&state, &self.limits, transaction)?;
                Ok((transaction.hash(), cost))
            })
            .collect();
        {
            let pool = self.lock();
            for (transaction, verdict) in transactions.iter().zip(&mut verdicts) {
                if let Ok((hash, cost)) = verdict
                    && let Err(refusal) = pool.glance(transaction, hash, cost)
                {
                    *verdict = Err(refusal);
                }
            }
        }
        self.signatures.install(|| check_signatures(&transactions, &mut verdicts));
        let mut pool = self.lock();
        // A block may have been decided in the meantime.
        let same = pool.state.height() == state.height();
        let now = pool.state.limits();
        let take = |(transaction, verdict): (SignedTransaction, Verdict)| {
            let (hash, cost) = verdict?;
            if !same {
                transaction.check_form(&now)?;
            }
            pool.insert(transaction, hash, same.then_some(cost))?;
            Ok(hash)
        };
        transactions.into_iter().zip(verdicts).map(take).collect()
    }

    /// What a block may be built from, in this order, about as much as fits.
    #[must_use]
    pub fn candidates(&self) -> Vec<SignedTransaction> {
        let pool = self.lock();
        let parameters = pool.state.parameters();
        let most = usize::try_from(parameters.block_transactions_max).unwrap_or(usize::MAX);
        let mut chosen = Vec::with_capacity(pool.size().0.min(most));
        let (mut bytes, mut units) = (0u64, 0u64);
        for entry in pool.ordered().take(most) {
            bytes = bytes.saturating_add(entry.cost.bytes);
            units = units.saturating_add(entry.cost.units);
            if bytes > parameters.block_bytes_max || units > parameters.block_cost_max {
                break;
            }
            chosen.push(entry.transaction.clone());
        }
        chosen
    }

    /// Looks again at candidates (by signer and nonce) that were not taken into a block; `state` is
    /// the state after it. Those that could not stand in the next either leave.
    pub fn review(&self, state: &State, refused: &[(PublicKey, u64)]) {
        if !refused.is_empty() {
            self.lock().review(state, refused);
        }
    }

    /// Indices of the transactions whose signatures were not checked here.
    #[must_use]
    pub fn unknown(&self, transactions: &[SignedTransaction]) -> Vec<usize> {
        let pool = self.lock();
        let waits = |transaction: &SignedTransaction| {
            let inner = &transaction.transaction;
            let entry = pool.entry(&inner.signer, inner.nonce);
            entry.is_some_and(|entry| entry.transaction == *transaction)
        };
        (0..transactions.len()).filter(|index| !waits(&transactions[*index])).collect()
    }

    /// Takes in a decided block: the state after it and what it changed. What was decided leaves,
    /// what expired, and what its sender can no longer pay for.
    pub fn settle(&self, state: &State, changes: &BTreeMap<Key, Option<Value>>) {
        self.lock().settle(state, changes);
    }

    /// A waiting transaction.
    #[must_use]
    pub fn get(&self, hash: &Hash) -> Option<SignedTransaction> {
        self.lock().find(hash).map(|entry| entry.transaction.clone())
    }

    /// The nonce after the sender's waiting transactions that follow each other from `nonce`.
    #[must_use]
    pub fn nonce_after(&self, sender: &PublicKey, nonce: u64) -> u64 {
        self.lock().next(sender).max(nonce)
    }

    /// Number and bytes of what waits.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.lock().size()
    }
}

/// Whether a signature did not match.
pub fn is_forged<T>(answer: &Result<T, Refusal>) -> bool {
    matches!(answer, Err(Refusal::Rejected(Rejection::Signature)))
}

/// Checks the signatures of those that are still good, in one batch.
fn check_signatures(transactions: &[SignedTransaction], verdicts: &mut [Verdict]) {
    let mut owners = Vec::new();
    let mut claims: Vec<Claim> = Vec::new();
    for (index, transaction) in transactions.iter().enumerate() {
        if verdicts[index].is_ok() {
            for claim in transaction.claims() {
                claims.push(claim);
                owners.push(index);
            }
        }
    }
    for (owner, valid) in owners.into_iter().zip(verify_batch(&claims)) {
        if !valid {
            verdicts[owner] = Err(Refusal::Rejected(Rejection::Signature));
        }
    }
}

#[cfg(test)]
mod tests;
