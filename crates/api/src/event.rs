//! What happens on the chain, as it happens (`GET /v1/events`): the events of all mechanisms, told
//! apart by their `kind`.

use muster_ledger::outcome as ledger;
use muster_ledger::protocol::Switch;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{account, chain, governance, market, presence, stake};

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
#[serde(untagged, expecting = "not an event of a kind that this program knows")]
pub enum EventBody {
    /// To the chain itself.
    Chain(chain::Event),
    /// To accounts.
    Account(account::Event),
    /// To the money behind peers.
    Stake(stake::Event),
    /// In the market.
    Market(market::Event),
    /// To proposals.
    Governance(governance::Event),
    /// To presence rounds.
    Presence(presence::Event),
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
        match &self.body {
            EventBody::Chain(event) => event.kind(),
            EventBody::Account(event) => event.kind(),
            EventBody::Stake(event) => event.kind(),
            EventBody::Market(event) => event.kind(),
            EventBody::Governance(event) => event.kind(),
            EventBody::Presence(event) => event.kind(),
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
        match event {
            ledger::Event::Account(event) => Self::Account(event.into()),
            ledger::Event::Stake(event) => Self::Stake(event.into()),
            ledger::Event::Market(event) => Self::Market(event.into()),
            ledger::Event::Governance(event) => Self::Governance(event.into()),
            ledger::Event::Presence(event) => Self::Presence(event.into()),
            ledger::Event::CommitteeChanged { committee } => {
                Self::Chain(chain::Event::CommitteeChanged { committee: (*committee).into() })
            }
            ledger::Event::Upgraded(Switch { version, .. }) => {
                Self::Chain(chain::Event::Upgraded { version: version.0 })
            }
        }
    }
}
