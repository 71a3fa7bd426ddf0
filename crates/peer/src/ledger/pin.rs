//! The pinned chain: the one ledger that this peer signs for, whatever its nodes say.
//!
//! It stands in `peer.toml`, or else in a file in the peer's home, where the first chain that a
//! node names is written down.

use muster_api::{Client, ClientError};
use muster_files::Readers;
use muster_ledger::crypto::Hash;
use std::io;
use std::path::{Path, PathBuf};

/// Longest file that is looked at, bytes: the digits, and what an editor may leave behind them.
const FILE_BYTES_MAX: u64 = 80;

/// Why a chain is not the pinned one, or cannot be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A node names another chain.
    #[error(transparent)]
    Chain(#[from] ClientError),
    /// The file is damaged.
    #[error("{}: this is not the id of a chain, 64 hexadecimal digits; write the right one, or remove the file to pin the next chain that a node names", .path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{}: the pinned chain cannot be kept here: {source}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Holds a client to one chain.
pub struct PinnedChain {
    ledger: Client,
    path: PathBuf,
}

impl PinnedChain {
    /// Pins the chain of the configuration or of the file `chain` in `home`, where there is one.
    ///
    /// # Errors
    /// [`PinError`], also where both are there and differ.
    pub fn new(ledger: Client, configured: Option<Hash>, home: &Path) -> Result<Self, PinError> {
        let path = home.join("chain");
        let written = read(&path)?;
        for chain in configured.into_iter().chain(written) {
            ledger.pin(chain)?;
        }
        Ok(Self { ledger, path })
    }

    /// Checks the chain that a node names. The first that is named where none is pinned is written
    /// down and pinned.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn check(&self, chain: Hash) -> Result<(), PinError> {
        if self.ledger.pinned().is_none() {
            let source = |source| PinError::File { path: self.path.clone(), source };
            muster_files::replace(&self.path, format!("{chain}\n").as_bytes(), Readers::Everyone)
                .map_err(source)?;
            tracing::info!(%chain, path = %self.path.display(), "the chain is pinned");
        }
        Ok(self.ledger.pin(chain)?)
    }
}

fn read(path: &Path) -> Result<Option<Hash>, PinError> {
    let fault = |source| PinError::File { path: path.into(), source };
    let bytes = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(fault)?.len(),
    };
    let syntax = || PinError::Syntax { path: path.into() };
    if bytes > FILE_BYTES_MAX {
        return Err(syntax());
    }
    let text = std::fs::read_to_string(path).map_err(fault)?;
    text.trim().parse().map(Some).map_err(|_| syntax())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(vec!["http://127.0.0.1:1".into()]).expect("a URL")
    }

    #[test]
    fn the_first_chain_is_pinned_and_stays_over_restarts() {
        let home = tempfile::tempdir().expect("a folder");
        let (first, other) = (Hash([1; 32]), Hash([2; 32]));
        let pin = PinnedChain::new(client(), None, home.path()).expect("nothing is pinned");
        pin.check(first).expect("the first");
        pin.check(first).expect("the same again");
        let error = pin.check(other).expect_err("another").to_string();
        assert!(error.contains("pinned"), "{error}");
        let again = PinnedChain::new(client(), None, home.path()).expect("it was written down");
        again.check(other).expect_err("another, after a restart too");
        again.check(first).expect("the pinned one");
        let error =
            PinnedChain::new(client(), Some(other), home.path()).err().expect("they differ");
        assert!(error.to_string().contains("pinned"), "{error}");
    }

    #[test]
    fn a_configured_chain_needs_no_file_and_a_damaged_file_is_named() {
        let home = tempfile::tempdir().expect("a folder");
        let pin = PinnedChain::new(client(), Some(Hash([3; 32])), home.path()).expect("configured");
        pin.check(Hash([4; 32])).expect_err("another");
        assert!(!home.path().join("chain").exists());
        std::fs::write(home.path().join("chain"), "rubbish").expect("written");
        let error =
            PinnedChain::new(client(), None, home.path()).err().expect("damaged").to_string();
        assert!(error.contains("64 hexadecimal digits"), "{error}");
    }
}
