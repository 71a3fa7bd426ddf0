//! How a database begins: with a genesis, or with the state after a later block.

use std::path::Path;

use muster_ledger::crypto::PublicKey;
use muster_ledger::genesis::Genesis;
use muster_ledger::state::State;
use muster_ledger::tree::{all_entries, update};
use muster_ledger::types::Height;
use redb::WriteTransaction;

use super::tree::EmptyTree;
use super::{
    CommitteeChange, DECIDED, Decided, LAYOUT, META, OUTCOMES, Opened, Store, StoreError,
    committees, history, index, proposals, prune, storage, store_error, tree, write_state,
};
use muster_ledger::encoding::encode;

/// The state with which a database begins that does not begin with the genesis.
#[derive(Debug)]
pub struct Beginning {
    /// The block after which the state is this. Its transactions are not there.
    pub decided: Decided,
    /// The state.
    pub state: State,
    /// All changes of the committee up to that block, for those who follow them from here.
    pub changes: Vec<CommitteeChange>,
}

impl Store {
    /// Makes a database where no file is, which begins with a later state than the genesis. It is
    /// whole when this returns, and of no use before.
    ///
    /// # Errors
    /// When the disk fails, or the state is not that of the block.
    pub fn begin_at(
        path: &Path,
        cache_bytes: usize,
        genesis: &Genesis,
        validator: &PublicKey,
        beginning: &Beginning,
    ) -> Result<(), StoreError> {
        let database = storage::database(|| storage::file(path), cache_bytes)
            .map_err(|error| store_error(path, error.into()))?;
        let store = Self::on(database, path);
        store.begin(genesis, validator, Some(beginning)).map(|_| ())
    }

    /// Writes the first state and all tables.
    pub(super) fn begin(
        &self,
        genesis: &Genesis,
        validator: &PublicKey,
        later: Option<&Beginning>,
    ) -> Result<Opened, StoreError> {
        let state = match later {
            Some(later) => later.state.clone(),
            None => State::genesis(genesis)
                .map_err(|reason| StoreError::State { path: self.path.clone(), reason })?,
        };
        let changes = all_entries(&state);
        let height = state.height();
        let (root, batch) =
            update(&EmptyTree, height, &changes).map_err(|error| self.damaged(error))?;
        let header = match later {
            Some(later) => later.decided.header.clone(),
            None => genesis.header(root),
        };
        if (header.height, header.state_root) != (height, root) {
            return Err(self.damaged(format!("the state has root {root}, the block another")));
        }
        self.write(|transaction| {
            begin_tables(transaction, genesis, validator, height)?;
            if let Some(later) = later {
                let decided = encode(&later.decided);
                transaction.open_table(DECIDED)?.insert(height.0, decided.as_slice())?;
                for change in &later.changes {
                    committees::write(transaction, change)?;
                }
            }
            write_state(transaction, &changes)?;
            tree::write_nodes(transaction, &batch)
        })?;
        Ok(Opened { header, state })
    }
}

/// Makes all tables, for a state after a height.
fn begin_tables(
    transaction: &WriteTransaction,
    genesis: &Genesis,
    validator: &PublicKey,
    height: Height,
) -> Result<(), redb::Error> {
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert("layout", LAYOUT.to_le_bytes().as_slice())?;
        meta.insert("chain", genesis.chain_id().0.as_slice())?;
        meta.insert("validator", validator.0.as_slice())?;
    }
    transaction.open_table(DECIDED)?;
    transaction.open_table(OUTCOMES)?;
    proposals::begin(transaction)?;
    prune::begin(transaction, height)?;
    index::begin(transaction, height)?;
    committees::begin(transaction)?;
    history::begin(transaction)
}
