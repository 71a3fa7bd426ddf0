//! The node's database: blocks with their certificates, the state and its tree, indices, history.
//!
//! One write transaction applies a block, so that a crash leaves either the block with all its
//! effects or nothing of it. Bodies of proposals are durable before anybody votes for them, because
//! the engine's log holds only hashes. The tree is kept for the newest height alone: nodes stand
//! under their path and are overwritten; readers see the snapshot of their transaction.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use borsh::{BorshDeserialize, BorshSerialize};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, Version};
use muster_ledger::block::{Block, Header};
use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::encoding::encode;
use muster_ledger::event::{Event, Receipt};
use muster_ledger::execute::Execution;
use muster_ledger::genesis::Genesis;
use muster_ledger::state::{Key, State, Value};
use muster_ledger::transaction::{Height, PeerId};
use muster_ledger::tree;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use crate::consensus::StoredCertificate;
use crate::error::NodeError;

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// Block bodies by hash, decided or not.
const BODIES: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("bodies");
/// Proposals seen and not yet decided: (height, round, hash) to valid round and proposer.
const UNDECIDED: TableDefinition<(u64, u32, &[u8; 32]), &[u8]> = TableDefinition::new("undecided");
/// Decided blocks by height.
const DECIDED: TableDefinition<u64, &[u8]> = TableDefinition::new("decided");
const STATE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("state");
const NODES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("nodes");
/// Receipts and events by height.
const OUTCOMES: TableDefinition<u64, &[u8]> = TableDefinition::new("outcomes");
/// (first 8 bytes of a transaction's hash, height, index).
const TRANSACTIONS: TableDefinition<(u64, u64, u32), ()> = TableDefinition::new("transactions");
/// Market history by epoch.
const HISTORY: TableDefinition<u64, &[u8]> = TableDefinition::new("history");

/// Version of the layout of the tables.
const LAYOUT: u32 = 1;
/// Epochs of history that are kept.
const HISTORY_EPOCHS_MAX: u64 = 2_048;
/// Peers in a point of history: those of highest stake.
const HISTORY_PEERS_MAX: usize = 256;
/// Transactions that wait in memory before they enter the index: its keys are random, and many at
/// once touch each page once.
const INDEX_PENDING_MAX: usize = 20_000;

/// Why the database cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the database open.
    #[error("the database {path} is in use by another process: end it first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "there is no space left for the database {path}: make room and start the node again, nothing is lost"
    )]
    NoSpace {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged or no database.
    #[error(
        "the database {path} is damaged or no database ({reason}): move the home away and start \
         again, the node fetches the chain from the others"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file was written by another version of the program.
    #[error("the database {path} has layout {found}, this program knows {LAYOUT}")]
    Layout {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: u32,
    },
    /// Anything else that the disk says.
    #[error("the database {path} failed: {reason}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
}

/// A decided block without its body.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Decided {
    /// Its header.
    pub header: Header,
    /// Hash of the header.
    pub hash: Hash,
    /// The committee's certificate.
    pub certificate: StoredCertificate,
    /// Length of the encoded block, bytes.
    pub bytes: u64,
    /// Number of transactions.
    pub transactions: u64,
    /// Size of the committee that decided it.
    pub committee: u64,
}

/// A proposal that was checked and may be voted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The height.
    pub height: u64,
    /// The round.
    pub round: u32,
    /// Hash of the block.
    pub hash: Hash,
    /// The round in which it was first agreed to be valid, if it was.
    pub valid_round: Option<u32>,
    /// The proposer of the round.
    pub proposer: PublicKey,
}

/// What came of the transactions of a block, and what happened in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Outcome {
    /// What became of each transaction, in order.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// One peer in a point of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct HistoryPeer {
    /// The peer.
    pub id: u32,
    /// Its stake, grains.
    pub stake: u64,
    /// Its trust, in 10^-9.
    pub trust: i64,
    /// Its incentive, in 10^-9.
    pub incentive: i64,
    /// Its rank, in 10^-9.
    pub rank: i64,
}

/// The market at the close of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct HistoryPoint {
    /// Number of epochs closed, this one included.
    pub epoch: u64,
    /// Height at which it closed.
    pub height: u64,
    /// Time of that block, milliseconds since 1970.
    pub time_ms: u64,
    /// The market's loss, in 10^-9.
    pub loss: i64,
    /// Grains minted since genesis.
    pub minted: u64,
    /// The peers of highest stake, by number.
    pub peers: Vec<HistoryPeer>,
}

