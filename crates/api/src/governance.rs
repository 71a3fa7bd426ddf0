//! Proposals to change parameters of the chain, and the votes on them.

use muster_ledger::change::Change;
use muster_ledger::crypto::PublicKey;
use muster_ledger::protocol::Switch;
use muster_ledger::state::State;
use muster_ledger::{outcome, transaction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount};

/// `GET /v1/proposals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposals {
    /// Open proposals by number.
    pub proposals: Vec<Proposal>,
}

impl Proposals {
    /// The open proposals of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let stake_of = |key: &PublicKey| {
            let grains: u128 =
                state.delegations_of(key).map(|(_, worth)| u128::from(worth.0)).sum();
            muster_ledger::money::Grains(u64::try_from(grains).unwrap_or(u64::MAX)).into()
        };
        let proposals = state.proposals().map(|(id, proposal)| {
            let cast = |wanted: bool| {
                let votes = state.votes(id).filter(|(_, approve)| *approve == wanted);
                votes
                    .map(|(key, _)| CastVote { address: key.into(), stake: stake_of(&key) })
                    .collect()
            };
            Proposal {
                id,
                proposer: proposal.proposer.into(),
                change: proposal.change.to_string(),
                epoch: proposal.epoch.0,
                expires_epoch: proposal.expires_epoch.0,
                approve: cast(true),
                reject: cast(false),
            }
        });
        Self { proposals: proposals.collect() }
    }
}

/// An open proposal to change a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    /// Its number.
    pub id: u64,
    /// Who proposed it.
    pub proposer: Address,
    /// The change, as `name = value`.
    pub change: String,
    /// The epoch in which it was made.
    pub epoch: u64,
    /// The last epoch at whose end it can be decided.
    pub expires_epoch: u64,
    /// Who approves, with the stake behind each vote now.
    pub approve: Vec<CastVote>,
    /// Who rejects.
    pub reject: Vec<CastVote>,
}

/// A vote on a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CastVote {
    /// Who voted.
    pub address: Address,
    /// Its stake now, grains: what the vote would count with.
    pub stake: Amount,
}

/// What somebody with stake does about the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GovernanceAction)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Proposes to change a parameter.
    Propose {
        /// The change in words.
        change: String,
    },
    /// Votes on a proposal.
    Vote {
        /// The proposal.
        proposal: u64,
        /// For or against.
        approve: bool,
    },
}

impl From<&transaction::governance::Action> for Action {
    fn from(action: &transaction::governance::Action) -> Self {
        match action {
            transaction::governance::Action::Propose { change } => {
                Self::Propose { change: change.to_string() }
            }
            transaction::governance::Action::Vote { proposal, approve } => {
                Self::Vote { proposal: *proposal, approve: *approve }
            }
        }
    }
}

/// What happened to proposals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GovernanceEvent)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// A parameter change was proposed.
    Proposed { proposal: u64, change: String, proposer: Address },
    /// A vote was cast.
    Voted { proposal: u64, owner: Address, approve: bool },
    /// A proposal was closed without change.
    ProposalClosed { proposal: u64, approving: Amount, rejecting: Amount },
    /// A parameter changed.
    ParameterChanged { proposal: u64, change: String },
    /// A switch to other rules was agreed: from which block on.
    UpgradeAgreed { proposal: u64, version: u32, from: u64 },
}

impl Event {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Voted { .. } => "voted",
            Self::ProposalClosed { .. } => "proposal_closed",
            Self::ParameterChanged { .. } => "parameter_changed",
            Self::UpgradeAgreed { .. } => "upgrade_agreed",
        }
    }
}

impl From<&outcome::governance::Event> for Event {
    fn from(event: &outcome::governance::Event) -> Self {
        use outcome::governance::Event as E;
        match event {
            E::Proposed { proposal, change, proposer } => Self::Proposed {
                proposal: *proposal,
                change: change.to_string(),
                proposer: (*proposer).into(),
            },
            E::Voted { proposal, owner, approve } => {
                Self::Voted { proposal: *proposal, owner: (*owner).into(), approve: *approve }
            }
            E::ProposalClosed { proposal, approving, rejecting } => Self::ProposalClosed {
                proposal: *proposal,
                approving: (*approving).into(),
                rejecting: (*rejecting).into(),
            },
            E::Accepted { proposal, change: Change::Parameter(change) } => {
                Self::ParameterChanged { proposal: *proposal, change: change.to_string() }
            }
            E::Accepted { proposal, change: Change::Upgrade(Switch { version, height }) } => {
                Self::UpgradeAgreed { proposal: *proposal, version: version.0, from: height.0 }
            }
        }
    }
}
