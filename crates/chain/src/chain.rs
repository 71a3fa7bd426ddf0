//! The chain as this node has it: builds blocks, checks those of others, applies what is decided.
//!
//! Nothing here knows the engine. One thread owns a [`Chain`]; everybody else reads the [`Tip`]
//! that it publishes, which is immutable.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use jmt::storage::TreeUpdateBatch;
use muster_ledger::block::{Block, Header, transactions_root};
use muster_ledger::crypto::{Claim, Hash, PublicKey, verify_batch};
use muster_ledger::execute::{Execution, execute_verified, propose};
use muster_ledger::protocol::Version;
use muster_ledger::state::State;
use muster_ledger::state::chain::protocol;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::tree;
use tokio::sync::{mpsc, watch};

use crate::ChainError;
use crate::consensus::StoredCertificate;
use crate::mempool::Mempool;
use crate::metrics::Metrics;
use crate::store::{Decided, Store, StoreError};

/// How far ahead of this node's clock a proposed block may be, milliseconds.
pub const CLOCK_DRIFT_MS_MAX: u64 = 5_000;
/// Blocks over which the rate of blocks is measured.
const RATE_BLOCKS: usize = 32;
/// Blocks whose signers count as online.
const ONLINE_BLOCKS: usize = 8;
/// Checked blocks that are kept with their execution; more rounds than that execute again.
const CANDIDATES_MAX: usize = 4;

/// The newest block and the state after it: what everybody reads.
#[derive(Clone, Debug)]
pub struct Tip {
    /// The newest header, or the genesis header.
    pub header: Header,
    /// Its hash.
    pub hash: Hash,
    /// The state after it.
    pub state: State,
    /// Times of the last blocks, oldest first, milliseconds since 1970.
    pub times_ms: VecDeque<u64>,
    /// Who signed the last blocks, oldest first.
    pub signers: VecDeque<Arc<Vec<PublicKey>>>,
}

impl Tip {
    fn new(header: Header, state: State) -> Self {
        let hash = header.hash();
        Self { header, hash, state, times_ms: VecDeque::new(), signers: VecDeque::new() }
    }

    /// The height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.header.height.0
    }

    /// Blocks a second over the last blocks; 0 before there are two.
    #[must_use]
    pub fn blocks_per_second(&self) -> f64 {
        match (self.times_ms.front(), self.times_ms.back()) {
            (Some(first), Some(last)) if last > first => {
                (self.times_ms.len() - 1) as f64 * 1_000.0 / (last - first) as f64
            }
            _ => 0.0,
        }
    }

    /// Whether a validator signed one of the last blocks; `None` before there are any.
    #[must_use]
    pub fn online(&self, key: &PublicKey) -> Option<bool> {
        if self.signers.is_empty() {
            return None;
        }
        Some(self.signers.iter().any(|signers| signers.contains(key)))
    }

    fn note(&mut self, decided: &Decided) {
        self.times_ms.push_back(decided.header.time_ms);
        if self.times_ms.len() > RATE_BLOCKS + 1 {
            self.times_ms.pop_front();
        }
        self.note_signers(&decided.certificate);
    }

    fn note_signers(&mut self, certificate: &StoredCertificate) {
        let signers = certificate.signatures.iter().map(|(address, _)| address.0).collect();
        self.signers.push_back(Arc::new(signers));
        if self.signers.len() > ONLINE_BLOCKS {
            self.signers.pop_front();
        }
    }
}

/// A block that was built or checked on top of the tip, with all that applying it takes.
#[derive(Debug)]
pub struct Candidate {
    /// The block.
    pub block: Block,
    /// Its hash.
    pub hash: Hash,
    /// Its encoding.
    pub body: Bytes,
    execution: Execution,
    batch: TreeUpdateBatch,
}

/// What a block that is still to be voted on is held against.
#[derive(Clone, Copy, Debug)]
pub struct Ballot {
    /// Who must have built it: whose turn it was in the round for which it was new.
    pub builder: PublicKey,
    /// This node's clock, milliseconds since 1970.
    pub now_ms: u64,
}

