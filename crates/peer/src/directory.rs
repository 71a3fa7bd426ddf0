//! What the exchange needs of the ledger: who is registered, where they answer, and what weight
//! and stake they stand with. A snapshot; [`crate::refresh`] replaces it every few seconds.
//!
//! Standing is `w_(me,sender) * stake(sender)` in the direction of the market paper's competitive
//! convention: the weight that the sender gives *us* times its stake, so that raising weights buys
//! access.

use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::transaction::PeerId;
use std::collections::HashMap;

/// One registered peer as the exchange sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Number on the ledger.
    pub id: PeerId,
    /// Key that pays and is paid.
    pub cold: PublicKey,
    /// `https://host:port`, or empty where the peer has not said.
    pub endpoint: String,
    /// Stake in its pool, in grains.
    pub stake: u64,
    /// Incentive in the last epoch.
    pub incentive: f64,
    /// Trust in the last epoch.
    pub trust: f64,
    /// Last row of weights that it set: peer and share of one.
    pub weights: Vec<(PeerId, f64)>,
}

/// The registered peers at some height.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Identity of the ledger; `None` until it was first read.
    pub chain: Option<Hash>,
    /// Height that the snapshot was taken at.
    pub height: u64,
    /// Blocks in an epoch.
    pub epoch_blocks: u64,
    /// Time between blocks in milliseconds.
    pub block_time_ms: u64,
    /// Peers by hot key.
    pub peers: HashMap<PublicKey, Entry>,
}

impl Directory {
    /// The peer with this hot key.
    #[must_use]
    pub fn get(&self, hot: &PublicKey) -> Option<&Entry> {
        self.peers.get(hot)
    }

    /// `w_(sender,me) * stake(sender)`: zero for keys that are not registered, that give us no
    /// weight or that have no stake.
    #[must_use]
    pub fn standing(&self, me: &PublicKey, sender: &PublicKey) -> f64 {
        let (Some(me), Some(sender)) = (self.get(me), self.get(sender)) else {
            return 0.0;
        };
        let weight = sender
            .weights
            .iter()
            .find(|(id, _)| *id == me.id)
            .map_or(0.0, |(_, w)| *w);
        weight * sender.stake as f64
    }

    /// The share of all peers' standing with us that is the sender's, in [0, 1]; used to weigh the
    /// gradients that it sends.
    #[must_use]
    pub fn standing_share(&self, me: &PublicKey, sender: &PublicKey) -> f64 {
        let total: f64 = self
            .by_id()
            .iter()
            .map(|(hot, _)| self.standing(me, hot))
            .sum();
        if total > 0.0 {
            self.standing(me, sender) / total
        } else {
            0.0
        }
    }

    /// Peers in the order of their numbers, so that whatever is derived does not depend on the
    /// order of a hash map.
    #[must_use]
    pub fn by_id(&self) -> Vec<(&PublicKey, &Entry)> {
        let mut peers: Vec<_> = self.peers.iter().collect();
        peers.sort_by_key(|(_, entry)| entry.id.0);
        peers
    }
}
