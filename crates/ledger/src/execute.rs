//! Execution of blocks.
//!
//! A transaction that may not stand in a block (wrong nonce, expired, cannot pay its fee, a
//! proof-of-work registration that fails) makes the block invalid. One whose action fails is
//! included, pays its fee, and has its [`Rejection`] in the receipt. Fees are burned, tips go to
//! the proposer.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::block::{Block, Header, transactions_root};
use crate::committee::committee_hash;
use crate::crypto::{Hash, PublicKey};
use crate::deeds;
use crate::deeds::market::payout;
use crate::money::Grains;
use crate::outcome::{self, Event, Receipt, Rejection};
use crate::protocol::Version;
use crate::schedule;
use crate::state::account::account;
use crate::state::chain::{self, Clock, Supply};
use crate::state::{Key, Read, State, Value};
use crate::transaction::{Payer, SignedTransaction, Transaction};
use crate::transition::Transition;
use crate::types::Height;

/// What including a transaction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Burned for it.
    pub fee: Grains,
    /// Paid to the proposer.
    pub tip: Grains,
    /// The most that its action takes from the signer's account beside them; nothing if it fails.
    pub spends: Grains,
    /// The most work that it can cause, in cost units.
    pub units: u64,
    /// Its encoding, in bytes.
    pub bytes: u64,
}

/// What came of a block.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The state after it.
    pub state: State,
    /// Exactly the entries that differ from the state before; `None` for removed ones.
    pub changes: BTreeMap<Key, Option<Value>>,
    /// What became of each transaction, in order.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Work that the transactions were charged with, in cost units.
    pub cost: u64,
}

impl Execution {
    /// The block of a proposal: `transactions` and this execution as [`propose`] gave them, and
    /// the root that [`crate::tree::update`] gives for its changes.
    pub fn block(
        &self,
        parent: &Header,
        proposer: PublicKey,
        transactions: Vec<SignedTransaction>,
        state_root: Hash,
    ) -> Block {
        let clock = self.state.clock();
        let header = Header {
            version: Read::version(&self.state),
            chain: clock.chain,
            height: clock.height,
            time_ms: clock.time_ms,
            previous: parent.hash(),
            state_root,
            transactions_root: transactions_root(&transactions),
            next_committee: committee_hash(self.state.committee()),
            proposer,
        };
        Block { header, transactions }
    }
}

/// Why a block is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum BlockError {
    #[error("the parent has height {parent}, the state {state}")]
    Parent { parent: Height, state: Height },
    #[error("the block is for chain {found}, this is chain {expected}")]
    Chain { expected: Hash, found: Hash },
    #[error("the block was made by protocol version {found}, the chain runs version {expected}")]
    Version { expected: Version, found: Version },
    #[error(
        "the chain runs protocol version {version}, this program knows versions up to {newest}: \
         install a newer one"
    )]
    Newer { version: Version, newest: Version },
    #[error("the block has height {found}, {expected} is next")]
    Height { expected: Height, found: Height },
    #[error("the block builds on {found}, the parent is {expected}")]
    Previous { expected: Hash, found: Hash },
    #[error("the block's time, {time_ms} ms, is not after its parent's, {parent_ms} ms")]
    Time { time_ms: u64, parent_ms: u64 },
    #[error("the block has {bytes} bytes, at most {bytes_max} are allowed")]
    Bytes { bytes: u64, bytes_max: u64 },
    #[error("the block has {count} transactions, at most {count_max} are allowed")]
    Count { count: u64, count_max: u64 },
    #[error("the block costs more than the {cost_max} units allowed, at transaction {index}")]
    Cost { index: usize, cost_max: u64 },
    #[error("the header's transactions root is {found}, the transactions give {expected}")]
    TransactionsRoot { expected: Hash, found: Hash },
    #[error("the header's next committee is {found}, the state gives {expected}")]
    NextCommittee { expected: Hash, found: Hash },
    #[error("a signature of transaction {index} does not match")]
    Signature { index: usize },
    #[error("transaction {index} may not stand in the block: {reason}")]
    Transaction { index: usize, reason: Rejection },
    #[error("money is not conserved: entries changed by {entries} grains, the supply by {supply}")]
    Conservation { entries: i128, supply: i128 },
    #[error("the block could not be completed: {reason}")]
    Bug { reason: String },
}

