//! What a transaction does, as JSON: the actions of all mechanisms, told apart by their `kind`.

use muster_ledger::transaction as ledger;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{account, governance, market, presence, stake};

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "not an action of a kind that this program knows")]
pub enum Action {
    /// With an account's money.
    Account(account::Action),
    /// With the money behind peers.
    Stake(stake::Action),
    /// In the market.
    Market(market::Action),
    /// About the parameters.
    Governance(governance::Action),
    /// In presence rounds.
    Presence(presence::Action),
}

impl From<&ledger::Action> for Action {
    fn from(action: &ledger::Action) -> Self {
        match action {
            ledger::Action::Account(action) => Self::Account(action.into()),
            ledger::Action::Stake(action) => Self::Stake(action.into()),
            ledger::Action::Market(action) => Self::Market(action.into()),
            ledger::Action::Governance(action) => Self::Governance(action.into()),
            ledger::Action::Presence(action) => Self::Presence(action.into()),
        }
    }
}
