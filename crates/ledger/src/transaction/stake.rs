//! Staking.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms, check_amount};
use crate::crypto::{Claim, Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::parameters::Parameters;
use crate::types::PeerId;

/// What one can do with stake.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Puts money behind a peer, one's own or another's (delegation), for shares of its pool.
    Stake {
        /// The peer.
        peer: PeerId,
        /// How much.
        amount: Grains,
    },
    /// Takes stake back; the money arrives after the unbonding delay.
    Unstake {
        /// The peer.
        peer: PeerId,
        /// How much, of what the signer's shares are worth now.
        amount: Grains,
    },
}

impl Form for Action {
    fn check(&self, _: &PublicKey, _: &Limits) -> Result<(), Rejection> {
        match self {
            Self::Stake { amount, .. } | Self::Unstake { amount, .. } => check_amount(*amount),
        }
    }

    fn claim(&self, _: &Hash) -> Option<Claim> {
        match self {
            Self::Stake { .. } | Self::Unstake { .. } => None,
        }
    }

    fn terms(&self) -> Terms {
        match self {
            Self::Stake { .. } => Terms::new(Payer::Account, 60),
            // Each open proposal that the signer may have voted on takes about a microsecond, and
            // the arrival of the money as much as staking it.
            Self::Unstake { .. } => Terms::new(Payer::Account, 160),
        }
    }

    fn spends(&self, _: &Parameters) -> Grains {
        match self {
            Self::Stake { amount, .. } => *amount,
            Self::Unstake { .. } => Grains::ZERO,
        }
    }
}
