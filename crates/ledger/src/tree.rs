//! The authenticated state: a Jellyfish Merkle tree over every entry, and proofs from it.
//!
//! A leaf stands at `hash("state key", key)` and holds the entry's encoding; the tree's version is
//! the block's height. The nodes live wherever the reader keeps them.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use jmt::proof::SparseMerkleProof;
use jmt::storage::{TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, RootHash, Sha256Jmt};
use rayon::prelude::*;
use sha2::Sha256;

use crate::crypto::{Hash, hash};
use crate::encoding::{DecodeError, decode, encode};
use crate::state::{Key, State, Value};
use crate::types::Height;

/// Longest encoding of a proof that is accepted, in bytes; 256 siblings fit.
pub const PROOF_BYTES_MAX: usize = 32 << 10;

/// Why the tree could not be read or a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The storage failed, or lacks a node that should be there.
    #[error("the state tree at height {height} cannot be read: {reason}")]
    Storage {
        /// The version asked for.
        height: Height,
        /// What the storage or tree said.
        reason: String,
    },
    /// The proof shows something else.
    #[error("the proof does not show what is claimed under this root: {0}")]
    Proof(String),
}

/// Where an entry stands in the tree.
pub fn key_hash(key: &Key) -> KeyHash {
    encoded_key_hash(&encode(key))
}

/// The same, for a key's encoding.
pub(crate) fn encoded_key_hash(key: &[u8]) -> KeyHash {
    KeyHash(hash("state key", &[key]).0)
}

/// The root and the new nodes after `changes` are applied at `height` on top of the height
/// before; `reader` must hold that one. For the genesis give height 0 and every entry.
pub fn update<R: TreeReader>(
    reader: &R,
    height: Height,
    changes: &BTreeMap<Key, Option<Value>>,
) -> Result<(Hash, TreeUpdateBatch), TreeError> {
    let error = |cause: anyhow::Error| TreeError::Storage { height, reason: format!("{cause:#}") };
    let tree = Sha256Jmt::new(reader);
    let leaves: Vec<(KeyHash, Option<Vec<u8>>)> = changes
        .par_iter()
        .map(|(key, value)| (key_hash(key), value.as_ref().map(encode)))
        .collect();
    // The batch form hashes every inner node once instead of once for each leaf below it, but
    // knows no removal; both give the same root, since the tree is a function of its leaves.
    let removes = leaves.iter().any(|(_, value)| value.is_none());
    if removes || leaves.is_empty() {
        let (root, batch) = tree.put_value_set(leaves, height.0).map_err(error)?;
        return Ok((Hash(root.0), batch));
    }
    let written = leaves.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let (roots, batch) = tree.batch_put_value_sets(vec![written], None, height.0).map_err(error)?;
    Ok((Hash(roots[0].0), batch))
}

/// The changes that make an empty tree into the tree of a state.
pub fn all_entries(state: &State) -> BTreeMap<Key, Option<Value>> {
    state.entries().map(|(key, value)| (*key, Some(value.clone()))).collect()
}

/// A proof for whatever stands, or does not stand, under `key` at `height`; also the value.
pub fn prove<R: TreeReader>(
    reader: &R,
    height: Height,
    key: &Key,
) -> Result<(Option<Value>, Proof), TreeError> {
    let error = |reason: String| TreeError::Storage { height, reason };
    let (value, proof) = Sha256Jmt::new(reader)
        .get_with_proof(key_hash(key), height.0)
        .map_err(|cause| error(format!("{cause:#}")))?;
    let value = value
        .map(|bytes| decode("state entry", &bytes, bytes.len()))
        .transpose()
        .map_err(|cause| error(cause.to_string()))?;
    Ok((value, Proof(proof)))
}

/// That an entry has a value, or is not there, under a state root.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Proof(SparseMerkleProof<Sha256>);

impl Proof {
    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a proof.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("proof", bytes, PROOF_BYTES_MAX)
    }

    /// Whether `key` has exactly `value` (`None`: is not there) in the state with this root; the
    /// root comes from a header that the committee certified.
    pub fn verify(&self, root: &Hash, key: &Key, value: Option<&Value>) -> Result<(), TreeError> {
        self.0
            .verify(RootHash(root.0), key_hash(key), value.map(encode))
            .map_err(|error| TreeError::Proof(format!("{error:#}")))
    }
}
