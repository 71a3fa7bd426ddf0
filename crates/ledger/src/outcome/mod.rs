//! What comes of transactions and blocks: receipts, events, and why something is refused.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::{Hash, PublicKey};
use crate::money::Grains;
use crate::protocol::{Switch, Version};
use crate::sealed::SealError;
use crate::types::{Height, PeerId};

pub mod account;
pub mod governance;
pub mod market;
pub mod presence;
pub mod stake;

/// What became of one transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// The transaction.
    pub hash: Hash,
    /// What it paid, without its tip; burned.
    pub fee: Grains,
    /// What it paid to the proposer.
    pub tip: Grains,
    /// Whether its action took effect.
    pub result: Result<(), Rejection>,
}

/// Something that happened, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Event {
    /// To accounts.
    Account(account::Event),
    /// To stake.
    Stake(stake::Event),
    /// In the market.
    Market(market::Event),
    /// To the parameters and rules.
    Governance(governance::Event),
    /// The committee changed.
    CommitteeChanged {
        /// The hash of the new one.
        committee: Hash,
    },
    /// A switch to other rules took place, with this block.
    Upgraded(Switch),
    /// To presence rounds.
    Presence(presence::Event),
}

impl From<account::Event> for Event {
    fn from(event: account::Event) -> Self {
        Self::Account(event)
    }
}

impl From<stake::Event> for Event {
    fn from(event: stake::Event) -> Self {
        Self::Stake(event)
    }
}

impl From<market::Event> for Event {
    fn from(event: market::Event) -> Self {
        Self::Market(event)
    }
}

impl From<governance::Event> for Event {
    fn from(event: governance::Event) -> Self {
        Self::Governance(event)
    }
}

impl From<presence::Event> for Event {
    fn from(event: presence::Event) -> Self {
        Self::Presence(event)
    }
}

/// Why a transaction is refused, or was included without effect: what may be said of every
/// action, and the reasons of each mechanism.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum Rejection {
    #[error("the transaction is for chain {found}, this is chain {expected}")]
    Chain { expected: Hash, found: Hash },
    #[error("the transaction has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLong { bytes: u64, bytes_max: u64 },
    #[error("this takes protocol version {since}, the chain runs version {version}")]
    Version { since: Version, version: Version },
    #[error("{key} is not an Ed25519 key that somebody can hold: give the address of a key")]
    Key { key: PublicKey },
    #[error("a signature does not match: sign the transaction with the key that it names")]
    Signature,
    #[error("the amount is zero")]
    Nothing,
    #[error("the transaction expired at height {expires}, the next block is {height}")]
    Expired { expires: Height, height: Height },
    #[error("the transaction expires at height {expires}, at most {expires_max} is allowed now")]
    ExpiresTooLate { expires: Height, expires_max: Height },
    #[error("nonce {found} was used already, the next is {expected}")]
    NonceUsed { expected: u64, found: u64 },
    #[error("nonce {found} is ahead, the next is {expected}: send the ones before first")]
    NonceAhead { expected: u64, found: u64 },
    #[error("the fee and tip of {needed} exceed what can pay for them, {available}")]
    CannotPay { needed: Grains, available: Grains },
    #[error("the transaction costs {cost} units, a block holds {cost_max}")]
    TooCostly { cost: u64, cost_max: u64 },
    #[error("{needed} are needed, the account has {available}")]
    Balance { needed: Grains, available: Grains },
    #[error("the amount exceeds what can be counted")]
    Overflow,
    #[error("there is no peer {peer}")]
    NoPeer { peer: PeerId },
    #[error("{key} is not the hot key of a peer")]
    NotAPeer { key: PublicKey },
    #[error("there is no commitment to reveal")]
    NoCommitment,
    #[error(transparent)]
    Sealed(#[from] SealError),
    #[error(transparent)]
    Account(#[from] account::Rejection),
    #[error(transparent)]
    Stake(#[from] stake::Rejection),
    #[error(transparent)]
    Market(#[from] market::Rejection),
    #[error(transparent)]
    Governance(#[from] governance::Rejection),
    #[error(transparent)]
    Presence(#[from] presence::Rejection),
}