impl HistoryPoint {
    fn of(state: &State, header: &Header) -> Self {
        let mut peers: Vec<HistoryPeer> = state
            .peers()
            .map(|(PeerId(id), peer)| HistoryPeer {
                id,
                stake: peer.pool.grains.0,
                trust: peer.trust.0,
                incentive: peer.incentive.0,
                rank: peer.rank.0,
            })
            .collect();
        if peers.len() > HISTORY_PEERS_MAX {
            peers.sort_unstable_by_key(|peer| (std::cmp::Reverse(peer.stake), peer.id));
            peers.truncate(HISTORY_PEERS_MAX);
            peers.sort_unstable_by_key(|peer| peer.id);
        }
        Self {
            epoch: state.clock().epoch,
            height: header.height.0,
            time_ms: header.time_ms,
            loss: state.market().loss.0,
            minted: state.supply().minted.0,
            peers,
        }
    }
}

/// Transactions that are decided and not yet in the index.
#[derive(Debug, Default)]
struct PendingIndex {
    entries: Vec<(u64, u64, u32)>,
    by_prefix: HashMap<u64, Vec<(u64, u32)>>,
}

impl PendingIndex {
    fn add(&mut self, height: u64, receipts: &[Receipt]) {
        for (index, receipt) in (0u32..).zip(receipts) {
            let prefix = prefix_of(&receipt.hash);
            self.entries.push((prefix, height, index));
            self.by_prefix.entry(prefix).or_default().push((height, index));
        }
    }
}

fn prefix_of(hash: &Hash) -> u64 {
    let mut head = [0; 8];
    head.copy_from_slice(&hash.0[..8]);
    u64::from_be_bytes(head)
}

/// The database of one node.
#[derive(Debug)]
pub struct Store {
    /// There until the store is dropped.
    database: Option<Database>,
    path: PathBuf,
    pending: Mutex<PendingIndex>,
}

/// What a database holds when it is opened: the newest block's header and the state after it.
#[derive(Debug)]
pub struct Opened {
    /// Header of the newest block, or of the genesis.
    pub header: Header,
    /// The state after it.
    pub state: State,
}

