//! A state in chunks, each of which is right or wrong by itself.
//!
//! A chunk is a subtree of the authenticated state ([`crate::tree`]): all entries whose key hashes
//! begin with the same bits, with the hash that stands over them. The hashes over all chunks, in
//! the order of the tree, are an outline: they fold to one root, which is that of a header or is
//! not. So whoever trusts a header finds out whether an outline is right before anything else is
//! fetched, and then whether a chunk is, in any order and whoever gave it.
//!
//! The tree is jmt's: a subtree of one leaf is the leaf, wherever it stands; one of more is the
//! hash of its two halves.

use std::iter::Peekable;
use std::ops::Range;
use std::slice::Iter;

use borsh::{BorshDeserialize, BorshSerialize};
use jmt::KeyHash;
use jmt::proof::{INTERNAL_DOMAIN_SEPARATOR, LEAF_DOMAIN_SEPARATOR};
use sha2::{Digest, Sha256};

use crate::crypto::Hash;
use crate::encoding::{DecodeError, decode, encode};
use crate::state::{Key, State, Value};
use crate::tree::{encoded_key_hash, key_hash};

/// A subtree whose entries have more bytes than this is cut in two.
pub const CHUNK_BYTES: usize = 256 << 10;
/// Longest chunk that is read, bytes: one entry alone may have more than [`CHUNK_BYTES`].
pub const CHUNK_BYTES_MAX: usize = 16 << 20;
/// Most chunks of an outline that is read.
pub const CHUNKS_MAX: usize = 1 << 16;
/// How far down the tree is cut: nobody finds many keys whose hashes begin with as many equal bits.
const DEPTH_MAX: u8 = 64;
/// What stands for a subtree without leaves.
const EMPTY: &[u8; 32] = b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// Why a snapshot is not what it is said to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The outline is none.
    #[error("the outline is none: {0}")]
    Outline(&'static str),
    /// The outline folds to another root.
    #[error("the outline folds to {found}, the header's state root is {expected}")]
    Root {
        /// The header's.
        expected: Hash,
        /// The outline's.
        found: Hash,
    },
    /// The chunk is not the one of the outline.
    #[error("the chunk is not the one of the outline: {0}")]
    Chunk(&'static str),
    /// Bytes that are no encoding.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// What a subtree is, as seen from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Subtree {
    /// It has no leaf.
    Empty,
    /// It has one.
    Leaf {
        /// The hash of the entry's key.
        key: [u8; 32],
        /// The hash of its value.
        value: [u8; 32],
    },
    /// It has more, with this hash over them.
    Inner([u8; 32]),
}

impl Subtree {
    fn hash(&self) -> [u8; 32] {
        let over = |domain: &[u8], one: &[u8; 32], other: &[u8; 32]| {
            Sha256::new().chain_update(domain).chain_update(one).chain_update(other).finalize()
        };
        match self {
            Self::Empty => *EMPTY,
            Self::Leaf { key, value } => over(LEAF_DOMAIN_SEPARATOR, key, value).into(),
            Self::Inner(hash) => *hash,
        }
    }

    /// The subtree of two halves.
    fn join(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Empty, lone @ (Self::Empty | Self::Leaf { .. }))
            | (lone @ Self::Leaf { .. }, Self::Empty) => lone,
            (left, right) => {
                let hasher = Sha256::new().chain_update(INTERNAL_DOMAIN_SEPARATOR);
                let hasher = hasher.chain_update(left.hash()).chain_update(right.hash());
                Self::Inner(hasher.finalize().into())
            }
        }
    }

    /// The subtree of leaves with rising keys that agree in the first `depth` bits.
    fn of(leaves: &[([u8; 32], [u8; 32])], depth: usize) -> Self {
        match leaves {
            [] => Self::Empty,
            [(key, value)] => Self::Leaf { key: *key, value: *value },
            _ => {
                let (left, right) =
                    leaves.split_at(leaves.partition_point(|leaf| !bit(&leaf.0, depth)));
                // Keys that differ do so in one of their 256 bits: there one half is a leaf.
                Self::join(Self::of(left, depth + 1), Self::of(right, depth + 1))
            }
        }
    }
}

fn bit(hash: &[u8; 32], depth: usize) -> bool {
    hash[depth / 8] >> (7 - depth % 8) & 1 == 1
}

fn value_hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// An entry as it travels: the encodings of its key and its value.
type Entry = (Vec<u8>, Vec<u8>);

/// A chunk that was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What it is in the outline.
    pub line: Line,
    /// Its entries, encoded.
    pub body: Vec<u8>,
}

/// A chunk in an outline. Its place follows from the depths of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Line {
    /// How many bits the key hashes in it share.
    pub depth: u8,
    /// The subtree that it is.
    pub subtree: Subtree,
}

/// A leaf that is not encoded yet.
struct Leaf<'a> {
    hash: KeyHash,
    key: &'a Key,
    value: &'a Value,
    bytes: usize,
}

/// The chunks of a state, in the order of the tree; see [`cut`].
pub struct Cut<'a> {
    leaves: Vec<Leaf<'a>>,
    chunk_bytes: usize,
    /// Subtrees that are still to be cut, the next one last.
    waiting: Vec<(Range<usize>, u8)>,
}

