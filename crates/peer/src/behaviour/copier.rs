//! Attack simulator: a copier of weights. It learns nothing, answers with an untrained model, and
//! sets the row that the peer of highest stake last set, to be paid like one who measured.

use crate::behaviour::conduct::Conduct;
use crate::ledger::directory::{Directory, Weights};
use muster_ledger::crypto::PublicKey;

/// A copier of weights.
pub(super) struct Copier;

impl Conduct for Copier {
    fn learns(&self) -> bool {
        false
    }

    fn weights(&mut self, _honest: Weights, me: &PublicKey, directory: &Directory) -> Weights {
        let others = directory.by_id().into_iter().filter(|(hot, _)| *hot != me);
        let richest = others
            .filter(|(_, entry)| !entry.weights.is_empty())
            .max_by_key(|(_, entry)| (entry.stake, std::cmp::Reverse(entry.id)));
        richest.map(|(_, entry)| entry.weights.clone()).unwrap_or_default()
    }
}