impl Store {
    /// Opens the database at `path`, or makes it from the genesis. `cache_bytes` bounds the memory
    /// of its cache. `validator` is remembered: a home belongs to one key.
    ///
    /// # Errors
    /// Each in one sentence: in use, damaged, another chain, another key, no space.
    pub fn open(
        path: &Path,
        cache_bytes: usize,
        genesis: &Genesis,
        validator: &PublicKey,
    ) -> Result<(Self, Opened), NodeError> {
        let open = || Self::open_unguarded(path, cache_bytes, genesis, validator);
        // The database trusts some of what it reads: a damaged file can make it panic. Whatever it
        // held is dropped with the panic, so that nothing half-read is used.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(open)).unwrap_or_else(|_| {
            let reason = "it contradicts itself".to_string();
            Err(StoreError::Damaged { path: path.to_path_buf(), reason }.into())
        })
    }

    fn open_unguarded(
        path: &Path,
        cache_bytes: usize,
        genesis: &Genesis,
        validator: &PublicKey,
    ) -> Result<(Self, Opened), NodeError> {
        let database = Database::builder()
            .set_cache_size(cache_bytes)
            .create(path)
            .map_err(|error| store_error(path, error.into()))?;
        let store = Self {
            database: Some(database),
            path: path.to_path_buf(),
            pending: Mutex::new(PendingIndex::default()),
        };
        let opened = if store.is_empty()? {
            store.begin(genesis, validator)?
        } else {
            store.check_identity(genesis, validator)?;
            store.load(genesis)?
        };
        Ok((store, opened))
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is taken only when the store is dropped")
    }

    fn error(&self, error: impl Into<redb::Error>) -> StoreError {
        store_error(&self.path, error.into())
    }

    fn damaged(&self, reason: impl ToString) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), reason: reason.to_string() }
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.database().begin_read().map_err(|error| self.error(error))
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        let transaction = self.read()?;
        match transaction.open_table(META) {
            Ok(table) => Ok(table.get("layout").map_err(|error| self.error(error))?.is_none()),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(true),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Writes the genesis.
    fn begin(&self, genesis: &Genesis, validator: &PublicKey) -> Result<Opened, NodeError> {
        let state = State::genesis(genesis)
            .map_err(|reason| NodeError::State { path: self.path.clone(), reason })?;
        let changes = tree::all_entries(&state);
        let empty = EmptyTree;
        let (root, batch) =
            tree::update(&empty, Height(0), &changes).map_err(|error| self.damaged(error))?;
        let header = genesis.header(root);
        self.write(|transaction| {
            {
                let mut meta = transaction.open_table(META)?;
                meta.insert("layout", LAYOUT.to_le_bytes().as_slice())?;
                meta.insert("chain", genesis.chain_id().0.as_slice())?;
                meta.insert("validator", validator.0.as_slice())?;
                meta.insert("indexed", 0u64.to_le_bytes().as_slice())?;
            }
            transaction.open_table(BODIES)?;
            transaction.open_table(UNDECIDED)?;
            transaction.open_table(DECIDED)?;
            transaction.open_table(OUTCOMES)?;
            transaction.open_table(TRANSACTIONS)?;
            transaction.open_table(HISTORY)?;
            write_state(transaction, &changes, &batch)
        })?;
        Ok(Opened { header, state })
    }

    fn meta(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(META).map_err(|error| self.error(error))?;
        let value = table.get(name).map_err(|error| self.error(error))?;
        let value = value.ok_or_else(|| self.damaged(format!("it has no {name}")))?;
        Ok(value.value().to_vec())
    }

    fn check_identity(&self, genesis: &Genesis, validator: &PublicKey) -> Result<(), NodeError> {
        let layout = self.meta("layout")?;
        let found = u32::from_le_bytes(
            layout.try_into().map_err(|_| self.damaged("its layout has no number"))?,
        );
        if found != LAYOUT {
            return Err(StoreError::Layout { path: self.path.clone(), found }.into());
        }
        let fixed = |name: &str| -> Result<[u8; 32], StoreError> {
            self.meta(name)?.try_into().map_err(|_| self.damaged(format!("its {name} is no key")))
        };
        let (expected, found) = (genesis.chain_id(), Hash(fixed("chain")?));
        if expected != found {
            return Err(NodeError::OtherChain { path: self.path.clone(), expected, found });
        }
        let found = PublicKey(fixed("validator")?);
        if found != *validator {
            let expected = *validator;
            return Err(NodeError::OtherKey { path: self.path.clone(), expected, found });
        }
        Ok(())
    }

    /// Reads the newest state and checks it against the newest header.
    fn load(&self, genesis: &Genesis) -> Result<Opened, NodeError> {
        let transaction = self.read()?;
        let table = transaction.open_table(STATE).map_err(|error| self.error(error))?;
        let mut entries = Vec::new();
        for entry in table.iter().map_err(|error| self.error(error))? {
            let (key, value) = entry.map_err(|error| self.error(error))?;
            let key: Key = borsh::from_slice(key.value()).map_err(|error| self.damaged(error))?;
            let value: Value =
                borsh::from_slice(value.value()).map_err(|error| self.damaged(error))?;
            entries.push((key, value));
        }
        let state = State::from_entries(entries.into_iter())
            .map_err(|reason| NodeError::State { path: self.path.clone(), reason })?;
        let reader = TreeSnapshot { transaction, value: None };
        let root = Sha256Jmt::new(&reader)
            .get_root_hash(state.height().0)
            .map_err(|error| self.damaged(format!("{error:#}")))?;
        let root = Hash(root.0);
        let header = match self.newest()? {
            Some(decided) => decided.header,
            None => genesis.header(root),
        };
        if header.height != state.height() || header.state_root != root {
            let reason = format!(
                "the newest block has height {} and state root {}, the state height {} and root {root}",
                header.height,
                header.state_root,
                state.height()
            );
            return Err(NodeError::Damaged { path: self.path.clone(), reason });
        }
        self.load_pending_index(state.height().0)?;
        Ok(Opened { header, state })
    }

    /// Brings the transactions decided since the index was last written back into memory.
    fn load_pending_index(&self, height: u64) -> Result<(), StoreError> {
        let indexed = self.meta("indexed")?;
        let indexed = u64::from_le_bytes(
            indexed.try_into().map_err(|_| self.damaged("its index has no height"))?,
        );
        let mut pending = PendingIndex::default();
        for height in indexed + 1..=height {
            let outcome = self
                .outcome(height)?
                .ok_or_else(|| self.damaged(format!("it has no receipts of height {height}")))?;
            pending.add(height, &outcome.receipts);
        }
        *self.lock_pending() = pending;
        Ok(())
    }

    fn lock_pending(&self) -> std::sync::MutexGuard<'_, PendingIndex> {
        self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Runs `body` in one durable transaction.
    fn write(
        &self,
        body: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let transaction = self.database().begin_write().map_err(|error| self.error(error))?;
        body(&transaction).map_err(|error| self.error(error))?;
        transaction.commit().map_err(|error| self.error(error))
    }

    /// Makes a checked proposal and its body durable: to be called before anybody is told that it
    /// may be voted for.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn put_undecided(&self, undecided: &Undecided, body: &[u8]) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(BODIES)?.insert(&undecided.hash.0, body)?;
            let record = encode(&(undecided.valid_round, undecided.proposer));
            let key = (undecided.height, undecided.round, &undecided.hash.0);
            transaction.open_table(UNDECIDED)?.insert(key, record.as_slice())?;
            Ok(())
        })
    }

    /// The checked proposals of a height.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn undecided(&self, height: u64) -> Result<Vec<Undecided>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(UNDECIDED).map_err(|error| self.error(error))?;
        let (low, high) = ((height, 0, &[0u8; 32]), (height, u32::MAX, &[255u8; 32]));
        let mut found = Vec::new();
        for entry in table.range(low..=high).map_err(|error| self.error(error))? {
            let (key, value) = entry.map_err(|error| self.error(error))?;
            let (height, round, hash) = key.value();
            let (valid_round, proposer) =
                borsh::from_slice(value.value()).map_err(|error| self.damaged(error))?;
            found.push(Undecided { height, round, hash: Hash(*hash), valid_round, proposer });
        }
        Ok(found)
    }

    /// The encoded block with this hash, decided or not.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn body(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(BODIES).map_err(|error| self.error(error))?;
        let body = table.get(&hash.0).map_err(|error| self.error(error))?;
        Ok(body.map(|body| body.value().to_vec()))
    }

    /// Applies a decided block with all its effects, in one transaction. `earlier` is the
    /// certificate of the block before with the signatures that came in after its decision.
    ///
    /// # Errors
    /// When the disk fails; then nothing of the block is applied.
    pub fn apply(
        &self,
        decided: &Decided,
        body: &[u8],
        execution: &Execution,
        batch: &TreeUpdateBatch,
        earlier: Option<&StoredCertificate>,
    ) -> Result<(), StoreError> {
        let height = decided.header.height.0;
        let outcome =
            Outcome { receipts: execution.receipts.clone(), events: execution.events.clone() };
        let closed = outcome.events.iter().any(|event| matches!(event, Event::EpochClosed { .. }));
        let mut pending = self.lock_pending();
        let flush = pending.entries.len() + outcome.receipts.len() > INDEX_PENDING_MAX;
        let earlier = match earlier {
            Some(certificate) => self.improved(certificate)?,
            None => None,
        };
        self.write(|transaction| {
            settle_bodies(transaction, decided, body)?;
            if let Some(earlier) = &earlier {
                let height = earlier.header.height.0;
                transaction.open_table(DECIDED)?.insert(height, encode(earlier).as_slice())?;
            }
            transaction.open_table(DECIDED)?.insert(height, encode(decided).as_slice())?;
            transaction.open_table(OUTCOMES)?.insert(height, encode(&outcome).as_slice())?;
            write_state(transaction, &execution.changes, batch)?;
            if closed {
                write_history(transaction, &HistoryPoint::of(&execution.state, &decided.header))?;
            }
            if flush {
                write_index(transaction, &mut pending.entries, height - 1)?;
            }
            Ok(())
        })?;
        if flush {
            *pending = PendingIndex::default();
        }
        pending.add(height, &outcome.receipts);
        Ok(())
    }

    /// A decided block with a certificate of more signatures than the stored one.
    fn improved(&self, certificate: &StoredCertificate) -> Result<Option<Decided>, StoreError> {
        let stored = self.decided(certificate.height)?.filter(|decided| {
            decided.hash == certificate.block
                && decided.certificate.signatures.len() < certificate.signatures.len()
        });
        Ok(stored.map(|decided| Decided { certificate: certificate.clone(), ..decided }))
    }

    /// The decided block of a height, without its body.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn decided(&self, height: u64) -> Result<Option<Decided>, StoreError> {
        self.get_decoded(DECIDED, height)
    }

    /// The newest decided block.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn newest(&self) -> Result<Option<Decided>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(DECIDED).map_err(|error| self.error(error))?;
        match table.last().map_err(|error| self.error(error))? {
            Some((_, value)) => {
                borsh::from_slice(value.value()).map(Some).map_err(|error| self.damaged(error))
            }
            None => Ok(None),
        }
    }

    /// The body of a decided block, decoded.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn block(&self, decided: &Decided) -> Result<Block, StoreError> {
        let body = self.body(&decided.hash)?.ok_or_else(|| {
            self.damaged(format!("it lacks the body of height {}", decided.header.height))
        })?;
        borsh::from_slice(&body).map_err(|error| self.damaged(error))
    }

    /// Receipts and events of a decided block.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn outcome(&self, height: u64) -> Result<Option<Outcome>, StoreError> {
        self.get_decoded(OUTCOMES, height)
    }

    fn get_decoded<T: BorshDeserialize>(
        &self,
        table: TableDefinition<u64, &[u8]>,
        key: u64,
    ) -> Result<Option<T>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(table).map_err(|error| self.error(error))?;
        let value = table.get(key).map_err(|error| self.error(error))?;
        value
            .map(|value| borsh::from_slice(value.value()).map_err(|error| self.damaged(error)))
            .transpose()
    }

    /// Where a transaction may stand: its hash has to be compared, the index knows eight bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn find_transaction(&self, hash: &Hash) -> Result<Vec<(u64, u32)>, StoreError> {
        let prefix = prefix_of(hash);
        let mut places = self.lock_pending().by_prefix.get(&prefix).cloned().unwrap_or_default();
        let transaction = self.read()?;
        let table = transaction.open_table(TRANSACTIONS).map_err(|error| self.error(error))?;
        let range = (prefix, 0, 0)..=(prefix, u64::MAX, u32::MAX);
        for entry in table.range(range).map_err(|error| self.error(error))? {
            let (key, _) = entry.map_err(|error| self.error(error))?;
            let (_, height, index) = key.value();
            places.push((height, index));
        }
        Ok(places)
    }

    /// Points of history after an epoch, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn history(&self, after: u64, limit: usize) -> Result<Vec<HistoryPoint>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(HISTORY).map_err(|error| self.error(error))?;
        let range = table.range(after.saturating_add(1)..).map_err(|error| self.error(error))?;
        range
            .take(limit)
            .map(|entry| {
                let (_, value) = entry.map_err(|error| self.error(error))?;
                borsh::from_slice(value.value()).map_err(|error| self.damaged(error))
            })
            .collect()
    }

    /// The tree as it is now, for updates; `value` answers the one question for a value that a
    /// proof asks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn tree(&self, value: Option<(KeyHash, Vec<u8>)>) -> Result<TreeSnapshot, StoreError> {
        Ok(TreeSnapshot { transaction: self.read()?, value })
    }
}

