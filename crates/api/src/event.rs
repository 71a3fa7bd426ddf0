//! What happens on the chain, as it happens (`GET /v1/events`).

use muster_ledger::change::Change;
use muster_ledger::outcome as ledger;
use muster_ledger::protocol::Switch;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount, Digest};

/// One event. Its id, "height.index", is where to go on after a broken connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// "height.index".
    pub id: String,
    /// Height of the block in which it happened.
    pub height: u64,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened. Every block begins with a `block` event; the rest follows in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum EventBody {
    /// A block was decided.
    Block {
        hash: Digest,
        time_ms: u64,
        state_root: Digest,
        proposer: Address,
        transactions: u64,
        round: u32,
    },
    /// Money moved between accounts.
    Transferred { from: Address, to: Address, amount: Amount },
    /// An owner put money behind a peer.
    Staked { owner: Address, peer: u32, amount: Amount },
    /// An owner took stake back, which arrives when due.
    Unstaked { owner: Address, peer: u32, amount: Amount, due: u64 },
    /// Unbonded stake arrived.
    Unbonded { owner: Address, peer: u32, amount: Amount },
    /// A peer registered.
    Registered { peer: u32, hot: Address, cold: Address, burned: Amount },
    /// A peer lost its place to a newcomer.
    Displaced { peer: u32, by: u32 },
    /// A peer changed its endpoint.
    EndpointSet { peer: u32 },
    /// A peer committed to weights.
    WeightsCommitted { peer: u32 },
    /// A peer's weights changed; their number.
    WeightsSet { peer: u32, weights: u32 },
    /// A peer paid out: of `accrued`, `paid` was minted, the rest withheld.
    Emitted { peer: u32, accrued: Amount, paid: Amount },
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
    /// The chain runs by the rules of another protocol version from this block on.
    Upgraded { version: u32 },
    /// A market epoch ended.
    EpochClosed { epoch: u64, accrued: Amount, minting: bool },
    /// The committee changed.
    CommitteeChanged { committee: Digest },
}

impl Event {
    /// The event at `index` of the block at `height`.
    #[must_use]
    pub fn new(height: u64, index: usize, body: EventBody) -> Self {
        Self { id: format!("{height}.{index}"), height, body }
    }

    /// Its kind, as the `event` field of the stream names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.body {
            EventBody::Block { .. } => "block",
            EventBody::Transferred { .. } => "transferred",
            EventBody::Staked { .. } => "staked",
            EventBody::Unstaked { .. } => "unstaked",
            EventBody::Unbonded { .. } => "unbonded",
            EventBody::Registered { .. } => "registered",
            EventBody::Displaced { .. } => "displaced",
            EventBody::EndpointSet { .. } => "endpoint_set",
            EventBody::WeightsCommitted { .. } => "weights_committed",
            EventBody::WeightsSet { .. } => "weights_set",
            EventBody::Emitted { .. } => "emitted",
            EventBody::Proposed { .. } => "proposed",
            EventBody::Voted { .. } => "voted",
            EventBody::ProposalClosed { .. } => "proposal_closed",
            EventBody::ParameterChanged { .. } => "parameter_changed",
            EventBody::UpgradeAgreed { .. } => "upgrade_agreed",
            EventBody::Upgraded { .. } => "upgraded",
            EventBody::EpochClosed { .. } => "epoch_closed",
            EventBody::CommitteeChanged { .. } => "committee_changed",
        }
    }

    /// Reads an id as (height, index).
    #[must_use]
    pub fn parse_id(id: &str) -> Option<(u64, usize)> {
        let (height, index) = id.split_once('.')?;
        Some((height.parse().ok()?, index.parse().ok()?))
    }
}

impl From<&ledger::Event> for EventBody {
    fn from(event: &ledger::Event) -> Self {
        use ledger::Event as E;
        match event {
            E::Account(ledger::account::Event::Transferred { from, to, amount }) => {
                Self::Transferred {
                    from: (*from).into(),
                    to: (*to).into(),
                    amount: (*amount).into(),
                }
            }
            E::Stake(ledger::stake::Event::Staked { owner, peer, amount }) => {
                Self::Staked { owner: (*owner).into(), peer: peer.0, amount: (*amount).into() }
            }
            E::Stake(ledger::stake::Event::Unstaked { owner, peer, amount, due }) => {
                Self::Unstaked {
                    owner: (*owner).into(),
                    peer: peer.0,
                    amount: (*amount).into(),
                    due: due.0,
                }
            }
            E::Stake(ledger::stake::Event::Unbonded { owner, peer, amount }) => {
                Self::Unbonded { owner: (*owner).into(), peer: peer.0, amount: (*amount).into() }
            }
            E::Market(ledger::market::Event::Registered { peer, hot, cold, burned }) => {
                Self::Registered {
                    peer: peer.0,
                    hot: (*hot).into(),
                    cold: (*cold).into(),
                    burned: (*burned).into(),
                }
            }
            E::Market(ledger::market::Event::Displaced { peer, by }) => {
                Self::Displaced { peer: peer.0, by: by.0 }
            }
            E::Market(ledger::market::Event::EndpointSet { peer }) => {
                Self::EndpointSet { peer: peer.0 }
            }
            E::Market(ledger::market::Event::WeightsCommitted { peer }) => {
                Self::WeightsCommitted { peer: peer.0 }
            }
            E::Market(ledger::market::Event::WeightsSet { peer, weights }) => {
                Self::WeightsSet { peer: peer.0, weights: *weights }
            }
            E::Market(ledger::market::Event::Emitted { peer, accrued, paid }) => {
                Self::Emitted { peer: peer.0, accrued: (*accrued).into(), paid: (*paid).into() }
            }
            E::Governance(ledger::governance::Event::Proposed { proposal, change, proposer }) => {
                Self::Proposed {
                    proposal: *proposal,
                    change: change.to_string(),
                    proposer: (*proposer).into(),
                }
            }
            E::Governance(ledger::governance::Event::Voted { proposal, owner, approve }) => {
                Self::Voted { proposal: *proposal, owner: (*owner).into(), approve: *approve }
            }
            E::Governance(ledger::governance::Event::ProposalClosed {
                proposal,
                approving,
                rejecting,
            }) => Self::ProposalClosed {
                proposal: *proposal,
                approving: (*approving).into(),
                rejecting: (*rejecting).into(),
            },
            E::Governance(ledger::governance::Event::Accepted { proposal, change }) => match change
            {
                Change::Parameter(change) => {
                    Self::ParameterChanged { proposal: *proposal, change: change.to_string() }
                }
                Change::Upgrade(Switch { version, height }) => {
                    Self::UpgradeAgreed { proposal: *proposal, version: version.0, from: height.0 }
                }
            },
            E::Upgraded(Switch { version, .. }) => Self::Upgraded { version: version.0 },
            E::Market(ledger::market::Event::EpochClosed { epoch, accrued, minting }) => {
                Self::EpochClosed { epoch: epoch.0, accrued: (*accrued).into(), minting: *minting }
            }
            E::CommitteeChanged { committee } => {
                Self::CommitteeChanged { committee: (*committee).into() }
            }
        }
    }
}