/// Why a proposed body is no block to vote for.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The bytes are no block, or not the one announced. The sender is at fault; nothing can be
    /// said about the block of that hash.
    #[error("{0}")]
    NotTheBlock(String),
    /// The block breaks a rule: nobody may vote for it.
    #[error("{0}")]
    Rule(String),
    /// This node's database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// This node's clock, milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// The chain as this node has it.
pub struct Chain {
    store: Arc<Store>,
    mempool: Arc<Mempool>,
    metrics: Arc<Metrics>,
    validator: PublicKey,
    /// The newest protocol version that this node follows.
    newest: Version,
    tip: watch::Sender<Arc<Tip>>,
    candidates: HashMap<Hash, Arc<Candidate>>,
    /// The certificate of the newest block, with signatures that came in after its decision.
    finalized: Option<StoredCertificate>,
    marks: Option<Marks>,
}

/// At which heights the state is told apart from those between, and to whom.
struct Marks {
    every: u64,
    sender: mpsc::Sender<Arc<Tip>>,
}

impl Chain {
    /// The chain at the newest block of the database.
    ///
    /// # Errors
    /// When the disk fails, or the next block takes a later protocol version than `newest`.
    pub fn new(
        store: Arc<Store>,
        mempool: Arc<Mempool>,
        metrics: Arc<Metrics>,
        validator: PublicKey,
        newest: Version,
        header: Header,
        state: State,
    ) -> Result<(Self, watch::Receiver<Arc<Tip>>), ChainError> {
        let mut tip = Tip::new(header, state);
        check_version(&tip, newest)?;
        for height in tip.height().saturating_sub(RATE_BLOCKS as u64)..=tip.height() {
            if let Some(decided) = store.decided(height)? {
                tip.note(&decided);
            }
        }
        let (sender, receiver) = watch::channel(Arc::new(tip));
        let chain = Self {
            store,
            mempool,
            metrics,
            validator,
            newest,
            tip: sender,
            candidates: HashMap::new(),
            finalized: None,
            marks: None,
        };
        Ok((chain, receiver))
    }

    /// From now on the receiver gets each block whose height is a multiple of `every`, unless it
    /// still works on one before.
    pub fn mark(&mut self, every: u64) -> mpsc::Receiver<Arc<Tip>> {
        let (sender, receiver) = mpsc::channel(1);
        self.marks = Some(Marks { every, sender });
        receiver
    }

