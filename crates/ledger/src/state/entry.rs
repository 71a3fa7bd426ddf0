//! The entries of the state: keys, values, and what the values hold.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::committee::Validator;
use crate::crypto::{Hash, PublicKey};
use crate::money::{Grains, mul_div, mul_div_ceil};
use crate::parameters::{MarketRule, ParameterChange, Parameters};
use crate::types::{Endpoint, Epoch, Height, PeerId, Row, Score};

/// Where an entry stands. The order of the variants and of their fields is the order of scans.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub enum Key {
    /// [`Value::Clock`].
    Clock,
    /// [`Value::Parameters`].
    Parameters,
    /// [`Value::Supply`].
    Supply,
    /// [`Value::Counters`].
    Counters,
    /// [`Value::Committee`]: who decides the next block.
    Committee,
    /// [`Value::Validators`]: from whom committees are drawn.
    Validators,
    /// [`Value::Market`].
    Market,
    /// [`Value::RegistrationState`].
    Registration,
    /// [`Value::Pruning`].
    Pruning,
    /// [`Value::Account`] of a key.
    Account(PublicKey),
    /// [`Value::Peer`] of a number.
    Peer(PeerId),
    /// [`Value::PeerId`] of a hot key.
    PeerByHot(PublicKey),
    /// [`Value::Row`]: the weights that a peer gives.
    Weights(PeerId),
    /// [`Value::Commitment`] to weights of a peer.
    Commitment(PeerId),
    /// [`Value::Row`]: where a peer's emission goes, since the last epoch.
    Payout(PeerId),
    /// [`Value::Pool`] of a displaced peer, until its stakes have been returned.
    Retired(PeerId),
    /// [`Value::Shares`] of an owner in a peer's pool.
    Delegation(PeerId, PublicKey),
    /// [`Value::Present`]: that the owner has shares in the peer's pool.
    DelegationOf(PublicKey, PeerId),
    /// [`Value::Unbonding`] due at a height, numbered.
    Unbonding(Height, u64),
    /// [`Value::Present`]: that the unbonding of that height and number is the owner's.
    UnbondingOf(PublicKey, Height, u64),
    /// [`Value::Proposal`] of a number, while open.
    Proposal(u64),
    /// [`Value::Vote`] of an owner on a proposal.
    Vote(u64, PublicKey),
}

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "each variant is named after the type that it holds")]
pub enum Value {
    Clock(Clock),
    Parameters(Arc<Parameters>),
    Supply(Supply),
    Counters(Counters),
    Committee(Arc<Vec<Validator>>),
    Validators(Arc<Vec<Validator>>),
    Market(Arc<MarketReport>),
    RegistrationState(Arc<RegistrationState>),
    Pruning(Arc<Vec<PeerId>>),
    Account(Account),
    Peer(Arc<Peer>),
    PeerId(PeerId),
    Row(Arc<Row>),
    Commitment(Commitment),
    Pool(Pool),
    Shares(u128),
    Present,
    Unbonding(Arc<Unbonding>),
    Proposal(Arc<Proposal>),
    Vote(bool),
}

impl Value {
    /// Whether a value of this kind may stand under the key.
    pub(super) fn fits(&self, key: &Key) -> bool {
        matches!(
            (key, self),
            (Key::Clock, Self::Clock(_))
                | (Key::Parameters, Self::Parameters(_))
                | (Key::Supply, Self::Supply(_))
                | (Key::Counters, Self::Counters(_))
                | (Key::Committee, Self::Committee(_))
                | (Key::Validators, Self::Validators(_))
                | (Key::Market, Self::Market(_))
                | (Key::Registration, Self::RegistrationState(_))
                | (Key::Pruning, Self::Pruning(_))
                | (Key::Account(_), Self::Account(_))
                | (Key::Peer(_), Self::Peer(_))
                | (Key::PeerByHot(_), Self::PeerId(_))
                | (Key::Weights(_) | Key::Payout(_), Self::Row(_))
                | (Key::Commitment(_), Self::Commitment(_))
                | (Key::Retired(_), Self::Pool(_))
                | (Key::Delegation(..), Self::Shares(_))
                | (Key::DelegationOf(..) | Key::UnbondingOf(..), Self::Present)
                | (Key::Unbonding(..), Self::Unbonding(_))
                | (Key::Proposal(_), Self::Proposal(_))
                | (Key::Vote(..), Self::Vote(_))
        )
    }

    /// The money that the entry holds.
    pub fn money(&self) -> Grains {
        match self {
            Self::Account(account) => account.balance,
            Self::Peer(peer) => peer.pool.grains,
            Self::Pool(pool) => pool.grains,
            Self::Unbonding(unbonding) => unbonding.amount,
            _ => Grains::ZERO,
        }
    }
}

/// Where the chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Clock {
    /// The chain.
    pub chain: Hash,
    /// Height of the last block executed.
    pub height: Height,
    /// Its time, in milliseconds since 1970.
    pub time_ms: u64,
    /// Epochs that ended.
    pub epoch: Epoch,
    /// The block that ends the current epoch.
    pub epoch_end: Height,
}

