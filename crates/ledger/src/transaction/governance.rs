//! Proposals and votes.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms};
use crate::change::Change;
use crate::crypto::{Claim, Hash, PublicKey};
use crate::outcome::{Rejection, governance};

/// What one can do about the parameters and rules.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Proposes a change; counts as the signer's approval.
    Propose {
        /// The change.
        change: Change,
    },
    /// Approves or rejects a proposal; counts with the signer's stake at the end of the epoch.
    Vote {
        /// The proposal's number.
        proposal: u64,
        /// Whether the signer wants it.
        approve: bool,
    },
}

impl Form for Action {
    fn check(&self, _: &PublicKey, limits: &Limits) -> Result<(), Rejection> {
        match self {
            Self::Propose { change: Change::Parameter(change) } => {
                let parameter = |reason| governance::Rejection::Parameter { reason };
                let since = change.check_form().map_err(|error| parameter(error.to_string()))?;
                let version = limits.version;
                if since > version {
                    return Err(Rejection::Version { since, version });
                }
                Ok(())
            }
            Self::Propose { change: Change::Upgrade(_) } | Self::Vote { .. } => Ok(()),
        }
    }

    fn claim(&self, _: &Hash) -> Option<Claim> {
        match self {
            Self::Propose { .. } | Self::Vote { .. } => None,
        }
    }

    fn terms(&self) -> Terms {
        match self {
            Self::Propose { .. } | Self::Vote { .. } => Terms::new(Payer::Account, 200),
        }
    }
}
