//! Blocks that a dishonest proposer makes beside the one that the honest code built.

use bytes::Bytes;
use muster_chain::chain::Tip;
use muster_chain::store::Store;
use muster_ledger::crypto::{Hash, PublicKey, hash};
use muster_ledger::execute::propose;
use muster_ledger::tree::update;

/// A block that nobody expects.
#[derive(Clone, Debug)]
pub struct Rival {
    /// Its hash.
    pub hash: Hash,
    /// Its encoding.
    pub body: Bytes,
}

impl Rival {
    /// An empty block after the tip, `later_ms` after the least time it may have, with a state root
    /// that is right or `false_root`. `None` where the disk fails.
    pub fn build(
        tip: &Tip,
        store: &Store,
        proposer: PublicKey,
        later_ms: u64,
        false_root: bool,
    ) -> Option<Self> {
        let time_ms = tip.header.time_ms + 1 + later_ms;
        let (transactions, execution) =
            propose(&tip.state, &tip.header, time_ms, proposer, std::iter::empty()).ok()?;
        let tree = store.tree(None).ok()?;
        let (root, _) = update(&tree, tip.header.height.next(), &execution.changes).ok()?;
        let root = if false_root { hash("false root", &[&root.0]) } else { root };
        let block = execution.block(&tip.header, proposer, transactions, root);
        Some(Self { hash: block.hash(), body: Bytes::from(block.encode()) })
    }
}