/// Takes from `candidates`, in order, what may stand in the next block and fits, and executes it.
/// Signatures and form are assumed checked ([`SignedTransaction::check_stateless`]).
///
/// # Errors
/// [`BlockError::Parent`] and [`BlockError::Time`] where the inputs do not belong together;
/// [`BlockError::Conservation`] and [`BlockError::Bug`] would be bugs of this crate.
pub fn propose(
    state: &State,
    parent: &Header,
    time_ms: u64,
    proposer: PublicKey,
    candidates: impl Iterator<Item = SignedTransaction>,
) -> Result<(Vec<SignedTransaction>, Execution), BlockError> {
    let mut executor = Executor::begin(state, parent, time_ms, proposer)?;
    let count_max = usize::try_from(executor.count_max).unwrap_or(usize::MAX);
    let mut take = |candidate: &SignedTransaction| {
        let taken = executor.include(candidate).is_ok();
        if !taken {
            executor.transition.rollback();
        }
        taken
    };
    let included: Vec<SignedTransaction> =
        candidates.filter(|candidate| take(candidate)).take(count_max).collect();
    let execution = executor.end(&included)?;
    Ok((included, execution))
}

/// Executes a block in full: header, sizes, roots, signatures, every transaction, conservation.
/// All but `header.state_root`, which is the caller's to compare with what
/// [`crate::tree::update`] gives for the changes.
pub fn execute(state: &State, parent: &Header, block: &Block) -> Result<Execution, BlockError> {
    if let Some(index) = block.invalid_signature() {
        return Err(BlockError::Signature { index });
    }
    check_header(state, parent, block)?;
    let (expected, found) =
        (transactions_root(&block.transactions), block.header.transactions_root);
    if expected != found {
        return Err(BlockError::TransactionsRoot { expected, found });
    }
    run(state, block, parent)
}

/// As [`execute`], for a block whose signatures and transactions root were checked before.
pub fn execute_verified(
    state: &State,
    parent: &Header,
    block: &Block,
) -> Result<Execution, BlockError> {
    check_header(state, parent, block)?;
    run(state, block, parent)
}

fn run(state: &State, block: &Block, parent: &Header) -> Result<Execution, BlockError> {
    let header = &block.header;
    let mut executor = Executor::begin(state, parent, header.time_ms, header.proposer)?;
    let limits = state.limits();
    let malformed = |(index, transaction): (usize, &SignedTransaction)| {
        let reason = transaction.check_form(&limits).err()?;
        Some(BlockError::Transaction { index, reason })
    };
    let transactions = &block.transactions;
    if let Some(error) = transactions.par_iter().enumerate().find_map_first(malformed) {
        return Err(error);
    }
    let cost_max = executor.cost_max;
    for (index, transaction) in transactions.iter().enumerate() {
        executor.include(transaction).map_err(|refusal| match refusal {
            Refusal::Rejected(reason) => BlockError::Transaction { index, reason },
            Refusal::Full => BlockError::Cost { index, cost_max },
        })?;
    }
    let execution = executor.end(transactions)?;
    let expected = committee_hash(execution.state.committee());
    if header.next_committee != expected {
        return Err(BlockError::NextCommittee { expected, found: header.next_committee });
    }
    Ok(execution)
}

fn check_header(state: &State, parent: &Header, block: &Block) -> Result<(), BlockError> {
    let header = &block.header;
    let expected = state.the(chain::protocol()).at(state.height().next());
    let found = header.version;
    if expected != found {
        return Err(BlockError::Version { expected, found });
    }
    let (expected, found) = (state.chain(), header.chain);
    if expected != found {
        return Err(BlockError::Chain { expected, found });
    }
    let (expected, found) = (parent.height.next(), header.height);
    if expected != found {
        return Err(BlockError::Height { expected, found });
    }
    let (expected, found) = (parent.hash(), header.previous);
    if expected != found {
        return Err(BlockError::Previous { expected, found });
    }
    let (count, count_max) =
        (block.transactions.len() as u64, state.parameters().block_transactions_max);
    if count > count_max {
        return Err(BlockError::Count { count, count_max });
    }
    let bytes = borsh::object_length(block).expect("no length exceeds u32") as u64;
    let bytes_max = state.parameters().block_bytes_max;
    if bytes > bytes_max {
        return Err(BlockError::Bytes { bytes, bytes_max });
    }
    Ok(())
}

/// Whether a transaction may stand in the next block, for the mempool; signatures and form are
/// assumed checked.
pub fn check(state: &State, transaction: &SignedTransaction) -> Result<Cost, Rejection> {
    check_after(state, transaction, state.account(&transaction.transaction.signer).nonce)
}

/// As [`check`], when the signer's transactions up to `nonce` (exclusive) are waiting already.
pub fn check_after(
    state: &State,
    transaction: &SignedTransaction,
    nonce: u64,
) -> Result<Cost, Rejection> {
    let cost = cost(state, transaction)?;
    let height = state.height().next();
    check_admission(state, &transaction.transaction, height, nonce)?;
    let available = funds(state, &transaction.transaction);
    let needed = cost.fee.checked_add(cost.tip).ok_or(Rejection::Overflow)?;
    if available < needed {
        return Err(Rejection::CannotPay { needed, available });
    }
    if transaction.transaction.action.terms().payer == Payer::Work {
        // Its work is all it pays with, so that it is done before anything is stored for it.
        deeds::act(&mut Transition::new(state), &transaction.transaction)?;
    }
    Ok(cost)
}

