//! Why the database cannot serve, in one sentence each.

use std::path::{Path, PathBuf};

use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::state::StateError;

use super::LAYOUT;

/// Why the database cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the database open.
    #[error("the database {path} is in use by another process: end it first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full, or the file may not grow any more.
    #[error(
        "there is no space left for the database {path}: make room and start the node again, nothing is lost"
    )]
    NoSpace {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged or no database.
    #[error(
        "the database {path} is damaged or no database ({reason}): move the home away and start \
         again, the node fetches the chain from the others"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file was written by another version of the program.
    #[error(
        "the database {path} has layout {found}, this program knows {LAYOUT}: use the program that \
         made it, or move the home away and begin anew"
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: u32,
    },
    /// The home belongs to another chain.
    #[error(
        "the home {path} belongs to chain {found}, the genesis is of chain {expected}: \
         give the genesis of that chain, or another home"
    )]
    OtherChain {
        /// The database.
        path: PathBuf,
        /// The chain of the genesis.
        expected: Hash,
        /// The chain in the database.
        found: Hash,
    },
    /// The home belongs to another validator: signing there could break a promise made before.
    #[error(
        "the home {path} was used with key {found}, now with {expected}: \
         a home belongs to one key, give this one its own"
    )]
    OtherKey {
        /// The database.
        path: PathBuf,
        /// The key given.
        expected: PublicKey,
        /// The key in the database.
        found: PublicKey,
    },
    /// The state in the database is not one.
    #[error("the database {path} is damaged: {reason}; move the home away and start again")]
    State {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        reason: StateError,
    },
    /// Anything else that the disk says.
    #[error("the database {path} failed: {reason}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
}

/// What the database said, in our words.
pub(super) fn store_error(path: &Path, error: redb::Error) -> StoreError {
    let path = path.to_path_buf();
    match error {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { path },
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::StorageFull
                    | std::io::ErrorKind::QuotaExceeded
                    | std::io::ErrorKind::FileTooLarge
            ) =>
        {
            StoreError::NoSpace { path }
        }
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            StoreError::Damaged { path, reason: error.to_string() }
        }
        redb::Error::Corrupted(reason) => StoreError::Damaged { path, reason },
        redb::Error::UpgradeRequired(version) => {
            StoreError::Damaged { path, reason: format!("file format {version}") }
        }
        redb::Error::TableDoesNotExist(table) => {
            StoreError::Damaged { path, reason: format!("it has no table {table}") }
        }
        error @ (redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)) => {
            StoreError::Damaged { path, reason: error.to_string() }
        }
        error => StoreError::Other { path, reason: error.to_string() },
    }
}