/// Where money came from and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Supply {
    /// What was there at the start.
    pub genesis: Grains,
    /// What was issued since.
    pub minted: Grains,
    /// What was destroyed since: fees and registration prices.
    pub burned: Grains,
}

impl Supply {
    /// What there is now.
    pub fn total(&self) -> Grains {
        let issued = u128::from(self.genesis.0) + u128::from(self.minted.0);
        let total = issued.saturating_sub(u128::from(self.burned.0));
        Grains(u64::try_from(total).expect("what is held is counted in u64 in every block"))
    }
}

/// Numbers that only grow, and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Counters {
    /// The number of the next peer.
    pub next_peer: u32,
    /// Peers that there are.
    pub peers: u32,
    /// The number of the next proposal.
    pub next_proposal: u64,
    /// Proposals that are open.
    pub proposals: u32,
    /// The number of the next unbonding.
    pub next_unbonding: u64,
    /// Transactions included since the start.
    pub transactions: u64,
}

/// A key's money and how often it signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Account {
    /// What it holds, free to spend.
    pub balance: Grains,
    /// Transactions of it that were included; the nonce of the next.
    pub nonce: u64,
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

/// A place in the market.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Peer {
    /// The key that signs for it.
    pub hot: PublicKey,
    /// The key that owns it.
    pub cold: PublicKey,
    /// Where it answers.
    pub endpoint: Endpoint,
    /// When it came.
    pub registered: Height,
    /// In which epoch it came.
    pub registered_epoch: Epoch,
    /// The stake behind it.
    pub pool: Pool,
    /// How much of its stake counts (the paper's a_i), 0 to 1.
    pub scaling: Score,
    /// Its rank R at the last epoch.
    pub rank: Score,
    /// Its trust T at the last epoch.
    pub trust: Score,
    /// Its incentive I at the last epoch.
    pub incentive: Score,
    /// What it may pay out when it next emits.
    pub accrued: Grains,
    /// When it last emitted (or came).
    pub emitted: Height,
    /// When its weights were last set; 0 for never.
    pub weights_set: Height,
    /// All that others' emission and its own have paid it.
    pub earned: Grains,
}

/// A hidden row of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Commitment {
    /// Of the row and its salt.
    pub hash: Hash,
    /// The epoch in which it was made.
    pub epoch: Epoch,
}

/// Stake on its way back.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Unbonding {
    /// Who receives it.
    pub owner: PublicKey,
    /// From which peer it was taken.
    pub peer: PeerId,
    /// How much.
    pub amount: Grains,
}

/// What the market did at the end of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MarketReport {
    /// The epoch that ended, counted from 1; 0 before any has.
    pub epoch: Epoch,
    /// The block that ended it.
    pub height: Height,
    /// The rule used.
    pub rule: MarketRule,
    /// The loss L = -R . (T - 1/2).
    pub loss: Score,
    /// Whether peers accrued emission in it.
    pub minting: bool,
    /// All stake of peers.
    pub staked: Grains,
    /// Peers.
    pub peers: u32,
    /// What all peers together accrued, a bound on what will be minted for it.
    pub accrued: Grains,
    /// The issue of the epoch as a part of all stake, after halvings, ppb.
    pub inflation_ppb: u64,
}

/// What registration takes now.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RegistrationState {
    /// The price to burn.
    pub price: Grains,
    /// The difficulty of work, in expected hashes.
    pub difficulty: u64,
    /// The challenge to work on.
    pub challenge: Hash,
    /// The one before, which counts as well, so that an epoch's end voids nobody's work.
    pub challenge_before: Hash,
    /// The difficulty that went with the one before.
    pub difficulty_before: u64,
    /// Registrations by work in this epoch.
    pub by_work: u64,
    /// Registrations by burning in this epoch.
    pub by_burn: u64,
}

/// A parameter change to be decided.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// The change.
    pub change: ParameterChange,
    /// Who proposed it.
    pub proposer: PublicKey,
    /// In which epoch.
    pub epoch: Epoch,
    /// The last epoch at whose end it can be decided.
    pub expires_epoch: Epoch,
    /// Votes cast.
    pub votes: u32,
}

impl Peer {
    /// A newcomer: full scaling, no scores yet.
    pub(crate) fn new(
        hot: PublicKey,
        cold: PublicKey,
        endpoint: Endpoint,
        registered: Height,
        registered_epoch: Epoch,
        pool: Pool,
    ) -> Self {
        Self {
            hot,
            cold,
            endpoint,
            registered,
            registered_epoch,
            pool,
            scaling: Score::ONE,
            rank: Score(0),
            trust: Score(0),
            incentive: Score(0),
            accrued: Grains::ZERO,
            emitted: registered,
            weights_set: Height(0),
            earned: Grains::ZERO,
        }
    }
}