/// What of its fee and tip would not come from the signer's account: the share of its own emission
/// that a peer gives to itself, for the first transaction that acts for it.
pub fn paid_by_peer(state: &State, transaction: &SignedTransaction) -> Grains {
    payout::self_share(state, &transaction.transaction)
}

/// Account, expiry and nonce. Whoever registers by work needs no account; nobody else signs without
/// one, so that there is none without a deposit.
fn check_admission(
    state: &impl Read,
    transaction: &Transaction,
    height: Height,
    expected: u64,
) -> Result<(), Rejection> {
    let key = transaction.signer;
    let by_work = transaction.action.terms().payer == Payer::Work;
    if !by_work && state.entry(account(key)).is_none() {
        let deposit = state.parameters().account_deposit;
        return Err(outcome::account::Rejection::NoAccount { key, deposit }.into());
    }
    let expires = transaction.expires;
    if expires < height {
        return Err(Rejection::Expired { expires, height });
    }
    let expires_max = height.after(state.parameters().expiry_blocks_max);
    if expires > expires_max {
        return Err(Rejection::ExpiresTooLate { expires, expires_max });
    }
    let found = transaction.nonce;
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Rejection::NonceUsed { expected, found }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Rejection::NonceAhead { expected, found }),
    }
}

/// Fee and worst-case cost of a transaction in this state.
fn cost(state: &impl Read, transaction: &SignedTransaction) -> Result<Cost, Rejection> {
    let parameters = state.parameters();
    let bytes = transaction.encoded_len() as u64;
    let action = &transaction.transaction.action;
    let fee = if action.terms().payer == Payer::Work {
        Some(Grains::ZERO)
    } else {
        let by_bytes = parameters.fee_per_byte.checked_mul(bytes);
        let by_weights = parameters.fee_per_weight.checked_mul(action.terms().weights);
        [Some(parameters.fee_flat), by_bytes, by_weights]
            .into_iter()
            .try_fold(Grains::ZERO, |sum, part| sum.checked_add(part?))
    };
    let units = units(state, &transaction.transaction).saturating_add(bytes / 64);
    let fee = fee.ok_or(Rejection::Overflow)?;
    let cost_max = parameters.block_cost_max;
    if units > cost_max {
        return Err(Rejection::TooCostly { cost: units, cost_max });
    }
    let (tip, spends) = (transaction.transaction.tip, action.spends(parameters));
    Ok(Cost { fee, tip, spends, units, bytes })
}

/// Worst-case work of a transaction: its action's, and that of paying out the row of the peer that
/// it acts for.
fn units(state: &impl Read, transaction: &Transaction) -> u64 {
    let emission = 10_u64.saturating_mul(payout::row_length(state, transaction));
    transaction.action.terms().units.saturating_add(emission)
}

/// What can pay for a transaction: the signer's balance and, for a peer's hot key acting for its
/// peer, the share of its own emission that it gives to itself.
fn funds(state: &impl Read, transaction: &Transaction) -> Grains {
    let balance = state.account(&transaction.signer).balance;
    balance.checked_add(payout::self_share(state, transaction)).unwrap_or(Grains(u64::MAX))
}

/// Why a transaction does not go into the block being built.
enum Refusal {
    /// It may not stand in it.
    Rejected(Rejection),
    /// It does not fit any more.
    Full,
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// A block in the making.
struct Executor {
    transition: Transition,
    height: Height,
    proposer: PublicKey,
    previous: Hash,
    /// Of each transaction included, what it paid and what became of it.
    outcomes: Vec<(Cost, Result<(), Rejection>)>,
    /// Fees taken and not yet counted as burned.
    fees: Grains,
    cost: u64,
    bytes: u64,
    cost_max: u64,
    bytes_max: u64,
    count_max: u64,
}

impl Executor {
    /// Moves the clock and does what falls due at the start of the block.
    fn begin(
        state: &State,
        parent: &Header,
        time_ms: u64,
        proposer: PublicKey,
    ) -> Result<Self, BlockError> {
        if parent.height != state.height() {
            return Err(BlockError::Parent { parent: parent.height, state: state.height() });
        }
        if time_ms <= parent.time_ms {
            return Err(BlockError::Time { time_ms, parent_ms: parent.time_ms });
        }
        let parameters = state.parameters();
        let height = parent.height.next();
        let (version, newest) = (state.the(chain::protocol()).at(height), Version::NEWEST);
        if version > newest {
            return Err(BlockError::Newer { version, newest });
        }
        let mut executor = Self {
            transition: Transition::new(state),
            height,
            proposer,
            previous: parent.hash(),
            outcomes: Vec::new(),
            fees: Grains::ZERO,
            cost: 0,
            bytes: Block::empty_len(),
            cost_max: parameters.block_cost_max,
            bytes_max: parameters.block_bytes_max,
            count_max: parameters.block_transactions_max,
        };
        let clock = Clock { height, time_ms, ..*state.clock() };
        executor.transition.set(chain::clock(), clock);
        let previous = executor.previous;
        let arrived = schedule::begin_block(&mut executor.transition, height, &previous);
        arrived.map_err(|rejection| BlockError::Bug { reason: rejection.to_string() })?;
        executor.transition.commit();
        Ok(executor)
    }

