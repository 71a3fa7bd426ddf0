//! Money behind peers.

use muster_ledger::{outcome, transaction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount};

/// Stake of one account in one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delegation {
    /// The peer.
    pub peer: u32,
    /// What it is worth now, grains.
    pub amount: Amount,
}

/// Stake that comes back to an account at a height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unbonding {
    /// The height at which it is paid out.
    pub due: u64,
    /// The peer that it was taken from.
    pub peer: u32,
    /// Grains.
    pub amount: Amount,
}

/// What an owner does with the money behind a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = StakeAction)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Stakes on a peer: one's own or another's.
    Stake {
        /// The peer.
        peer: u32,
        /// Grains.
        amount: Amount,
    },
    /// Takes stake back, after the unbonding delay.
    Unstake {
        /// The peer.
        peer: u32,
        /// Grains.
        amount: Amount,
    },
}

impl From<&transaction::stake::Action> for Action {
    fn from(action: &transaction::stake::Action) -> Self {
        match action {
            transaction::stake::Action::Stake { peer, amount } => {
                Self::Stake { peer: peer.0, amount: (*amount).into() }
            }
            transaction::stake::Action::Unstake { peer, amount } => {
                Self::Unstake { peer: peer.0, amount: (*amount).into() }
            }
        }
    }
}

/// What happened to the money behind peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = StakeEvent)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// An owner put money behind a peer.
    Staked { owner: Address, peer: u32, amount: Amount },
    /// An owner took stake back, which arrives when due.
    Unstaked { owner: Address, peer: u32, amount: Amount, due: u64 },
    /// Unbonded stake arrived.
    Unbonded { owner: Address, peer: u32, amount: Amount },
}

impl Event {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Staked { .. } => "staked",
            Self::Unstaked { .. } => "unstaked",
            Self::Unbonded { .. } => "unbonded",
        }
    }
}

impl From<&outcome::stake::Event> for Event {
    fn from(event: &outcome::stake::Event) -> Self {
        use outcome::stake::Event as E;
        match event {
            E::Staked { owner, peer, amount } => {
                Self::Staked { owner: (*owner).into(), peer: peer.0, amount: (*amount).into() }
            }
            E::Unstaked { owner, peer, amount, due } => Self::Unstaked {
                owner: (*owner).into(),
                peer: peer.0,
                amount: (*amount).into(),
                due: due.0,
            },
            E::Unbonded { owner, peer, amount } => {
                Self::Unbonded { owner: (*owner).into(), peer: peer.0, amount: (*amount).into() }
            }
        }
    }
}
