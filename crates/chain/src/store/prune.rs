//! What is kept of the past: the blocks from a first one on. Older ones are removed with their
//! bodies, receipts, events and places in the index, some at a time.

use std::sync::atomic::Ordering;

use muster_ledger::outcome::Receipt;
use muster_ledger::types::Height;
use redb::{Durability, ReadableTable, WriteTransaction};

use super::{DECIDED, Decided, META, OUTCOMES, Outcome, Store, StoreError, index, proposals};

/// The name of the first block that is kept.
pub(super) const FIRST: &str = "first";
/// Most blocks that are removed at once.
const BLOCKS_AT_ONCE: usize = 64;
/// Transactions of the blocks that are removed at once: after a block that reaches so many, no
/// other is taken.
const TRANSACTIONS_AT_ONCE: usize = 4_096;

/// Says that all blocks are kept after a height.
pub(super) fn begin(transaction: &WriteTransaction, height: Height) -> Result<(), redb::Error> {
    let first = height.0 + 1;
    transaction.open_table(META)?.insert(FIRST, first.to_le_bytes().as_slice())?;
    Ok(())
}

/// A block that is to be removed, and what became of its transactions.
struct Old {
    decided: Decided,
    receipts: Vec<Receipt>,
}

impl Store {
    /// The height from which on blocks are here with all that belongs to them.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first.load(Ordering::Relaxed)
    }

    /// Removes some of the blocks below a height, the oldest first, and answers whether there may
    /// be more. The newest block always stays.
    ///
    /// Nothing waits for the disk: what was removed is gone for good with the next block. After a
    /// crash before that it is there again, and is removed again.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn prune(&self, before: u64) -> Result<bool, StoreError> {
        let old = self.oldest(before)?;
        let Some(last) = old.last() else { return Ok(false) };
        let first = last.decided.header.height.0 + 1;
        // Whoever finds a block gone finds that it was removed, not that it never was.
        self.first.fetch_max(first, Ordering::Relaxed);
        // What is no longer in memory is not written into the index once it was removed there.
        self.lock_pending().forget_before(first);
        let mut transaction = self.database().begin_write().map_err(|error| self.error(error))?;
        transaction.set_durability(Durability::None).map_err(|error| self.error(error))?;
        remove(&transaction, &old, first).map_err(|error| self.error(error))?;
        transaction.commit().map_err(|error| self.error(error))?;
        Ok(first < before)
    }

    /// The oldest blocks below a height, as many as are removed at once.
    fn oldest(&self, before: u64) -> Result<Vec<Old>, StoreError> {
        let transaction = self.read()?;
        let decided = transaction.open_table(DECIDED).map_err(|error| self.error(error))?;
        let newest = decided.last().map_err(|error| self.error(error))?;
        let before = newest.map_or(0, |(height, _)| height.value()).min(before);
        let mut old = Vec::new();
        let mut transactions = 0;
        for row in decided.range(..before).map_err(|error| self.error(error))?.take(BLOCKS_AT_ONCE)
        {
            let (height, decided) = row.map_err(|error| self.error(error))?;
            let decided: Decided =
                borsh::from_slice(decided.value()).map_err(|error| self.damaged(error))?;
            // The block of the state that a node began with has a certificate and no more.
            let outcome: Option<Outcome> =
                self.get_decoded(&transaction, OUTCOMES, height.value())?;
            let receipts = outcome.unwrap_or_default().receipts;
            transactions += receipts.len();
            old.push(Old { decided, receipts });
            if transactions >= TRANSACTIONS_AT_ONCE {
                break;
            }
        }
        Ok(old)
    }
}

/// Removes blocks with all that belongs to them; `first` is then the first that is kept.
fn remove(transaction: &WriteTransaction, old: &[Old], first: u64) -> Result<(), redb::Error> {
    let mut heights = transaction.open_table(DECIDED)?;
    let mut outcomes = transaction.open_table(OUTCOMES)?;
    for Old { decided, .. } in old {
        let height = decided.header.height.0;
        heights.remove(height)?;
        outcomes.remove(height)?;
        proposals::forget(transaction, &decided.hash)?;
    }
    index::forget(
        transaction,
        old.iter().map(|old| (old.decided.header.height.0, &*old.receipts)),
    )?;
    transaction.open_table(META)?.insert(FIRST, first.to_le_bytes().as_slice())?;
    Ok(())
}
