//! Peers, what they think of each other, and what the market made of it.

use muster_ledger::parameters::MarketRule;
use muster_ledger::types::Modality;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount, Digest};
use crate::telemetry::Telemetry;

/// One registered peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Given at registration, never reused.
    pub id: u32,
    /// The name it gives itself in its telemetry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its hot key.
    pub address: Address,
    /// Its cold key.
    pub owner: Address,
    /// Where it serves.
    pub endpoint: Endpoint,
    /// Stake of its pool, grains.
    pub stake: Amount,
    /// Rank in the last closed epoch.
    pub rank: f64,
    /// Trust in the last closed epoch, 0 to 1.
    pub trust: f64,
    /// Incentive in the last closed epoch.
    pub incentive: f64,
    /// Scaling a_i, 0 to 1.
    pub scaling: f64,
    /// What it earned so far.
    pub earned: Earned,
    /// What it may pay out when it next emits, grains.
    pub accrued: Amount,
    /// Height at which it registered.
    pub registered: u64,
    /// Height at which it last set weights; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_set: Option<u64>,
    /// Its row of weights: (peer, share of 1).
    pub weights: Vec<(u32, f64)>,
    /// What it reports of itself. Self-reported: signed by its hot key, checked by nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Telemetry>,
}

/// Cumulative pay of a peer, grains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Earned {
    /// From emissions of the market.
    pub market: Amount,
}

/// Where a peer serves, and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// `https://host:port`.
    pub url: String,
    /// "text", "image" or "tensor".
    #[schema(value_type = String, example = "text")]
    pub modality: Modality,
}

/// `GET /v1/peers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Peers {
    /// Height of the state.
    pub height: u64,
    /// All peers by id.
    pub peers: Vec<Peer>,
}

/// `GET /v1/weights`: the whole weight matrix, sparse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Weights {
    /// Height of the state.
    pub height: u64,
    /// (from, to, share of 1), by from, then to.
    pub edges: Vec<(u32, u32, f64)>,
}

/// `GET /v1/market`: the last closed epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Market {
    /// Number of epochs closed so far.
    pub epoch: u64,
    /// Height at which the last one closed; 0 before the first.
    pub height: u64,
    /// "paper", "median", "connected-median" or "credible-median".
    #[schema(value_type = String, example = "connected-median")]
    pub rule: MarketRule,
    /// The market's loss L = -R . (T - 1/2); absent before the first epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Whether peers accrued emission in it.
    pub minting: bool,
    /// All stake of peers, grains.
    pub staked: Amount,
    /// What all peers together accrued in it, grains.
    pub accrued: Amount,
    /// The issue of the epoch as a part of all stake, after halvings.
    pub inflation: f64,
    /// Height at which the next epoch closes.
    pub epoch_end: u64,
    /// Price of registering by burning now, grains.
    pub registration_price: Amount,
    /// Hashes that a registration by work takes on average now.
    pub registration_difficulty: u64,
    /// What a registration by work must be over.
    pub registration_challenge: Digest,
}

/// `GET /v1/history`: one point per closed epoch, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The points, oldest first.
    pub epochs: Vec<HistoryEpoch>,
}

/// The market at the close of one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEpoch {
    /// Number of epochs closed, this one included.
    pub epoch: u64,
    /// Height at which it closed.
    pub height: u64,
    /// Time of that block, milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// The market's loss.
    pub loss: f64,
    /// Grains minted since genesis.
    pub minted: Amount,
    /// Per peer.
    pub peers: Vec<HistoryPeer>,
}

/// One peer at the close of one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPeer {
    /// The peer.
    pub id: u32,
    /// Stake of its pool, grains.
    pub stake: Amount,
    /// Trust, 0 to 1.
    pub trust: f64,
    /// Incentive.
    pub incentive: f64,
    /// Rank.
    pub rank: f64,
}
