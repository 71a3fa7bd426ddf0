//! Proposals to change parameters of the chain, and the votes on them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount};

/// `GET /v1/proposals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposals {
    /// Open proposals by number.
    pub proposals: Vec<Proposal>,
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
