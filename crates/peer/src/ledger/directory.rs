//! What the exchange needs of the ledger: who is registered, where they answer, and what weight
//! and stake they stand with. A snapshot, replaced every few seconds.
//!
//! Standing is `w_(me,sender) * stake(sender)` in the direction of the market paper's competitive
//! convention: the weight that the sender gives *us* times its stake, so that raising weights buys
//! access.

use crate::exchange::address::Network;
use crate::exchange::tier::{Claim, Holder, Tier};
use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::types::PeerId;
use std::collections::HashMap;

/// What the gradients of a peer of the highest stake count that has given no weights yet.
pub const UNDECIDED_PART: f64 = 0.5;
/// What the gradients of a peer of the highest stake count that gives its weight to others only.
pub const FLOOR_PART: f64 = 0.1;

/// A row of weights: peers and their parts of one.
pub type Weights = Vec<(PeerId, f64)>;

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
    /// Last row of weights that it set.
    pub weights: Weights,
}

/// The registered peers at some height.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Identity of the ledger; `None` until it was first read.
    pub chain: Option<Hash>,
    /// Height that the snapshot was taken at.
    pub height: u64,
    /// Number of the last closed epoch.
    pub epoch: u64,
    /// Height at which the next epoch closes.
    pub epoch_end: u64,
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
        let weight = sender.weights.iter().find(|(id, _)| *id == me.id).map_or(0.0, |(_, w)| *w);
        weight * sender.stake as f64
    }

    /// What the sender may claim of us, calling from this network.
    #[must_use]
    pub fn claim(&self, me: &PublicKey, sender: &PublicKey, network: Network) -> Claim {
        let Some(entry) = self.get(sender) else {
            return Claim::of_stranger(network);
        };
        let holder = Holder::Peer(*sender);
        if entry.stake == 0 {
            return Claim { tier: Tier::Stakeless, holder, part: 0.0, standing: 0.0, stake: 0 };
        }
        let all: f64 = self.peers.values().map(|peer| peer.stake as f64).sum();
        Claim {
            tier: Tier::Staked,
            holder,
            part: entry.stake as f64 / all,
            standing: self.standing(me, sender),
            stake: entry.stake,
        }
    }

    /// How much a gradient of the sender counts with us, in [0, 1]: its standing relative to the
    /// highest of the others with us. A peer that has not given weight to any other has said
    /// nothing yet, so its stake alone speaks for it, at [`UNDECIDED_PART`]; one that gives weight
    /// to others but not to us still counts a little ([`FLOOR_PART`]), or nobody could ever become
    /// useful to it.
    #[must_use]
    pub fn gradient_standing(&self, me: &PublicKey, sender: &PublicKey) -> f64 {
        let Some(entry) = self.get(sender) else {
            return 0.0;
        };
        let stake_max = self.peers.values().map(|peer| peer.stake).max().unwrap_or(0);
        if stake_max == 0 {
            return 0.0;
        }
        let by_stake = entry.stake as f64 / stake_max as f64;
        let decided = entry.weights.iter().any(|(id, weight)| *id != entry.id && *weight > 0.0);
        if !decided {
            return UNDECIDED_PART * by_stake;
        }
        let others = self.peers.keys().filter(|hot| *hot != me);
        let highest = others.map(|hot| self.standing(me, hot)).fold(0.0, f64::max);
        let relative = if highest > 0.0 { self.standing(me, sender) / highest } else { 0.0 };
        relative.max(FLOOR_PART * by_stake)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> PublicKey {
        PublicKey([seed; 32])
    }

    type Row<'a> = (u8, u64, &'a [(u32, f64)]);

    fn directory(rows: &[Row<'_>]) -> Directory {
        let entry = |(seed, stake, row): &Row<'_>| {
            let entry = Entry {
                id: PeerId(u32::from(*seed)),
                cold: key(*seed),
                endpoint: String::new(),
                stake: *stake,
                incentive: 0.0,
                trust: 0.0,
                weights: row.iter().map(|(id, weight)| (PeerId(*id), *weight)).collect(),
            };
            (key(*seed), entry)
        };
        Directory { peers: rows.iter().map(entry).collect(), ..Directory::default() }
    }

    #[test]
    fn standing_is_weight_times_stake() {
        let directory =
            directory(&[(1, 10, &[]), (2, 100, &[(1, 0.5)]), (3, 400, &[(1, 0.25), (2, 0.5)])]);
        assert_eq!(directory.standing(&key(1), &key(2)), 50.0);
        assert_eq!(directory.standing(&key(1), &key(3)), 100.0);
        assert_eq!(directory.standing(&key(2), &key(1)), 0.0);
        assert_eq!(directory.standing(&key(1), &key(9)), 0.0);
        assert_eq!(directory.standing(&key(9), &key(1)), 0.0);
    }

    #[test]
    fn gradients_count_by_standing_and_a_little_without() {
        let directory = directory(&[
            (1, 100, &[(1, 1.0)]),
            (2, 100, &[(1, 0.8), (2, 0.2)]),
            (3, 50, &[(1, 0.4), (2, 0.4)]),
            (4, 100, &[(2, 1.0)]),
            (5, 0, &[(1, 1.0)]),
        ]);
        let standing = |sender| directory.gradient_standing(&key(1), &key(sender));
        assert_eq!(standing(1), UNDECIDED_PART);
        assert_eq!(standing(2), 1.0);
        assert_eq!(standing(3), 0.25);
        assert_eq!(standing(4), FLOOR_PART);
        assert_eq!(standing(5), 0.0);
        assert_eq!(standing(9), 0.0);
    }
}
