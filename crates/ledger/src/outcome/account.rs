//! What comes of actions on accounts.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::PublicKey;
use crate::money::Grains;

/// Something that happened to accounts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// Money moved between accounts.
    Transferred { from: PublicKey, to: PublicKey, amount: Grains },
}
