//! Where decided transactions stand: eight bytes of each hash, to its height and place.
//!
//! New entries wait in memory: the keys are random, and many at once touch each page once. What
//! waits is read again from the receipts when the database is opened.

use std::sync::{MutexGuard, PoisonError};

use muster_ledger::crypto::Hash;
use muster_ledger::outcome::Receipt;
use muster_ledger::types::Height;
use redb::{TableDefinition, WriteTransaction};

use super::{META, Store, StoreError};

/// (first 8 bytes of a transaction's hash, height, index).
const TRANSACTIONS: TableDefinition<(u64, u64, u32), ()> = TableDefinition::new("transactions");
/// The name of the height that the table reaches.
const INDEXED: &str = "indexed";
/// Transactions that wait in memory before they are written.
const INDEX_PENDING_MAX: usize = 20_000;

/// First eight bytes of a transaction's hash, height, index in the block.
type Entry = (u64, u64, u32);

/// Transactions that are decided and not yet in the table.
#[derive(Debug, Default)]
pub(super) struct PendingIndex {
    /// Of each block with transactions, its entries in order.
    blocks: Vec<Vec<Entry>>,
}

impl PendingIndex {
    pub(super) fn add(&mut self, height: u64, receipts: &[Receipt]) {
        if receipts.is_empty() {
            return;
        }
        self.blocks.push(entries(height, receipts));
    }

    /// Whether so many more would be too many to keep in memory.
    pub(super) fn is_full_with(&self, more: usize) -> bool {
        self.blocks.iter().map(Vec::len).sum::<usize>() + more > INDEX_PENDING_MAX
    }

    /// Forgets the transactions of blocks below a height.
    pub(super) fn forget_before(&mut self, height: u64) {
        self.blocks.retain(|entries| entries.first().is_some_and(|entry| entry.1 >= height));
    }

    fn find(&self, prefix: u64) -> Vec<(u64, u32)> {
        let mut places = Vec::new();
        for entries in &self.blocks {
            let first = entries.partition_point(|entry| entry.0 < prefix);
            let same = entries[first..].iter().take_while(|entry| entry.0 == prefix);
            places.extend(same.map(|(_, height, index)| (*height, *index)));
        }
        places
    }
}

/// The entries of a block, in order.
fn entries(height: u64, receipts: &[Receipt]) -> Vec<Entry> {
    let entry = |(index, receipt): (u32, &Receipt)| (prefix_of(&receipt.hash), height, index);
    let mut entries: Vec<Entry> = (0u32..).zip(receipts).map(entry).collect();
    entries.sort_unstable();
    entries
}

fn prefix_of(hash: &Hash) -> u64 {
    let mut head = [0; 8];
    head.copy_from_slice(&hash.0[..8]);
    u64::from_be_bytes(head)
}

impl Store {
    /// Brings the transactions decided since the index was last written back into memory, as far
    /// as their blocks are kept.
    pub(super) fn load_pending_index(&self, height: u64) -> Result<(), StoreError> {
        let begin = (self.meta_number(INDEXED)? + 1).max(self.first());
        let mut pending = PendingIndex::default();
        for height in begin..=height {
            let outcome = self
                .outcome(height)?
                .ok_or_else(|| self.damaged(format!("it has no receipts of height {height}")))?;
            pending.add(height, &outcome.receipts);
        }
        *self.lock_pending() = pending;
        Ok(())
    }

    pub(super) fn lock_pending(&self) -> MutexGuard<'_, PendingIndex> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a transaction may stand: its hash has to be compared, the index knows eight bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn find_transaction(&self, hash: &Hash) -> Result<Vec<(u64, u32)>, StoreError> {
        let prefix = prefix_of(hash);
        let mut places = self.lock_pending().find(prefix);
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
}

/// Makes the table, for what comes after a height.
pub(super) fn begin(transaction: &WriteTransaction, height: Height) -> Result<(), redb::Error> {
    transaction.open_table(TRANSACTIONS)?;
    transaction.open_table(META)?.insert(INDEXED, height.0.to_le_bytes().as_slice())?;
    Ok(())
}

/// Removes the transactions of these blocks.
pub(super) fn forget<'a>(
    transaction: &WriteTransaction,
    blocks: impl Iterator<Item = (u64, &'a [Receipt])>,
) -> Result<(), redb::Error> {
    let mut entries: Vec<Entry> =
        blocks.flat_map(|(height, receipts)| entries(height, receipts)).collect();
    // In the order of the table, so that each of its pages is visited once.
    entries.sort_unstable();
    let mut table = transaction.open_table(TRANSACTIONS)?;
    for entry in entries {
        table.remove(entry)?;
    }
    Ok(())
}

/// Writes what waits into the table; `indexed` is the last height that it covers.
pub(super) fn write(
    transaction: &WriteTransaction,
    pending: &PendingIndex,
    indexed: u64,
) -> Result<(), redb::Error> {
    let mut entries = pending.blocks.concat();
    entries.sort_unstable();
    let mut table = transaction.open_table(TRANSACTIONS)?;
    for entry in entries {
        table.insert(entry, ())?;
    }
    transaction.open_table(META)?.insert(INDEXED, indexed.to_le_bytes().as_slice())?;
    Ok(())
}
