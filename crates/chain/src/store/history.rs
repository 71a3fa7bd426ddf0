//! The market's past, one point an epoch, for whoever draws it.

use borsh::{BorshDeserialize, BorshSerialize};
use muster_ledger::block::Header;
use muster_ledger::encoding::encode;
use muster_ledger::state::State;
use muster_ledger::types::PeerId;
use redb::{TableDefinition, WriteTransaction};

use super::{Store, StoreError};

/// Market history by epoch.
const HISTORY: TableDefinition<u64, &[u8]> = TableDefinition::new("history");
/// Epochs of history that are kept.
const HISTORY_EPOCHS_MAX: u64 = 2_048;
/// Peers in a point of history: those of highest stake.
const HISTORY_PEERS_MAX: usize = 256;

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
    pub(super) fn of(state: &State, header: &Header) -> Self {
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
            epoch: state.clock().epoch.0,
            height: header.height.0,
            time_ms: header.time_ms,
            loss: state.market().loss.0,
            minted: state.supply().minted.0,
            peers,
        }
    }
}

impl Store {
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
}

/// Makes the table.
pub(super) fn begin(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(HISTORY)?;
    Ok(())
}

/// Adds a point, and forgets the one that is too old.
pub(super) fn write(
    transaction: &WriteTransaction,
    point: &HistoryPoint,
) -> Result<(), redb::Error> {
    let mut history = transaction.open_table(HISTORY)?;
    history.insert(point.epoch, encode(point).as_slice())?;
    if let Some(old) = point.epoch.checked_sub(HISTORY_EPOCHS_MAX) {
        history.remove(old)?;
    }
    Ok(())
}
