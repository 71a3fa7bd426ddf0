//! The state tree in the database, for the newest height alone: nodes stand under their path and
//! are overwritten; readers see the snapshot of their transaction.

use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Version};
use muster_ledger::encoding::encode;
use redb::{ReadOnlyTable, ReadTransaction, TableDefinition, WriteTransaction};

const NODES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("nodes");

/// The tree before its first entries, at any height.
pub(super) struct EmptyTree;

impl TreeReader for EmptyTree {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        // jmt asks for the root of the height before; before height 0 that is the last number,
        // and it wants none there.
        let before = key.nibble_path().is_empty() && key.version() != Version::MAX;
        Ok(before.then_some(Node::Null))
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
pub struct TreeSnapshot {
    nodes: ReadOnlyTable<&'static [u8], &'static [u8]>,
    value: Option<(KeyHash, Vec<u8>)>,
}

impl TreeSnapshot {
    /// The tree as the transaction sees it; `value` answers the one question for a value that a
    /// proof asks.
    pub(super) fn open(
        transaction: &ReadTransaction,
        value: Option<(KeyHash, Vec<u8>)>,
    ) -> Result<Self, redb::TableError> {
        Ok(Self { nodes: transaction.open_table(NODES)?, value })
    }
}

impl TreeReader for TreeSnapshot {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let Some(value) = self.nodes.get(encode(key.nibble_path()).as_slice())? else {
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

/// Writes the new nodes of a block and removes those whose place nobody took.
pub(super) fn write_nodes(
    transaction: &WriteTransaction,
    batch: &TreeUpdateBatch,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(NODES)?;
    let mut written: Vec<(Vec<u8>, &NodeKey, &Node)> = batch
        .node_batch
        .nodes()
        .iter()
        .map(|(key, node)| (encode(key.nibble_path()), key, node))
        .collect();
    // In the order of the table, so that each of its pages is visited once.
    written.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for stale in &batch.stale_node_index_batch {
        let path = encode(stale.node_key.nibble_path());
        // Most nodes are replaced by a newer one under the same path: that overwrites them.
        if written.binary_search_by(|(other, ..)| other.cmp(&path)).is_err() {
            table.remove(path.as_slice())?;
        }
    }
    for (path, key, node) in &written {
        table.insert(path.as_slice(), encode(&(key.version(), *node)).as_slice())?;
    }
    Ok(())
}