impl Drop for Store {
    /// Closing writes what the database knows of its free pages; where a page of that is damaged
    /// it panics. All that was committed is safe before.
    fn drop(&mut self) {
        let database = self.database.take();
        let close = std::panic::AssertUnwindSafe(|| drop(database));
        if std::panic::catch_unwind(close).is_err() {
            tracing::error!(path = %self.path.display(), "the database is damaged: closing it failed");
        }
    }
}

/// Moves the decided body out of the undecided ones, and removes the others of its height.
fn settle_bodies(
    transaction: &WriteTransaction,
    decided: &Decided,
    body: &[u8],
) -> Result<(), redb::Error> {
    let height = decided.header.height.0;
    let mut bodies = transaction.open_table(BODIES)?;
    let mut undecided = transaction.open_table(UNDECIDED)?;
    let mut losers = Vec::new();
    for entry in undecided.range((0, 0, &[0u8; 32])..=(height, u32::MAX, &[255u8; 32]))? {
        let (key, _) = entry?;
        let (height, round, hash) = key.value();
        losers.push((height, round, *hash));
    }
    for (height, round, hash) in losers {
        undecided.remove((height, round, &hash))?;
        if hash != decided.hash.0 {
            bodies.remove(&hash)?;
        }
    }
    if bodies.get(&decided.hash.0)?.is_none() {
        bodies.insert(&decided.hash.0, body)?;
    }
    Ok(())
}

