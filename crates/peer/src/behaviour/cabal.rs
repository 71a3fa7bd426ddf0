//! Attack simulator: peers that stand together. They spend nothing on learning, answer noise, and
//! give all their weight to each other, to draw stake that nobody else would give them.

use crate::behaviour::conduct::{Answering, Conduct};
use crate::ledger::directory::{Directory, Weights};
use muster_ledger::crypto::PublicKey;

/// A member of a cabal.
pub(super) struct Cabal {
    /// Hot keys of all members.
    pub fellows: Vec<PublicKey>,
}

impl Conduct for Cabal {
    fn learns(&self) -> bool {
        false
    }

    fn answering(&self) -> Answering {
        Answering::Noise
    }

    /// Evenly to the other members, or all to itself where it stands alone.
    fn weights(&mut self, _honest: Weights, me: &PublicKey, directory: &Directory) -> Weights {
        let others = self.fellows.iter().filter(|fellow| *fellow != me);
        let mut ids: Vec<_> =
            others.filter_map(|fellow| directory.get(fellow)).map(|entry| entry.id).collect();
        if ids.is_empty() {
            ids.extend(directory.get(me).map(|entry| entry.id));
        }
        ids.sort_unstable();
        ids.dedup();
        let weight = 1.0 / ids.len().max(1) as f64;
        ids.into_iter().map(|id| (id, weight)).collect()
    }
}
