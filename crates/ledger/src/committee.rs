//! Who decides: the members of a committee and the hash that a header names it by.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::crypto::{Hash, PublicKey, hash};
use crate::encoding::{encode, read_text};

/// Longest name of a chain or validator, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// A member of the committee; all votes are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, Serialize, Deserialize)]
pub struct Validator {
    /// A name for people.
    pub name: String,
    /// The key that votes.
    pub key: PublicKey,
}

impl BorshDeserialize for Validator {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let name = read_text(reader, NAME_BYTES_MAX)?;
        Ok(Self { name, key: PublicKey::deserialize_reader(reader)? })
    }
}

/// The hash of a committee, in its canonical order (rising by key).
pub fn committee_hash(committee: &[Validator]) -> Hash {
    hash("committee", &[&encode(committee)])
}
