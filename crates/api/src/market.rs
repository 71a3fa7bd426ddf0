//! Peers, what they think of each other, and what the market made of it.

use muster_ledger::parameters::MarketRule;
use muster_ledger::state::State;
use muster_ledger::types::{self, Modality, PeerId, Share};
use muster_ledger::{outcome, transaction};
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

impl Peer {
    /// A peer of a state, with what it last reported of itself.
    #[must_use]
    pub fn of(state: &State, id: PeerId, telemetry: Option<Telemetry>) -> Option<Self> {
        let peer = state.peer(id)?;
        Some(Self {
            id: id.0,
            name: telemetry.as_ref().map(|telemetry| telemetry.name.clone()),
            address: peer.hot.into(),
            owner: peer.cold.into(),
            endpoint: (&peer.endpoint).into(),
            stake: peer.pool.grains.into(),
            rank: peer.rank.to_f64(),
            trust: peer.trust.to_f64(),
            incentive: peer.incentive.to_f64(),
            scaling: peer.scaling.to_f64(),
            earned: Earned { market: peer.earned.into() },
            accrued: peer.accrued.into(),
            registered: peer.registered.0,
            weights_set: (peer.weights_set.0 > 0).then_some(peer.weights_set.0),
            weights: row_to_json(state.weights(id)),
            telemetry,
        })
    }
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

impl From<&types::Endpoint> for Endpoint {
    fn from(endpoint: &types::Endpoint) -> Self {
        Self { url: endpoint.url.clone(), modality: endpoint.modality }
    }
}

/// `GET /v1/peers`: a page of the peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Peers {
    /// Height of the state.
    pub height: u64,
    /// Peers by id.
    pub peers: Vec<Peer>,
    /// Where the next page begins: ask with `after` set to it. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// `GET /v1/weights`: a page of the weight matrix, sparse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Weights {
    /// Height of the state.
    pub height: u64,
    /// (from, to, share of 1), by from, then to; rows are whole.
    pub edges: Vec<(u32, u32, f64)>,
    /// Where the next page begins: ask with `after` set to it. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// The weights that a peer gives, as (from, to, share of 1).
#[must_use]
pub fn edges_of(state: &State, from: PeerId) -> Vec<(u32, u32, f64)> {
    state.weights(from).iter().map(|(to, share)| (from.0, to.0, share.to_f64())).collect()
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

impl Market {
    /// The last closed epoch of a state, and what registration takes now.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let (report, clock, registration) = (state.market(), state.clock(), state.registration());
        Self {
            epoch: clock.epoch.0,
            height: report.height.0,
            rule: report.rule,
            loss: (clock.epoch.0 > 0).then_some(report.loss.to_f64()),
            minting: report.minting,
            staked: report.staked.into(),
            accrued: report.accrued.into(),
            inflation: report.inflation_ppb as f64 / 1e9,
            epoch_end: clock.epoch_end.0,
            registration_price: registration.price.into(),
            registration_difficulty: registration.difficulty,
            registration_challenge: registration.challenge.into(),
        }
    }
}

/// `GET /v1/history`: a page of points, one per closed epoch, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The points, oldest first.
    pub epochs: Vec<HistoryEpoch>,
    /// Where the next page begins: ask with `after` set to it. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
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

/// How a registration is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// By proof of work.
    Work,
    /// By burning the price.
    Burn,
}

/// A row of the ledger as (peer, share of 1).
#[must_use]
pub fn row_to_json(row: &[(PeerId, Share)]) -> Vec<(u32, f64)> {
    row.iter().map(|(peer, share)| (peer.0, share.to_f64())).collect()
}

