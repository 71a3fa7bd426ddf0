//! What can go wrong with a node, each in one sentence that says what to do.

use std::path::PathBuf;

use muster_chain::ChainError;
use muster_chain::store::StoreError;
use muster_keys::KeyFileError;
use muster_ledger::genesis::GenesisError;

use crate::http::tls::TlsError;

/// Why a node cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration file cannot be read.
    #[error("the configuration {path} cannot be read: {reason}")]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and field where known.
        reason: String,
    },
    /// A setting cannot be used.
    #[error("the setting {field} is {value:?}: {reason}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it and what would do.
        reason: String,
    },
    /// The genesis file cannot be read.
    #[error("the genesis {path} cannot be read: {reason}")]
    GenesisFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The genesis is not possible.
    #[error("the genesis {path} is not possible: {reason}")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: GenesisError,
    },
    /// The key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The API cannot be served over TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The home cannot be written.
    #[error("the home {path} cannot be used: {reason}")]
    Home {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain cannot go on.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A port cannot be had.
    #[error(
        "{what} cannot listen on {address}: {reason}; choose another address or end what uses it"
    )]
    Listen {
        /// "the API" or "consensus".
        what: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The system gives no threads for the API.
    #[error("the API cannot be served: {0}")]
    Serve(std::io::Error),
    /// The system gives no thread for what is done beside consensus.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// The consensus engine could not be started.
    #[error("consensus could not be started: {0}")]
    Engine(String),
    /// The consensus engine ended.
    #[error("the consensus engine stopped: {0}; what was decided is safe, start the node again")]
    EngineStopped(String),
}
