//! Proposals and votes.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms};
use crate::change::Change;
use crate::crypto::{Claim, Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::{Rejection, governance};
use crate::parameters::Parameters;

/// Most delegations of an owner whose stake counts in a vote; of more, those with the peers of
/// lowest number.
pub(crate) const DELEGATIONS_MAX: usize = 256;

/// What one can do about the parameters and rules.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Proposes a change, for a deposit; counts as the signer's approval.
    Propose {
        /// The change.
        change: Change,
    },
    /// Approves or rejects a proposal; weighs the signer's stake that was there before it.
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
        // Each delegation that a vote weighs takes about a microsecond, and so does each open
        // proposal that a new one is compared with.
        match self {
            Self::Propose { .. } => Terms::new(Payer::Account, 140 + DELEGATIONS_MAX as u64),
            Self::Vote { .. } => Terms::new(Payer::Account, 60 + DELEGATIONS_MAX as u64),
        }
    }

    fn spends(&self, parameters: &Parameters) -> Grains {
        match self {
            Self::Propose { .. } => parameters.proposal_deposit,
            Self::Vote { .. } => Grains::ZERO,
        }
    }
}