/// What a peer does in the market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = MarketAction)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Registers a peer.
    Register {
        /// Its hot key.
        hot: Address,
        /// Its cold key.
        cold: Address,
        /// Where it serves.
        endpoint: Endpoint,
        /// How the place is paid for: "work" or "burn".
        payment: Payment,
    },
    /// Says where a peer serves.
    SetEndpoint {
        /// The endpoint.
        endpoint: Endpoint,
    },
    /// Commits to a row of weights.
    CommitWeights {
        /// The commitment.
        commitment: Digest,
    },
    /// Reveals a committed row.
    RevealWeights {
        /// (peer, share of 1).
        weights: Vec<(u32, f64)>,
    },
    /// Sets a row of weights directly.
    SetWeights {
        /// (peer, share of 1).
        weights: Vec<(u32, f64)>,
    },
    /// Pays out what a peer accrued.
    Emit,
    /// Gives a peer another hot key.
    ReplaceHotKey {
        /// The peer.
        peer: u32,
        /// Its new hot key.
        hot: Address,
    },
    /// Ends a peer.
    Leave {
        /// The peer.
        peer: u32,
    },
}

impl From<&transaction::market::Action> for Action {
    fn from(action: &transaction::market::Action) -> Self {
        match action {
            transaction::market::Action::Register { registration } => Self::Register {
                hot: registration.hot.into(),
                cold: registration.cold.into(),
                endpoint: (&registration.endpoint).into(),
                payment: match registration.payment {
                    transaction::market::Payment::Work { .. } => Payment::Work,
                    transaction::market::Payment::Burn { .. } => Payment::Burn,
                },
            },
            transaction::market::Action::SetEndpoint { endpoint } => {
                Self::SetEndpoint { endpoint: endpoint.into() }
            }
            transaction::market::Action::CommitWeights { commitment } => {
                Self::CommitWeights { commitment: (*commitment).into() }
            }
            transaction::market::Action::RevealWeights { weights, .. } => {
                Self::RevealWeights { weights: row_to_json(weights) }
            }
            transaction::market::Action::SetWeights { weights } => {
                Self::SetWeights { weights: row_to_json(weights) }
            }
            transaction::market::Action::Emit => Self::Emit,
            transaction::market::Action::ReplaceHotKey { replacement } => {
                Self::ReplaceHotKey { peer: replacement.peer.0, hot: replacement.hot.into() }
            }
            transaction::market::Action::Leave { peer } => Self::Leave { peer: peer.0 },
        }
    }
}

/// What happened in the market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = MarketEvent)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
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
    /// A market epoch ended.
    EpochClosed { epoch: u64, accrued: Amount, minting: bool },
    /// A peer's owner gave it another hot key.
    HotKeyReplaced { peer: u32, from: Address, to: Address },
    /// A peer's owner ended it.
    Left { peer: u32 },
}

impl Event {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::Displaced { .. } => "displaced",
            Self::EndpointSet { .. } => "endpoint_set",
            Self::WeightsCommitted { .. } => "weights_committed",
            Self::WeightsSet { .. } => "weights_set",
            Self::Emitted { .. } => "emitted",
            Self::EpochClosed { .. } => "epoch_closed",
            Self::HotKeyReplaced { .. } => "hot_key_replaced",
            Self::Left { .. } => "left",
        }
    }
}

impl From<&outcome::market::Event> for Event {
    fn from(event: &outcome::market::Event) -> Self {
        use outcome::market::Event as E;
        match event {
            E::Registered { peer, hot, cold, burned } => Self::Registered {
                peer: peer.0,
                hot: (*hot).into(),
                cold: (*cold).into(),
                burned: (*burned).into(),
            },
            E::Displaced { peer, by } => Self::Displaced { peer: peer.0, by: by.0 },
            E::EndpointSet { peer } => Self::EndpointSet { peer: peer.0 },
            E::WeightsCommitted { peer } => Self::WeightsCommitted { peer: peer.0 },
            E::WeightsSet { peer, weights } => Self::WeightsSet { peer: peer.0, weights: *weights },
            E::Emitted { peer, accrued, paid } => {
                Self::Emitted { peer: peer.0, accrued: (*accrued).into(), paid: (*paid).into() }
            }
            E::EpochClosed { epoch, accrued, minting } => {
                Self::EpochClosed { epoch: epoch.0, accrued: (*accrued).into(), minting: *minting }
            }
            E::HotKeyReplaced { peer, from, to } => {
                Self::HotKeyReplaced { peer: peer.0, from: (*from).into(), to: (*to).into() }
            }
            E::Left { peer } => Self::Left { peer: peer.0 },
        }
    }
}