fn write_state(
    transaction: &WriteTransaction,
    changes: &BTreeMap<Key, Option<Value>>,
    batch: &TreeUpdateBatch,
) -> Result<(), redb::Error> {
    let mut state = transaction.open_table(STATE)?;
    for (key, value) in changes {
        let key = encode(key);
        match value {
            Some(value) => {
                state.insert(key.as_slice(), encode(value).as_slice())?;
            }
            None => {
                state.remove(key.as_slice())?;
            }
        }
    }
    let mut nodes = transaction.open_table(NODES)?;
    let new = batch.node_batch.nodes();
    for stale in &batch.stale_node_index_batch {
        nodes.remove(encode(stale.node_key.nibble_path()).as_slice())?;
    }
    for (key, node) in new {
        let value = encode(&(key.version(), node));
        nodes.insert(encode(key.nibble_path()).as_slice(), value.as_slice())?;
    }
    Ok(())
}

fn write_history(transaction: &WriteTransaction, point: &HistoryPoint) -> Result<(), redb::Error> {
    let mut history = transaction.open_table(HISTORY)?;
    history.insert(point.epoch, encode(point).as_slice())?;
    if let Some(old) = point.epoch.checked_sub(HISTORY_EPOCHS_MAX) {
        history.remove(old)?;
    }
    Ok(())
}

