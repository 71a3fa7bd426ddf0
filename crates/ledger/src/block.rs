//! Blocks and their headers.

use borsh::{BorshDeserialize, BorshSerialize};
use rayon::prelude::*;

use crate::crypto::{Claim, Hash, PublicKey, hash, verify_batch};
use crate::encoding::{DecodeError, decode, encode};
use crate::protocol::Version;
use crate::transaction::{Limits, SignedTransaction};
use crate::types::Height;

/// What the committee agrees on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// The rules that the block is executed by. First in the encoding, so that what follows can
    /// change with it.
    pub version: Version,
    /// The chain.
    pub chain: Hash,
    /// The block's position; the genesis header has 0.
    pub height: Height,
    /// The proposer's clock, in milliseconds since 1970; later than the parent's.
    pub time_ms: u64,
    /// The parent's hash; zero in the genesis header.
    pub previous: Hash,
    /// Root of the authenticated state after this block.
    pub state_root: Hash,
    /// Root over the block's transactions ([`transactions_root`]).
    pub transactions_root: Hash,
    /// Hash of the committee that decides the next block ([`crate::committee::committee_hash`]).
    pub next_committee: Hash,
    /// Who proposed the block; receives its tips.
    pub proposer: PublicKey,
}

impl Header {
    /// The block's name.
    pub fn hash(&self) -> Hash {
        hash("header", &[&encode(self)])
    }
}

/// A header with its transactions.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// What the committee agrees on.
    pub header: Header,
    /// The transactions, in the order of execution.
    pub transactions: Vec<SignedTransaction>,
}

impl Block {
    /// The block's name: its header's hash, which binds the transactions by their root.
    pub fn hash(&self) -> Hash {
        self.header.hash()
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The length of the encoding of a block without transactions, in bytes.
    pub(crate) fn empty_len() -> u64 {
        let (zero, proposer) = (Hash([0; 32]), PublicKey([0; 32]));
        let header = Header {
            version: Version::FIRST,
            chain: zero,
            height: Height(0),
            time_ms: 0,
            previous: zero,
            state_root: zero,
            transactions_root: zero,
            next_committee: zero,
            proposer,
        };
        let empty = Self { header, transactions: Vec::new() };
        borsh::object_length(&empty).expect("no length exceeds u32") as u64
    }

    /// Reads a block of at most `limits.block_bytes_max` bytes.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        decode("block", bytes, limits.block_bytes_max)
    }

    /// The index of the first transaction with a signature that does not match, if any. All are
    /// checked in batches over all cores.
    pub fn invalid_signature(&self) -> Option<usize> {
        let mut claims: Vec<Claim> = Vec::with_capacity(self.transactions.len());
        let mut owners = Vec::with_capacity(self.transactions.len());
        for (index, transaction) in self.transactions.iter().enumerate() {
            for claim in transaction.claims() {
                claims.push(claim);
                owners.push(index);
            }
        }
        let answers = verify_batch(&claims);
        answers.iter().position(|valid| !valid).map(|position| owners[position])
    }
}

/// The Merkle root over transactions with their signatures, shaped like RFC 6962: a tree of `n`
/// leaves splits at the largest power of two below `n`; leaves and nodes hash under different
/// domains; no transactions give the hash of nothing.
pub fn transactions_root(transactions: &[SignedTransaction]) -> Hash {
    let leaves: Vec<Hash> = transactions
        .par_iter()
        .map(|transaction| hash("transactions leaf", &[&encode(transaction)]))
        .collect();
    merkle_root(&leaves)
}

fn merkle_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash("transactions empty", &[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = (merkle_root(&leaves[..split]), merkle_root(&leaves[split..]));
            hash("transactions node", &[&left.0, &right.0])
        }
    }
}
