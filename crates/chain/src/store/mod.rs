//! The node's database: blocks with their certificates, the state and its tree, indices, history.
//!
//! One write transaction applies a block, so that a crash leaves either the block with all its
//! effects or nothing of it. Bodies of proposals are durable before anybody votes for them, because
//! the engine's log holds only hashes.

mod begin;
mod committees;
mod error;
mod history;
mod index;
mod proposals;
mod prune;
mod storage;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use borsh::{BorshDeserialize, BorshSerialize};
use jmt::storage::TreeUpdateBatch;
use jmt::{KeyHash, Sha256Jmt};
use muster_ledger::block::{Block, Header};
use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::encoding::encode;
use muster_ledger::execute::Execution;
use muster_ledger::genesis::Genesis;
use muster_ledger::outcome::market;
use muster_ledger::outcome::{Event, Receipt};
use muster_ledger::state::{Key, State, Value};
use muster_ledger::tree::{all_entries, update};
use muster_ledger::types::Height;
use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition, WriteTransaction,
};

use crate::consensus::StoredCertificate;
pub use begin::Beginning;
pub use committees::Change as CommitteeChange;
pub use error::StoreError;
use error::store_error;
pub use history::{HistoryPeer, HistoryPoint};
use index::PendingIndex;
pub use proposals::Undecided;
use tree::EmptyTree;
pub use tree::TreeSnapshot;

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// Decided blocks by height.
const DECIDED: TableDefinition<u64, &[u8]> = TableDefinition::new("decided");
const STATE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("state");
/// Receipts and events by height.
const OUTCOMES: TableDefinition<u64, &[u8]> = TableDefinition::new("outcomes");

/// Version of the layout of the tables.
const LAYOUT: u32 = 3;

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

/// What came of the transactions of a block, and what happened in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Outcome {
    /// What became of each transaction, in order.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// The database of one node.