/// Cuts a state into chunks whose entries have `chunk_bytes` at most, or are one alone. The same
/// state gives the same chunks.
pub fn cut(state: &State, chunk_bytes: usize) -> Cut<'_> {
    let leaf = |(key, value)| {
        let bytes = borsh::object_length(&(key, value)).expect("no length exceeds u32");
        Leaf { hash: key_hash(key), key, value, bytes }
    };
    let mut leaves: Vec<Leaf> = state.entries().map(leaf).collect();
    leaves.sort_unstable_by_key(|leaf| leaf.hash);
    let waiting = vec![(0..leaves.len(), 0)];
    Cut { leaves, chunk_bytes, waiting }
}

impl Iterator for Cut<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        loop {
            let (range, depth) = self.waiting.pop()?;
            let leaves = &self.leaves[range.clone()];
            let bytes: usize = leaves.iter().map(|leaf| leaf.bytes).sum();
            if bytes <= self.chunk_bytes || leaves.len() < 2 || depth == DEPTH_MAX {
                return Some(chunk(leaves, depth));
            }
            let middle = leaves.partition_point(|leaf| !bit(&leaf.hash.0, depth.into()));
            let middle = range.start + middle;
            self.waiting.push((middle..range.end, depth + 1));
            self.waiting.push((range.start..middle, depth + 1));
        }
    }
}

fn chunk(leaves: &[Leaf], depth: u8) -> Chunk {
    let entry = |leaf: &Leaf| (encode(leaf.key), encode(leaf.value));
    let entries: Vec<Entry> = leaves.iter().map(entry).collect();
    let hashes =
        leaves.iter().zip(&entries).map(|(leaf, entry)| (leaf.hash.0, value_hash(&entry.1)));
    let subtree = Subtree::of(&hashes.collect::<Vec<_>>(), depth.into());
    Chunk { line: Line { depth, subtree }, body: encode(&entries) }
}

/// Where a chunk belongs, and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bits that the key hashes in it begin with, followed by zeros.
    prefix: [u8; 32],
    line: Line,
}

/// Checks an outline against the state root of a header, and gives the place of each chunk.
///
/// # Errors
/// It is none, or folds to another root.
pub fn places(outline: &[Line], state_root: &Hash) -> Result<Vec<Place>, SnapshotError> {
    if outline.len() > CHUNKS_MAX {
        return Err(SnapshotError::Outline("it has too many chunks"));
    }
    let mut places = Vec::with_capacity(outline.len());
    let mut lines = outline.iter().peekable();
    let root = fold(&mut lines, 0, [0; 32], &mut places)?.hash();
    if lines.next().is_some() {
        return Err(SnapshotError::Outline("it goes on after its end"));
    }
    if root != state_root.0 {
        return Err(SnapshotError::Root { expected: *state_root, found: Hash(root) });
    }
    Ok(places)
}

/// The subtree of the next lines at a depth and behind a prefix.
fn fold(
    lines: &mut Peekable<Iter<Line>>,
    depth: u8,
    prefix: [u8; 32],
    places: &mut Vec<Place>,
) -> Result<Subtree, SnapshotError> {
    let line = **lines.peek().ok_or(SnapshotError::Outline("it ends too early"))?;
    if line.depth == depth {
        lines.next();
        let place = Place { prefix, line };
        // A leaf that stood elsewhere would be looked for where it is not.
        if matches!(line.subtree, Subtree::Leaf { key, .. } if !place.holds(&key)) {
            return Err(SnapshotError::Outline("a leaf is not in its place"));
        }
        places.push(place);
        return Ok(line.subtree);
    }
    if line.depth < depth || depth == DEPTH_MAX {
        return Err(SnapshotError::Outline("its chunks are no tree"));
    }
    let mut right = prefix;
    right[usize::from(depth / 8)] |= 1 << (7 - depth % 8);
    let left = fold(lines, depth + 1, prefix, places)?;
    Ok(Subtree::join(left, fold(lines, depth + 1, right, places)?))
}

impl Place {
    /// What the chunk is called wherever it is kept: the hash over its entries.
    pub fn name(&self) -> Hash {
        Hash(self.line.subtree.hash())
    }

    fn holds(&self, key: &[u8; 32]) -> bool {
        (0..usize::from(self.line.depth)).all(|depth| bit(key, depth) == bit(&self.prefix, depth))
    }

    /// Checks that a body is the chunk of this place, and gives its entries.
    ///
    /// # Errors
    /// It is none, or another.
    pub fn open(&self, body: &[u8]) -> Result<Vec<(Key, Value)>, SnapshotError> {
        let entries: Vec<Entry> = decode("chunk", body, CHUNK_BYTES_MAX)?;
        let hashes: Vec<_> = entries
            .iter()
            .map(|(key, value)| (encoded_key_hash(key).0, value_hash(value)))
            .collect();
        if !hashes.is_sorted_by(|one, other| one.0 < other.0) {
            return Err(SnapshotError::Chunk("its entries are not in order"));
        }
        if !hashes.iter().all(|(key, _)| self.holds(key)) {
            return Err(SnapshotError::Chunk("it has an entry of another"));
        }
        // By the hash alone: an outline may call a leaf by its hash, which says the same.
        if Subtree::of(&hashes, self.line.depth.into()).hash() != self.line.subtree.hash() {
            return Err(SnapshotError::Chunk("its entries have another hash"));
        }
        let entry = |(key, value): &Entry| {
            let key_bytes = key.len();
            let value_bytes = value.len();
            Ok((
                decode("the key of an entry", key, key_bytes)?,
                decode("the value of an entry", value, value_bytes)?,
            ))
        };
        entries.iter().map(entry).collect()
    }
}
