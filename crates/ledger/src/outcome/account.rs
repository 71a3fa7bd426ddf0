//! What comes of actions on accounts.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::types::Height;

/// Something that happened to accounts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// Money moved between accounts.
    Transferred { from: PublicKey, to: PublicKey, amount: Grains },
    /// An account was closed; everything that it had went to another.
    Closed { account: PublicKey, to: PublicKey, amount: Grains },
}

/// Why an action on accounts is refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum Rejection {
    #[error(
        "{to} has no account yet: the first transfer to it must bring at least {deposit}, which is \
         held while the account is there and comes back when it is closed"
    )]
    Opening { to: PublicKey, deposit: Grains },
    #[error("{key} has no account: one begins with a transfer of at least {deposit} to it")]
    NoAccount { key: PublicKey, deposit: Grains },
    #[error("the account may be closed from height {from} on: before, its past could be repeated")]
    ClosesFrom { from: Height },
    #[error("an account cannot be closed in favour of itself: name another that receives the rest")]
    ClosedToItself,
}
