//! What a duty is.

use crate::ledger::desk::{Desk, DeskError};
use crate::ledger::directory::Directory;
use futures::future::BoxFuture;
use muster_api::ClientError;
use muster_ledger::crypto::Hash;
use std::path::PathBuf;

/// The ledger as it stands while the duties are gone through.
pub(crate) struct View<'a> {
    /// Identity of the ledger.
    pub chain: Hash,
    /// Its peers and its height.
    pub directory: &'a Directory,
    /// Where what is due is handed in.
    pub desk: &'a Desk,
}

/// What follows after a duty was seen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next duty; what the view says of this peer still holds.
    Duty,
    /// A fresh view: this peer stands otherwise on the ledger than the view says.
    View,
}

/// Something that a peer owes the ledger.
pub(crate) trait Duty: Send {
    /// Does what is due at this view, if anything is.
    fn tend<'a>(&'a mut self, view: &'a View<'_>) -> BoxFuture<'a, Result<Next, DutyError>>;
}

/// Why a duty was not done; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DutyError {
    /// The transaction was not signed, not taken or not accepted.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// No node answers, or one refuses.
    #[error(transparent)]
    Ledger(#[from] ClientError),
    /// The work found no number in time.
    #[error("{hashes} hashes found no proof of work of difficulty {difficulty}")]
    Work {
        /// How many were tried.
        hashes: u64,
        /// Hashes expected.
        difficulty: u64,
    },
    /// The model's thread does not answer.
    #[error("the model's thread does not say its weights")]
    Weights,
    /// No randomness for a salt.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The commitment cannot be kept.
    #[error("{}: the commitment cannot be kept: {source}", .path.display())]
    Commitment {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
