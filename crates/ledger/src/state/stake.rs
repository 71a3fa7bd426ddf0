//! The entries of stake: who has how much behind whom.

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Slot, entries, nothing};
use crate::crypto::PublicKey;
use crate::genesis::{Genesis, GenesisError};
use crate::money::{Grains, mul_div, mul_div_ceil};
use crate::types::{EscrowId, Height, PeerId};

entries! {
    /// The pool of a displaced peer, until its stakes have been returned.
    retired: Retired(peer: PeerId) => Pool, holds |pool| pool.grains;
    /// What an owner has in a peer's pool.
    delegation: Delegation(peer: PeerId, owner: PublicKey) => Delegation, holds nothing;
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

    /// What shares are worth now, rounded up: what leaves with them is at most this.
    pub(crate) fn worth_at_most(&self, shares: u128) -> Grains {
        let worth = mul_div_ceil(shares, self.grains.0, self.shares).unwrap_or(0);
        Grains(u64::try_from(worth).unwrap_or(u64::MAX))
    }

    /// Shares to hand in for an amount, rounded up (in the pool's favour).
    pub fn shares_worth(&self, amount: Grains) -> Option<u128> {
        mul_div_ceil(self.shares, amount.0, u128::from(self.grains.0))
    }
}

/// What an owner has in a peer's pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Delegation {
    /// All the owner's shares.
    pub shares: u128,
    /// Those among them that are too young for a vote on some proposal, the oldest first: bought
    /// when it was open already. What a peer earns for its owners is not bought.
    pub young: Vec<Purchase>,
}

/// Shares that were bought with money from an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Purchase {
    /// The block of the last of them.
    pub height: Height,
    /// The shares.
    pub shares: u128,
}

impl Delegation {
    /// Shares that were there before the block of this height.
    pub fn before(&self, height: Height) -> u128 {
        let young = self.young.iter().filter(|purchase| purchase.height >= height);
        self.shares.saturating_sub(young.map(|purchase| purchase.shares).sum())
    }

    /// Adds shares bought in a block. `made` are the blocks in which the open proposals were made,
    /// rising. Purchases that are old to all of them, and to one that this block may bring, are
    /// forgotten, and those that are young to the same ones are one: so there are at most two more
    /// than open proposals.
    pub(crate) fn buy(&mut self, height: Height, shares: u128, made: &[Height]) -> Option<()> {
        self.shares = self.shares.checked_add(shares)?;
        let oldest = made.first().map_or(height, |oldest| height.min(*oldest));
        self.young.retain(|purchase| purchase.height >= oldest);
        self.young.push(Purchase { height, shares });
        self.young.dedup_by(|later, earlier| {
            let apart = |made: &Height| earlier.height < *made && *made <= later.height;
            let alike = !made.iter().chain([&height]).any(apart);
            if alike {
                earlier.height = later.height;
                earlier.shares += later.shares;
            }
            alike
        });
        Some(())
    }

    /// Takes shares away, the youngest first; no more than there are.
    pub(crate) fn sell(&mut self, shares: u128) {
        self.shares -= shares;
        let mut left = shares;
        while let Some(purchase) = self.young.last_mut() {
            let taken = left.min(purchase.shares);
            purchase.shares -= taken;
            left -= taken;
            if purchase.shares > 0 {
                break;
            }
            self.young.pop();
        }
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
            let delegation = Delegation { shares, ..Delegation::default() };
            entries.push((Key::Delegation(id, peer.cold), Value::Delegation(delegation)));
            entries.push((Key::DelegationOf(peer.cold, id), Value::DelegationOf(())));
        }
    }
    Ok(entries)
}
