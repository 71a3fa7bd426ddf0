//! Actions on accounts.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms, check_amount, check_key};
use crate::crypto::{Claim, Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::{Rejection, account};
use crate::parameters::Parameters;

/// What one can do with an account.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Moves money from the signer to another account.
    Transfer {
        /// Who receives it.
        to: PublicKey,
        /// How much.
        amount: Grains,
    },
    /// Ends the signer's account: everything that it has, its deposit included, goes to another.
    Close {
        /// Who receives it.
        to: PublicKey,
    },
}

impl Form for Action {
    fn check(&self, signer: &PublicKey, _: &Limits) -> Result<(), Rejection> {
        match self {
            Self::Transfer { to, amount } => {
                check_key(to)?;
                check_amount(*amount)
            }
            Self::Close { to } if to == signer => Err(account::Rejection::ClosedToItself.into()),
            Self::Close { to } => check_key(to),
        }
    }

    fn claim(&self, _: &Hash) -> Option<Claim> {
        match self {
            Self::Transfer { .. } | Self::Close { .. } => None,
        }
    }

    fn terms(&self) -> Terms {
        match self {
            Self::Transfer { .. } | Self::Close { .. } => Terms::new(Payer::Account, 40),
        }
    }

    fn spends(&self, _: &Parameters) -> Grains {
        match self {
            Self::Transfer { amount, .. } => *amount,
            // All that there is.
            Self::Close { .. } => Grains(u64::MAX),
        }
    }
}