#[derive(Debug)]
pub struct Store {
    /// There until the store is dropped.
    database: Option<Database>,
    path: PathBuf,
    pending: Mutex<PendingIndex>,
    /// See [`Store::first`].
    first: AtomicU64,
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
    ) -> Result<(Self, Opened), StoreError> {
        Self::open_on(|| storage::file(path), path, cache_bytes, genesis, validator)
    }

    /// The same on any storage; `path` is what errors call it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on<S: StorageBackend>(
        storage: impl Fn() -> Result<S, DatabaseError>,
        path: &Path,
        cache_bytes: usize,
        genesis: &Genesis,
        validator: &PublicKey,
    ) -> Result<(Self, Opened), StoreError> {
        let open = || {
            let database = storage::database(storage, cache_bytes);
            let database = database.map_err(|error| store_error(path, error.into()))?;
            Self::open_unguarded(database, path, genesis, validator)
        };
        // The database trusts some of what it reads: a damaged file can make it panic. Whatever it
        // held is dropped with the panic, so that nothing half-read is used.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(open)).unwrap_or_else(|_| {
            let reason = "it contradicts itself".to_string();
            Err(StoreError::Damaged { path: path.to_path_buf(), reason })
        })
    }

    fn open_unguarded(
        database: Database,
        path: &Path,
        genesis: &Genesis,
        validator: &PublicKey,
    ) -> Result<(Self, Opened), StoreError> {
        let store = Self::on(database, path);
        let opened = if store.is_empty()? {
            store.begin(genesis, validator, None)?
        } else {
            store.check_identity(genesis, validator)?;
            store.load(genesis)?
        };
        Ok((store, opened))
    }

    fn on(database: Database, path: &Path) -> Self {
        Self {
            database: Some(database),
            path: path.to_path_buf(),
            pending: Mutex::new(PendingIndex::default()),
            first: AtomicU64::new(1),
        }
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

    fn meta(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(META).map_err(|error| self.error(error))?;
        let value = table.get(name).map_err(|error| self.error(error))?;
        let value = value.ok_or_else(|| self.damaged(format!("it has no {name}")))?;
        Ok(value.value().to_vec())
    }

    fn meta_number(&self, name: &str) -> Result<u64, StoreError> {
        let bytes = self.meta(name)?;
        let bytes = bytes.try_into().map_err(|_| self.damaged(format!("its {name} is no number")));
        Ok(u64::from_le_bytes(bytes?))
    }

    fn check_identity(&self, genesis: &Genesis, validator: &PublicKey) -> Result<(), StoreError> {
        let layout = self.meta("layout")?;
        let found = u32::from_le_bytes(
            layout.try_into().map_err(|_| self.damaged("its layout has no number"))?,
        );
        if found != LAYOUT {
            return Err(StoreError::Layout { path: self.path.clone(), found });
        }
        let fixed = |name: &str| -> Result<[u8; 32], StoreError> {
            self.meta(name)?.try_into().map_err(|_| self.damaged(format!("its {name} is no key")))
        };
        let (expected, found) = (genesis.chain_id(), Hash(fixed("chain")?));
        if expected != found {
            return Err(StoreError::OtherChain { path: self.path.clone(), expected, found });
        }
        let found = PublicKey(fixed("validator")?);
        if found != *validator {
            let expected = *validator;
            return Err(StoreError::OtherKey { path: self.path.clone(), expected, found });
        }
        Ok(())
    }

    /// Reads the newest state and checks it against the newest header.
    fn load(&self, genesis: &Genesis) -> Result<Opened, StoreError> {
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
            .map_err(|reason| StoreError::State { path: self.path.clone(), reason })?;
        let reader = TreeSnapshot::open(&transaction, None).map_err(|error| self.error(error))?;
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
            return Err(self.damaged(reason));
        }
        self.first.store(self.meta_number(prune::FIRST)?, Ordering::Relaxed);
        self.load_pending_index(state.height().0)?;
        Ok(Opened { header, state })
    }

    /// Checks every entry of the state that was opened against the newest header: builds the whole
    /// tree once more, where opening it compares the root alone. That the money adds up is checked
    /// when it is opened.
    ///
    /// # Errors
    /// Entries that give another root.
    pub fn audit(&self, opened: &Opened) -> Result<(), StoreError> {
        let (root, _) = update(&EmptyTree, Height(0), &all_entries(&opened.state))
            .map_err(|error| self.damaged(error))?;
        let expected = opened.header.state_root;
        if root != expected {
            let reason = format!("its entries give state root {root}, the header {expected}");
            return Err(self.damaged(reason));
        }
        Ok(())
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
        let Execution { receipts, events, .. } = execution;
        let closed = events
            .iter()
            .any(|event| matches!(event, Event::Market(market::Event::EpochClosed { .. })));
        let committee_changed =
            events.iter().any(|event| matches!(event, Event::CommitteeChanged { .. }));
        let mut pending = self.lock_pending();
        let flush = pending.is_full_with(receipts.len());
        let earlier = match earlier {
            Some(certificate) => self.improved(certificate)?,
            None => None,
        };
        self.write(|transaction| {
            proposals::settle(transaction, decided, body)?;
            if let Some(earlier) = &earlier {
                let height = earlier.header.height.0;
                transaction.open_table(DECIDED)?.insert(height, encode(earlier).as_slice())?;
            }
            transaction.open_table(DECIDED)?.insert(height, encode(decided).as_slice())?;
            // The encoding of an [`Outcome`], without copying one together.
            let outcome = encode(&(receipts, events));
            transaction.open_table(OUTCOMES)?.insert(height, outcome.as_slice())?;
            write_state(transaction, &execution.changes)?;
            tree::write_nodes(transaction, batch)?;
            if closed {
                let point = HistoryPoint::of(&execution.state, &decided.header);
                history::write(transaction, &point)?;
            }
            if committee_changed {
                let next = execution.state.committee().to_vec();
                let decided = decided.clone();
                committees::write(transaction, &CommitteeChange { decided, next })?;
            }
            if flush {
                index::write(transaction, &pending, height - 1)?;
            }
            Ok(())
        })?;
        if flush {
            *pending = PendingIndex::default();
        }
        pending.add(height, receipts);
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
        self.get_decoded(&self.read()?, DECIDED, height)
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

    /// A decided block with its body and outcome, as they stand together; none where the block is
    /// not decided yet or not here any more.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn whole(&self, height: u64) -> Result<Option<(Decided, Block, Outcome)>, StoreError> {
        let transaction = self.read()?;
        let decided: Option<Decided> = self.get_decoded(&transaction, DECIDED, height)?;
        let outcome: Option<Outcome> = self.get_decoded(&transaction, OUTCOMES, height)?;
        let (Some(decided), Some(outcome)) = (decided, outcome) else { return Ok(None) };
        let body = proposals::body(&transaction, &decided.hash)
            .map_err(|error| self.error(error))?
            .ok_or_else(|| self.damaged(format!("it lacks the body of height {height}")))?;
        let block = borsh::from_slice(&body).map_err(|error| self.damaged(error))?;
        Ok(Some((decided, block, outcome)))
    }

    /// Receipts and events of a decided block.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn outcome(&self, height: u64) -> Result<Option<Outcome>, StoreError> {
        self.get_decoded(&self.read()?, OUTCOMES, height)
    }

    fn get_decoded<T: BorshDeserialize>(
        &self,
        transaction: &ReadTransaction,
        table: TableDefinition<u64, &[u8]>,
        key: u64,
    ) -> Result<Option<T>, StoreError> {
        let table = transaction.open_table(table).map_err(|error| self.error(error))?;
        let value = table.get(key).map_err(|error| self.error(error))?;
        value
            .map(|value| borsh::from_slice(value.value()).map_err(|error| self.damaged(error)))
            .transpose()
    }

    /// That the tree could not be read, for the reason given.
    #[must_use]
    pub fn unreadable(&self, reason: impl ToString) -> StoreError {
        StoreError::Other { path: self.path.clone(), reason: reason.to_string() }
    }

    /// The tree as it is now, for updates; `value` answers the one question for a value that a
    /// proof asks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn tree(&self, value: Option<(KeyHash, Vec<u8>)>) -> Result<TreeSnapshot, StoreError> {
        TreeSnapshot::open(&self.read()?, value).map_err(|error| self.error(error))
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

/// Writes the entries that a block changed.
fn write_state(
    transaction: &WriteTransaction,
    changes: &BTreeMap<Key, Option<Value>>,
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
    Ok(())
}
