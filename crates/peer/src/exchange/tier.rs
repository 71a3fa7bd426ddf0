//! Whom a caller counts as: how much of this peer it may take up is decided by what it has at
//! stake, and by where it comes from as long as that is nothing.

use crate::exchange::address::Network;
use muster_ledger::crypto::PublicKey;
use std::cmp::Ordering;

/// What a caller has at stake. Each tier has a share of everything that callers take up, and none
/// takes from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A key that is not on the ledger. Such keys cost nothing.
    Stranger,
    /// A registered peer without stake. Such places cost some work.
    Stakeless,
    /// A registered peer with stake.
    Staked,
}

/// Who is counted: everything that one holder takes up is added together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// A registered peer, by its hot key.
    Peer(PublicKey),
    /// Strangers from one network: keys would not tell them apart.
    Network(Network),
}

/// What a caller may claim of this peer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// What it has at stake.
    pub tier: Tier,
    /// Who is counted.
    pub holder: Holder,
    /// Its part of all stake, in [0, 1].
    pub part: f64,
    /// The weight that it gives us times its stake.
    pub standing: f64,
    /// Its stake in grains.
    pub stake: u64,
}

impl Claim {
    /// The claim of a key that is not on the ledger.
    #[must_use]
    pub fn of_stranger(network: Network) -> Self {
        let holder = Holder::Network(network);
        Self { tier: Tier::Stranger, holder, part: 0.0, standing: 0.0, stake: 0 }
    }

    /// Who goes before whom: by standing, then by stake.
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.standing.total_cmp(&other.standing).then(self.stake.cmp(&other.stake))
    }
}
