//! Proposals that may be voted for, and the bodies of blocks.
//!
//! A body stays while its height is open and is kept when its block is decided.

use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::encoding::encode;
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::{Decided, Store, StoreError};
use crate::consensus::Announcement;

/// Block bodies by hash, decided or not.
const BODIES: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("bodies");
/// Proposals seen and not yet decided: (height, round, hash) to valid round,
/// proposer and announcement.
const UNDECIDED: TableDefinition<(u64, u32, &[u8; 32]), &[u8]> = TableDefinition::new("undecided");

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
    /// How it was announced; none for a block that was fetched from others.
    pub announcement: Option<Announcement>,
}

/// Makes the tables.
pub(super) fn begin(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(BODIES)?;
    transaction.open_table(UNDECIDED)?;
    Ok(())
}

impl Store {
    /// Makes a checked proposal and its body durable: to be called before anybody is told that it
    /// may be voted for.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn put_undecided(&self, undecided: &Undecided, body: &[u8]) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(BODIES)?.insert(&undecided.hash.0, body)?;
            let record =
                encode(&(undecided.valid_round, undecided.proposer, &undecided.announcement));
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
            let (valid_round, proposer, announcement) =
                borsh::from_slice(value.value()).map_err(|error| self.damaged(error))?;
            found.push(Undecided {
                height,
                round,
                hash: Hash(*hash),
                valid_round,
                proposer,
                announcement,
            });
        }
        Ok(found)
    }

    /// The encoded block with this hash, decided or not.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn body(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        body(&self.read()?, hash).map_err(|error| self.error(error))
    }
}

/// The encoded block with this hash.
pub(super) fn body(
    transaction: &ReadTransaction,
    hash: &Hash,
) -> Result<Option<Vec<u8>>, redb::Error> {
    let body = transaction.open_table(BODIES)?.get(&hash.0)?;
    Ok(body.map(|body| body.value().to_vec()))
}

/// Removes the body of a decided block.
pub(super) fn forget(transaction: &WriteTransaction, hash: &Hash) -> Result<(), redb::Error> {
    transaction.open_table(BODIES)?.remove(&hash.0)?;
    Ok(())
}

/// Moves the decided body out of the undecided ones, and removes the others of its height.
pub(super) fn settle(
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
