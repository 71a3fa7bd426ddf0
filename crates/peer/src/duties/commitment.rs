//! The commitment to a row of weights, kept on disk: a peer that restarts must still be able to
//! reveal it.

use crate::duties::duty::DutyError;
use muster_files::Readers;
use muster_ledger::types::Row;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A row that was committed to and is to be revealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Commitment {
    /// Epoch that it was committed in.
    pub epoch: u64,
    /// The row.
    pub row: Row,
    /// What hides the row until then.
    pub salt: [u8; 32],
}

/// At most one commitment, in memory as it is on disk.
pub(crate) struct KeptCommitment {
    path: PathBuf,
    kept: Option<Commitment>,
}

impl KeptCommitment {
    /// The commitment in the folder `home`. One that cannot be used is said and passed over: what
    /// it costs is the row of one epoch, and the peer must not stand still for that.
    pub fn open(home: &Path) -> Self {
        let path = home.join("commitment.json");
        Self { kept: read(&path), path }
    }

    /// What is kept.
    pub fn get(&self) -> Option<&Commitment> {
        self.kept.as_ref()
    }

    /// Keeps `commitment` in place of what was kept.
    pub fn keep(&mut self, commitment: Commitment) -> Result<(), DutyError> {
        let bytes = serde_json::to_vec(&commitment).expect("numbers serialise");
        muster_files::replace(&self.path, &bytes, Readers::Owner)
            .map_err(|source| self.error(source))?;
        self.kept = Some(commitment);
        Ok(())
    }

    /// Keeps nothing any more.
    pub fn forget(&mut self) -> Result<(), DutyError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(self.error(error)),
            _ => self.kept = None,
        }
        Ok(())
    }

    fn error(&self, source: std::io::Error) -> DutyError {
        DutyError::Commitment { path: self.path.clone(), source }
    }
}

fn read(path: &Path) -> Option<Commitment> {
    let read = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        read => read.map_err(|error| error.to_string()),
    };
    match read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())) {
        Ok(commitment) => Some(commitment),
        Err(reason) => {
            tracing::warn!(
                path = %path.display(),
                reason,
                "the commitment cannot be read: its weights will not be revealed, and the peer \
                 goes on with the next epoch"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_ledger::types::{PeerId, Share};

    #[test]
    fn a_commitment_is_kept_and_a_damaged_one_is_passed_over() {
        let home = tempfile::tempdir().expect("a directory");
        let open = || KeptCommitment::open(home.path());
        let mut kept = open();
        assert_eq!(kept.get(), None);
        kept.forget().expect("there was nothing");
        let row = Row::new(vec![(PeerId(1), Share(5))]).expect("a row");
        let commitment = Commitment { epoch: 3, row, salt: [7; 32] };
        kept.keep(commitment.clone()).expect("written");
        assert_eq!(kept.get(), Some(&commitment));
        assert_eq!(open().get(), Some(&commitment));
        let path = home.path().join("commitment.json");
        let bytes = std::fs::read(&path).expect("it is there");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
        assert_eq!(open().get(), None);
        kept.forget().expect("removed");
        assert!(kept.get().is_none() && !path.exists());
    }
}
