//! Sealed values: committed to in one epoch, opened in the next, so that nobody can copy them
//! while they are worth copying.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::{Hash, PublicKey, hash};
use crate::types::Epoch;

/// A hidden value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sealed {
    /// [`seal`] of the value and its salt.
    pub hash: Hash,
    /// The epoch in which it was made.
    pub epoch: Epoch,
}

/// Why a sealed value cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum SealError {
    /// Too early or too late.
    #[error(
        "the commitment was made in epoch {committed}, it is revealed in the next, this is {epoch}"
    )]
    Window {
        /// When it was made.
        committed: Epoch,
        /// Now.
        epoch: Epoch,
    },
    /// Another value or salt.
    #[error("what is revealed is not what was committed to")]
    Mismatch,
}

/// The hash that hides a value: under its domain, bound to the chain, the key that will open it
/// and a salt, so that nobody can copy another's.
pub fn seal(domain: &str, chain: &Hash, key: &PublicKey, value: &[u8], salt: &[u8; 32]) -> Hash {
    hash(domain, &[&chain.0, &key.0, value, salt])
}

impl Sealed {
    /// Checks that now is the time to open it and that `opened`, made by [`seal`], is what was
    /// hidden.
    ///
    /// # Errors
    /// It is not.
    pub fn open(&self, epoch: Epoch, opened: &Hash) -> Result<(), SealError> {
        let committed = self.epoch;
        if epoch != committed.next() {
            return Err(SealError::Window { committed, epoch });
        }
        if self.hash == *opened { Ok(()) } else { Err(SealError::Mismatch) }
    }
}
