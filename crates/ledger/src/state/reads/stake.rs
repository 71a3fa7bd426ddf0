//! Reads of stake.

use super::{KEY_MAX, KEY_MIN, Read};
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::state::chain::{self, Escrow, Purpose};
use crate::state::map::State;
use crate::state::stake::{self, Key};
use crate::types::{EscrowId, Height, PeerId};

/// Stake on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbonding {
    /// Who receives it.
    pub owner: PublicKey,
    /// From which peer it was taken.
    pub peer: PeerId,
    /// How much.
    pub amount: Grains,
    /// The block in which it arrives.
    pub due: Height,
}

impl Unbonding {
    fn of(escrow: &Escrow) -> Self {
        let Escrow { owner, amount, purpose: Purpose::Unbonding { peer, due } } = *escrow;
        Self { owner, peer, amount, due }
    }
}

impl State {
    /// What an owner's shares in a peer's pool are worth now.
    pub fn stake(&self, peer: PeerId, owner: &PublicKey) -> Grains {
        self.pool(peer).map_or(Grains::ZERO, |pool| match self.shares(peer, owner) {
            0 => Grains::ZERO,
            shares => pool.worth(shares),
        })
    }

    /// Who has stake with a peer (displaced or not), with its worth, rising by key.
    pub fn delegations(&self, peer: PeerId) -> impl Iterator<Item = (PublicKey, Grains)> {
        let pool = self.pool(peer).unwrap_or_default();
        self.shares_of(peer).map(move |(owner, shares)| (owner, pool.worth(shares)))
    }

    /// Who has how many shares in the pool of a peer, rising by key.
    pub(crate) fn shares_of(&self, peer: PeerId) -> impl Iterator<Item = (PublicKey, u128)> {
        let (first, last) = (stake::delegation(peer, KEY_MIN), stake::delegation(peer, KEY_MAX));
        self.scan(first, last).filter_map(|(key, delegation)| match key {
            Key::Delegation(_, owner) => Some((owner, delegation.shares)),
            _ => None,
        })
    }

    /// Peers with which an owner has stake, with its worth, rising by number.
    pub fn delegations_of(&self, owner: &PublicKey) -> impl Iterator<Item = (PeerId, Grains)> {
        let owner = *owner;
        self.peers_of(owner).map(move |peer| (peer, self.stake(peer, &owner)))
    }

    /// Peers with which an owner has stake, rising by number.
    pub(crate) fn peers_of(&self, owner: PublicKey) -> impl Iterator<Item = PeerId> {
        let first = stake::delegation_of(owner, PeerId(0));
        let last = stake::delegation_of(owner, PeerId(u32::MAX));
        self.scan(first, last).filter_map(|(key, ())| match key {
            Key::DelegationOf(_, peer) => Some(peer),
            _ => None,
        })
    }

    /// Stake on its way back to an owner, in the order in which it was taken.
    pub fn unbondings_of(&self, owner: &PublicKey) -> impl Iterator<Item = Unbonding> {
        let (first, last) = (EscrowId(0), EscrowId(u64::MAX));
        self.scan(chain::escrow_for(*owner, first), chain::escrow_for(*owner, last)).filter_map(
            |(key, ())| match key {
                chain::Key::EscrowFor(_, id) => {
                    self.entry(chain::escrow(id)).map(|escrow| Unbonding::of(escrow))
                }
                _ => None,
            },
        )
    }

    /// All stake on its way back, in the order in which it was taken.
    pub fn unbondings(&self) -> impl Iterator<Item = Unbonding> {
        let (first, last) = (EscrowId(0), EscrowId(u64::MAX));
        let escrows = self.scan(chain::escrow(first), chain::escrow(last));
        escrows.map(|(_, escrow)| Unbonding::of(escrow))
    }
}
