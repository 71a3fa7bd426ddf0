//! Actions on accounts.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms, check_amount, check_key};
use crate::crypto::{Claim, Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::Rejection;
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
}

impl Form for Action {
    fn check(&self, _: &PublicKey, _: &Limits) -> Result<(), Rejection> {
        let Self::Transfer { to, amount } = self;
        check_key(to)?;
        check_amount(*amount)
    }

    fn claim(&self, _: &Hash) -> Option<Claim> {
        match self {
            Self::Transfer { .. } => None,
        }
    }

    fn terms(&self) -> Terms {
        match self {
            Self::Transfer { .. } => Terms::new(Payer::Account, 40),
        }
    }

    fn spends(&self, _: &Parameters) -> Grains {
        match self {
            Self::Transfer { amount, .. } => *amount,
        }
    }
}