    /// Executes one transaction; on refusal the caller rolls back or gives up the block.
    fn include(&mut self, signed: &SignedTransaction) -> Result<(), Refusal> {
        let transaction = &signed.transaction;
        let expected = self.transition.account(&transaction.signer).nonce;
        check_admission(&self.transition, transaction, self.height, expected)?;
        let cost = cost(&self.transition, signed)?;
        let units = self.cost.saturating_add(cost.units);
        let bytes = self.bytes.saturating_add(cost.bytes);
        if units > self.cost_max || bytes > self.bytes_max {
            return Err(Refusal::Full);
        }
        self.pay(transaction, &cost)?;
        let free = transaction.action.terms().payer == Payer::Work;
        if !free {
            self.transition.commit();
        }
        let fees = self.fees.checked_add(cost.fee).ok_or(Rejection::Overflow)?;
        let result = deeds::act(&mut self.transition, transaction);
        match &result {
            Ok(()) => self.transition.commit(),
            // Work is the only price of a free transaction: without it there is none to include.
            Err(reason) if free => return Err(Refusal::Rejected(reason.clone())),
            Err(_) => self.transition.rollback(),
        }
        self.cost = units;
        self.bytes = bytes;
        self.fees = fees;
        self.outcomes.push((cost, result));
        Ok(())
    }

    /// Takes fee and tip, and counts the nonce. A hot key that acts for its peer emits first,
    /// whatever becomes of the rest, so that the peer's own share can pay.
    fn pay(&mut self, transaction: &Transaction, cost: &Cost) -> Result<(), Rejection> {
        let transition = &mut self.transition;
        let needed = cost.fee.checked_add(cost.tip).ok_or(Rejection::Overflow)?;
        let available = funds(transition, transaction);
        if available < needed {
            return Err(Rejection::CannotPay { needed, available });
        }
        payout::emit(transition, transaction, needed)?;
        // Work counts once whatever its nonce, so that it opens no account to count it in.
        if let Some(mut payer) = transition.entry(account(transaction.signer)).copied() {
            payer.balance = payer
                .balance
                .checked_sub(needed)
                .ok_or(Rejection::CannotPay { needed, available: payer.balance })?;
            payer.nonce = payer.nonce.checked_add(1).ok_or(Rejection::Overflow)?;
            transition.put_account(&transaction.signer, payer);
        }
        transition.credit(&self.proposer, cost.tip)
    }

    /// Does what the end of the block brings, and checks that money was conserved.
    /// `included` are the transactions that were, in order.
    fn end(mut self, included: &[SignedTransaction]) -> Result<Execution, BlockError> {
        let bug = |reason| BlockError::Bug { reason };
        let mut counters = *self.transition.the(chain::counters());
        counters.transactions = counters.transactions.saturating_add(included.len() as u64);
        self.transition.set(chain::counters(), counters);
        let burned = self.transition.burn(self.fees);
        burned.map_err(|rejection| bug(rejection.to_string()))?;
        self.transition.commit();
        if self.height >= self.transition.clock().epoch_end {
            schedule::end_epoch(&mut self.transition, self.previous).map_err(bug)?;
        }
        let supply_before = self.transition.origin().supply();
        let (moved, state, changes, events) = self.transition.finish();
        let net = |supply: &Supply| {
            i128::from(supply.genesis.0) + i128::from(supply.minted.0) - i128::from(supply.burned.0)
        };
        let issued = net(&state.supply()) - net(&supply_before);
        if moved != issued {
            return Err(BlockError::Conservation { entries: moved, supply: issued });
        }
        let receipt = |(transaction, (cost, result)): (&SignedTransaction, _)| {
            let Cost { fee, tip, .. } = cost;
            Receipt { hash: transaction.hash(), fee, tip, result }
        };
        let receipts = included.par_iter().zip(self.outcomes).map(receipt).collect();
        Ok(Execution { state, changes, receipts, events, cost: self.cost })
    }
}
