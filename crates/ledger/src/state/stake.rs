//! The entries of stake: who has how much behind whom.

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Slot, entries, nothing};
use crate::crypto::PublicKey;
use crate::genesis::{Genesis, GenesisError};
use crate::money::{Grains, mul_div, mul_div_ceil};
use crate::types::{EscrowId, PeerId};

entries! {
    /// The pool of a displaced peer, until its stakes have been returned.
    retired: Retired(peer: PeerId) => Pool, holds |pool| pool.grains;
    /// The shares of an owner in a peer's pool.
    delegation: Delegation(peer: PeerId, owner: PublicKey) => u128, holds nothing;
    /// That the owner has shares in the peer's pool.
    delegation_of: DelegationOf(owner: PublicKey, peer: PeerId) => (), holds nothing;
}

/// Stake behind a peer, owned by share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pool {
    /// The stake.
    pub grains: Grains,
    /// All shares in it. A grain put into an empty pool gives a million, so that rounding a share
    /// costs less than a grain until the pool has grown a millionfold.
    pub shares: u128,
}

/// Shares given for a grain put into an empty pool.
const SHARES_PER_GRAIN: u128 = 1_000_000;

impl Pool {
    /// Shares that an amount buys now, rounded down (in the pool's favour).
    pub fn shares_for(&self, amount: Grains) -> Option<u128> {
        if self.shares == 0 || self.grains.is_zero() {
            return u128::from(amount.0).checked_mul(SHARES_PER_GRAIN);
        }
        mul_div(self.shares, amount.0, u128::from(self.grains.0))
    }

    /// What shares are worth now, rounded down (in the pool's favour).
    pub fn worth(&self, shares: u128) -> Grains {
        if shares >= self.shares {
            return self.grains;
        }
        let worth = mul_div(shares, self.grains.0, self.shares).unwrap_or(0);
        Grains(u64::try_from(worth).expect("shares are worth at most the pool"))
    }

    /// Shares to hand in for an amount, rounded up (in the pool's favour).
    pub fn shares_worth(&self, amount: Grains) -> Option<u128> {
        mul_div_ceil(self.shares, amount.0, u128::from(self.grains.0))
    }
}

/// What falls due about stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Due {
    /// Stake on its way back arrives.
    Arrival(EscrowId),
    /// The next stakes with a displaced peer start their way back.
    Return(PeerId),
}

/// The stakes before the first block: each peer's own.
pub(super) fn genesis(genesis: &Genesis) -> Result<Vec<(Key, Value)>, GenesisError> {
    let mut entries = Vec::new();
    for (id, peer) in (0_u32..).map(PeerId).zip(&genesis.peers) {
        let shares = Pool::default().shares_for(peer.stake).ok_or(GenesisError::Supply)?;
        if shares > 0 {
            entries.push((Key::Delegation(id, peer.cold), Value::Delegation(shares)));
            entries.push((Key::DelegationOf(peer.cold, id), Value::DelegationOf(())));
        }
    }
    Ok(entries)
}