/// Writes waiting entries into the index; `indexed` is the last height they cover.
fn write_index(
    transaction: &WriteTransaction,
    entries: &mut [(u64, u64, u32)],
    indexed: u64,
) -> Result<(), redb::Error> {
    entries.sort_unstable();
    let mut table = transaction.open_table(TRANSACTIONS)?;
    for entry in entries.iter() {
        table.insert(*entry, ())?;
    }
    transaction.open_table(META)?.insert("indexed", indexed.to_le_bytes().as_slice())?;
    Ok(())
}

fn store_error(path: &Path, error: redb::Error) -> StoreError {
    let path = path.to_path_buf();
    match error {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { path },
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            StoreError::NoSpace { path }
        }
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            StoreError::Damaged { path, reason: error.to_string() }
        }
        redb::Error::Corrupted(reason) => StoreError::Damaged { path, reason },
        redb::Error::UpgradeRequired(version) => {
            StoreError::Damaged { path, reason: format!("file format {version}") }
        }
        redb::Error::TableDoesNotExist(table) => {
            StoreError::Damaged { path, reason: format!("it has no table {table}") }
        }
        error @ (redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)) => {
            StoreError::Damaged { path, reason: error.to_string() }
        }
        error => StoreError::Other { path, reason: error.to_string() },
    }
}

/// The tree before the genesis.
struct EmptyTree;

impl TreeReader for EmptyTree {
    fn get_node_option(&self, _key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(None)
    }

    fn get_value_option(
        &self,
        _version: Version,
        _key: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        Ok(None)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

/// The tree of the newest height, as it was when the snapshot was taken.
#[derive(Debug)]
pub struct TreeSnapshot {
    transaction: ReadTransaction,
    value: Option<(KeyHash, Vec<u8>)>,
}

impl TreeReader for TreeSnapshot {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let table = self.transaction.open_table(NODES)?;
        let Some(value) = table.get(encode(key.nibble_path()).as_slice())? else {
            return Ok(None);
        };
        let (version, node): (Version, Node) = borsh::from_slice(value.value())?;
        // A path holds the newest node only; an older one is gone.
        Ok((version == key.version()).then_some(node))
    }

    fn get_value_option(
        &self,
        _version: Version,
        key: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.value.as_ref().filter(|(known, _)| *known == key).map(|(_, value)| value.clone()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Err(anyhow::anyhow!("this tree is never restored from leaves"))
    }
}
