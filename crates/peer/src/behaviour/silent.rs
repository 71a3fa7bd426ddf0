//! Attack simulator: a peer that holds a place and never answers, so that others wait for it.

use crate::behaviour::conduct::{Answering, Conduct};
use crate::ledger::directory::{Directory, Weights};
use muster_ledger::crypto::PublicKey;

/// A silent peer.
pub(super) struct Silent;

impl Conduct for Silent {
    fn learns(&self) -> bool {
        false
    }

    fn answering(&self) -> Answering {
        Answering::Never
    }

    fn weights(&mut self, _honest: Weights, _me: &PublicKey, _directory: &Directory) -> Weights {
        Vec::new()
    }
}