    /// The newest block and the state after it.
    #[must_use]
    pub fn tip(&self) -> Arc<Tip> {
        self.tip.borrow().clone()
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A block that was built or checked on this tip.
    #[must_use]
    pub fn candidate(&self, hash: &Hash) -> Option<Arc<Candidate>> {
        self.candidates.get(hash).cloned()
    }

    /// Builds a block from the mempool, at `now_ms` by this node's clock.
    ///
    /// # Errors
    /// When the database fails; a block that cannot be built from what was checked would be a fault
    /// of this program and is an error too.
    pub fn build(&mut self, now_ms: u64) -> Result<Arc<Candidate>, Invalid> {
        let start = Instant::now();
        let tip = self.tip();
        let time_ms = now_ms.max(tip.header.time_ms + 1);
        let candidates = self.mempool.candidates();
        let offered: Vec<(PublicKey, u64)> = candidates.iter().map(place).collect();
        let (transactions, execution) =
            propose(&tip.state, &tip.header, time_ms, self.validator, candidates.into_iter())
                .map_err(|error| Invalid::Rule(error.to_string()))?;
        self.mempool.review(&execution.state, &left_out(offered, &transactions));
        let (root, batch) = self.root(&tip, &execution)?;
        let block = execution.block(&tip.header, self.validator, transactions, root);
        let body = Bytes::from(block.encode());
        let candidate = Candidate { hash: block.hash(), block, body, execution, batch };
        self.metrics.build_seconds.observe(start.elapsed());
        Ok(self.keep(candidate))
    }

    fn root(&self, tip: &Tip, execution: &Execution) -> Result<(Hash, TreeUpdateBatch), Invalid> {
        let snapshot = self.store.tree(None)?;
        // Nothing in a block makes this fail: what fails is reading the tree.
        tree::update(&snapshot, tip.header.height.next(), &execution.changes)
            .map_err(|error| self.store.unreadable(error).into())
    }

    fn keep(&mut self, candidate: Candidate) -> Arc<Candidate> {
        if self.candidates.len() >= CANDIDATES_MAX {
            self.candidates.clear();
        }
        let candidate = Arc::new(candidate);
        self.candidates.insert(candidate.hash, candidate.clone());
        candidate
    }

    /// Checks a body that should be the block of this hash: decodes it within the limits, checks
    /// signatures that the mempool has not checked, executes it, compares the state root.
    /// `ballot` says who must have built it and what time it is; none for a block that is decided.
    ///
    /// # Errors
    /// See [`Invalid`].
    pub fn check(
        &mut self,
        hash: &Hash,
        body: Bytes,
        ballot: Option<&Ballot>,
    ) -> Result<Arc<Candidate>, Invalid> {
        if let Some(known) = self.candidates.get(hash) {
            if let Some(ballot) = ballot {
                check_builder(&known.block, ballot)?;
            }
            return Ok(known.clone());
        }
        let start = Instant::now();
        let tip = self.tip();
        let block = decode(hash, &body, &tip.state)?;
        if let Some(ballot) = ballot {
            check_builder(&block, ballot)?;
            check_clock(&block, ballot.now_ms)?;
        }
        self.check_signatures(&block)?;
        let execution = execute_verified(&tip.state, &tip.header, &block)
            .map_err(|error| Invalid::Rule(error.to_string()))?;
        let (root, batch) = self.root(&tip, &execution)?;
        let found = block.header.state_root;
        if found != root {
            return Err(Invalid::Rule(format!(
                "its state root is {found}, execution gives {root}"
            )));
        }
        self.metrics.execute_seconds.observe(start.elapsed());
        Ok(self.keep(Candidate { hash: *hash, block, body, execution, batch }))
    }

    fn check_signatures(&self, block: &Block) -> Result<(), Invalid> {
        let unknown = self.mempool.unknown(&block.transactions);
        let mut owners = Vec::new();
        let mut claims: Vec<Claim> = Vec::new();
        for index in unknown {
            for claim in block.transactions[index].claims() {
                claims.push(claim);
                owners.push(index);
            }
        }
        match verify_batch(&claims).iter().position(|valid| !valid) {
            Some(position) => {
                let index = owners[position];
                Err(Invalid::Rule(format!("a signature of transaction {index} does not match")))
            }
            None => Ok(()),
        }
    }

    /// Applies a decided block: durable before this returns, visible right after.
    ///
    /// # Errors
    /// When the disk fails, or the block cannot be applied although it was decided; and, once it
    /// is applied, when the next takes a later protocol version than this node follows.
    pub fn apply(&mut self, certificate: StoredCertificate) -> Result<(), ChainError> {
        let start = Instant::now();
        let tip = self.tip();
        let (height, hash) = (certificate.height, certificate.block);
        if height <= tip.height() {
            // The engine decided again what was applied before a restart.
            return Ok(());
        }
        let candidate = match self.candidates.get(&hash) {
            Some(candidate) => candidate.clone(),
            None => self.restore(height, &hash)?,
        };
        let decided = Decided {
            header: candidate.block.header.clone(),
            hash,
            bytes: candidate.body.len() as u64,
            transactions: candidate.block.transactions.len() as u64,
            committee: tip.state.committee().len() as u64,
            certificate,
        };
        let earlier = self.finalized.take();
        self.store.apply(
            &decided,
            &candidate.body,
            &candidate.execution,
            &candidate.batch,
            earlier.as_ref(),
        )?;
        self.metrics.apply_seconds.observe(start.elapsed());
        self.publish(&tip, &decided, &candidate);
        check_version(&self.tip(), self.newest)
    }

    /// Executes a decided block whose execution is not at hand (after a restart).
    fn restore(&mut self, height: u64, hash: &Hash) -> Result<Arc<Candidate>, ChainError> {
        let divergence = |reason: String| ChainError::Divergence { height, hash: *hash, reason };
        let body = self
            .store
            .body(hash)?
            .ok_or_else(|| divergence("its body is not in the database".to_string()))?;
        match self.check(hash, Bytes::from(body), None) {
            Ok(candidate) => Ok(candidate),
            Err(Invalid::Store(error)) => Err(error.into()),
            Err(invalid) => Err(divergence(invalid.to_string())),
        }
    }

    fn publish(&mut self, before: &Tip, decided: &Decided, candidate: &Candidate) {
        let mut tip = Tip {
            header: decided.header.clone(),
            hash: decided.hash,
            state: candidate.execution.state.clone(),
            times_ms: before.times_ms.clone(),
            signers: before.signers.clone(),
        };
        tip.note(decided);
        self.candidates.clear();
        self.metrics.decided(decided, before.header.time_ms);
        let tip = Arc::new(tip);
        self.tip.send_replace(tip.clone());
        if let Some(marks) = &self.marks
            && tip.height().is_multiple_of(marks.every)
        {
            // One that is full or gone wants none now.
            let _ = marks.sender.try_send(tip.clone());
        }
        self.mempool.settle(&tip.state, &candidate.execution.changes);
    }

    /// Remembers signatures that came in after a decision.
    pub fn finalize(&mut self, certificate: StoredCertificate) {
        if certificate.height != self.tip().height() {
            return;
        }
        self.tip.send_modify(|tip| {
            let tip = Arc::make_mut(tip);
            tip.signers.pop_back();
            tip.note_signers(&certificate);
        });
        self.finalized = Some(certificate);
    }
}

/// Whose transaction it is, and which.
fn place(transaction: &SignedTransaction) -> (PublicKey, u64) {
    (transaction.transaction.signer, transaction.transaction.nonce)
}

/// Those offered that a block did not take, which took the others in the order of the offer.
fn left_out(
    offered: Vec<(PublicKey, u64)>,
    included: &[SignedTransaction],
) -> Vec<(PublicKey, u64)> {
    let mut included = included.iter().map(place).peekable();
    offered.into_iter().filter(|place| included.next_if_eq(place).is_none()).collect()
}

/// Whether this node can execute the block after the tip.
fn check_version(tip: &Tip, newest: Version) -> Result<(), ChainError> {
    let height = tip.header.height.next();
    let version = tip.state.the(protocol()).at(height);
    if version <= newest.min(Version::NEWEST) {
        return Ok(());
    }
    Err(ChainError::Upgrade { height: height.0, version, newest: newest.min(Version::NEWEST) })
}

/// Whether a block names who built it: tips go there. A false name is the announcement's fault as
/// much as the block's, which another may have announced truly: nothing is said of the block.
fn check_builder(block: &Block, ballot: &Ballot) -> Result<(), Invalid> {
    let (named, builder) = (block.header.proposer, ballot.builder);
    if named == builder {
        return Ok(());
    }
    Err(Invalid::NotTheBlock(format!("it names {named} as its proposer, {builder} had the turn")))
}

fn check_clock(block: &Block, now_ms: u64) -> Result<(), Invalid> {
    let time_ms = block.header.time_ms;
    if time_ms > now_ms.saturating_add(CLOCK_DRIFT_MS_MAX) {
        let ahead = time_ms - now_ms;
        return Err(Invalid::Rule(format!(
            "its time is {ahead} ms ahead of this node's clock, at most {CLOCK_DRIFT_MS_MAX} are allowed"
        )));
    }
    Ok(())
}

/// Decodes a body and checks that it is the block announced: the hash covers the header, and the
/// header the transactions. A body with other transactions is not the block, so that nobody can
/// make a good block look bad.
fn decode(hash: &Hash, body: &[u8], state: &State) -> Result<Block, Invalid> {
    let block = Block::decode(body, &state.limits())
        .map_err(|error| Invalid::NotTheBlock(error.to_string()))?;
    if block.hash() != *hash {
        return Err(Invalid::NotTheBlock(format!("the body is of block {}", block.hash())));
    }
    if transactions_root(&block.transactions) != block.header.transactions_root {
        return Err(Invalid::NotTheBlock(
            "the transactions are not those of the header".to_string(),
        ));
    }
    Ok(block)
}

/// Decodes the header's hash of a body without anything else: the name of the value.
///
/// # Errors
/// [`Invalid::NotTheBlock`] when the bytes are no block.
pub fn hash_of(body: &[u8], state: &State) -> Result<Hash, Invalid> {
    let block = Block::decode(body, &state.limits())
        .map_err(|error| Invalid::NotTheBlock(error.to_string()))?;
    Ok(block.hash())
}
