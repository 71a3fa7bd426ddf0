//! Why a chain cannot go on, each in one sentence that says what to do.

use muster_ledger::crypto::Hash;
use muster_ledger::protocol::Version;

use crate::store::StoreError;

/// Why a chain cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain goes on by rules that this node does not know, or is told not to follow.
    #[error(
        "from height {height} on the chain runs protocol version {version}, this node goes along \
         up to version {newest}: install a program that knows it, check protocol_version_max in \
         node.toml, and start the node again; nothing is lost"
    )]
    Upgrade {
        /// The first block by the new rules.
        height: u64,
        /// Their version.
        version: Version,
        /// The newest version that the node follows.
        newest: Version,
    },
    /// A decided block cannot be applied: this node would leave the chain.
    #[error(
        "the decided block {hash} of height {height} cannot be applied: {reason}; \
         this node's program or database differs from the others'"
    )]
    Divergence {
        /// The height.
        height: u64,
        /// The block.
        hash: Hash,
        /// What is wrong.
        reason: String,
    },
}
