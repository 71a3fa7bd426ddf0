//! A full check of what a node stores, by hand: in every block only what it touched is checked, so
//! that no number of entries makes blocks slower.

use muster_ledger::money::Grains;
use muster_ledger::types::Height;

use crate::config::NodeConfig;
use crate::error::NodeError;
use muster_chain::store::Store;

/// What was found to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The newest block.
    pub height: Height,
    /// Entries of the state after it.
    pub entries: usize,
    /// The money that they hold together, which is what the supply says.
    pub money: Grains,
}

/// Opens the database of a node that does not run, and checks that its entries hold as much money
/// as the supply says, and give the state root of its newest header.
///
/// # Errors
/// No database, one in use, and what is wrong with it.
pub fn audit(mut config: NodeConfig) -> Result<Audit, NodeError> {
    config.resolve(&std::env::current_dir().unwrap_or_default());
    let (genesis, key) = (config.read_genesis()?, config.read_key()?);
    let path = config.database();
    if !path.exists() {
        let reason = "it holds no database yet: start the node first".to_string();
        return Err(NodeError::Home { path: config.home, reason });
    }
    let cache = (config.cache_mib as usize) << 20;
    let (store, opened) = Store::open(&path, cache, &genesis, &key.public())?;
    store.audit(&opened)?;
    let state = &opened.state;
    let (height, entries, money) = (state.height(), state.len(), state.supply().total());
    Ok(Audit { height, entries, money })
}
