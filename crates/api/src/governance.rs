//! Proposals to change parameters of the chain, and the votes on them.

use muster_ledger::change::Change;
use muster_ledger::protocol::Switch;
use muster_ledger::state::State;
use muster_ledger::{outcome, transaction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount};

/// `GET /v1/proposals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposals {
    /// The weight that must approve of a proposal now, grains: a part of all money.
    pub quorum: Amount,
    /// Open proposals by number.
    pub proposals: Vec<Proposal>,
    /// What was accepted and is to come, by the number of the proposal.
    pub agreed: Vec<Agreed>,
}

impl Proposals {
    /// The open proposals of a state, and what was agreed.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let proposals = state.proposals().map(|(id, proposal)| Proposal {
            id,
            proposer: proposal.proposer.into(),
            change: proposal.change.to_string(),
            height: proposal.height.0,
            closes: proposal.closes.0,
            deposit: proposal.deposit.into(),
            approving: proposal.approving.into(),
            rejecting: proposal.rejecting.into(),
            votes: proposal.votes,
        });
        let agreed = state.agreed().map(|(id, agreed)| Agreed {
            id,
            change: agreed.change.to_string(),
            effect: agreed.effect.0,
        });
        let (proposals, agreed) = (proposals.collect(), agreed.collect());
        Self { quorum: state.quorum().into(), proposals, agreed }
    }
}

/// An open proposal to change a parameter or the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    /// Its number.
    pub id: u64,
    /// Who proposed it.
    pub proposer: Address,
    /// The change, as `name = value`.
    pub change: String,
    /// The block in which it was made: stake that came in it or later has no vote.
    pub height: u64,
    /// The block that decides it; votes are taken before.
    pub closes: u64,
    /// What the proposer gets back where enough approve, grains.
    pub deposit: Amount,
    /// The weight of all votes for it, grains.
    pub approving: Amount,
    /// The weight of all votes against it, grains.
    pub rejecting: Amount,
    /// How many votes were cast.
    pub votes: u64,
}

/// A change that was accepted and is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agreed {
    /// The number of the proposal.
    pub id: u64,
    /// The change, as `name = value`.
    pub change: String,
    /// The first block by it.
    pub effect: u64,
}

/// What somebody with stake does about the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GovernanceAction)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Proposes to change a parameter or the rules.
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
    /// A change was proposed; the block `closes` decides it.
    Proposed { proposal: u64, change: String, proposer: Address, closes: u64 },
    /// A vote was cast.
    Voted { proposal: u64, owner: Address, approve: bool, weight: Amount },
    /// A proposal was closed without change; of its deposit, `burned` was.
    ProposalClosed { proposal: u64, approving: Amount, rejecting: Amount, burned: Amount },
    /// A parameter change was accepted, and takes effect with the block `effect`.
    ChangeAgreed { proposal: u64, change: String, effect: u64 },
    /// A switch to other rules was agreed: from which block on.
    UpgradeAgreed { proposal: u64, version: u32, from: u64 },
    /// A parameter changed.
    ParameterChanged { proposal: u64, change: String },
    /// What was agreed contradicts by now what stands, and comes to nothing.
    ChangeLapsed { proposal: u64, change: String },
}

impl Event {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Voted { .. } => "voted",
            Self::ProposalClosed { .. } => "proposal_closed",
            Self::ChangeAgreed { .. } => "change_agreed",
            Self::UpgradeAgreed { .. } => "upgrade_agreed",
            Self::ParameterChanged { .. } => "parameter_changed",
            Self::ChangeLapsed { .. } => "change_lapsed",
        }
    }
}

impl From<&outcome::governance::Event> for Event {
    fn from(event: &outcome::governance::Event) -> Self {
        use outcome::governance::Event as E;
        match event {
            E::Proposed { proposal, change, proposer, closes } => Self::Proposed {
                proposal: *proposal,
                change: change.to_string(),
                proposer: (*proposer).into(),
                closes: closes.0,
            },
            E::Voted { proposal, owner, approve, weight } => Self::Voted {
                proposal: *proposal,
                owner: (*owner).into(),
                approve: *approve,
                weight: (*weight).into(),
            },
            E::ProposalClosed { proposal, approving, rejecting, burned } => Self::ProposalClosed {
                proposal: *proposal,
                approving: (*approving).into(),
                rejecting: (*rejecting).into(),
                burned: (*burned).into(),
            },
            E::Accepted { proposal, change: Change::Parameter(change), effect } => {
                let (change, effect) = (change.to_string(), effect.0);
                Self::ChangeAgreed { proposal: *proposal, change, effect }
            }
            E::Accepted { proposal, change: Change::Upgrade(switch), .. } => {
                let Switch { version, height } = *switch;
                Self::UpgradeAgreed { proposal: *proposal, version: version.0, from: height.0 }
            }
            E::Changed { proposal, change } => {
                Self::ParameterChanged { proposal: *proposal, change: change.to_string() }
            }
            E::Lapsed { proposal, change } => {
                Self::ChangeLapsed { proposal: *proposal, change: change.to_string() }
            }
        }
    }
}
