//! What a node knows about itself and the chain as a whole.

use muster_ledger::protocol::{Switch, Version};
use muster_ledger::state::{State, chain};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount, Digest, HexBytes};

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The node's own name.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// By which rules the chain runs.
    pub protocol: Protocol,
    /// Name of the network, from its genesis.
    pub network: String,
    /// Identity of the chain: digest of its genesis.
    pub chain: Digest,
    /// Height of the last decided block; 0 before the first.
    pub height: u64,
    /// The first block that this node has with its transactions and events; it keeps none before.
    pub first_block: u64,
    /// Time of the last decided block, milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// Hash of the last decided block.
    pub block: Digest,
    /// Root of the state after the last decided block.
    pub state_root: Digest,
    /// Number of the last closed market epoch.
    pub epoch: u64,
    /// Height at which the next epoch closes.
    pub epoch_end: u64,
    /// Blocks in an epoch.
    pub epoch_blocks: u64,
    /// Intended time between blocks, milliseconds.
    pub block_time_ms: u64,
    /// Blocks a second, measured over the last 32 blocks; 0 before the second block.
    pub blocks_per_second: f64,
    /// The validators of the next height.
    pub validators: Vec<ValidatorStatus>,
    /// Number of registered peers.
    pub peers: u64,
    /// Number of transactions decided since genesis.
    pub transactions: u64,
    /// The waiting transactions of this node.
    pub mempool: MempoolStatus,
    /// The money supply.
    pub supply: Supply,
    /// Validators that this node saw sign two conflicting messages, since it started.
    /// Reported only: nothing on the ledger acts on it yet.
    pub equivocations: Vec<Equivocation>,
}

/// By which rules the chain runs, and whether this program can go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Protocol {
    /// The version of the last decided block.
    pub version: u32,
    /// The newest version that the node's program knows.
    pub newest: u32,
    /// The switch that was agreed and is to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Upgrade>,
}

/// A switch to the rules of another protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upgrade {
    /// The version.
    pub version: u32,
    /// The first block that is executed by it.
    pub height: u64,
}

impl Protocol {
    /// The protocol of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let protocol = state.the(chain::protocol());
        let upgrade =
            |switch: Switch| Upgrade { version: switch.version.0, height: switch.height.0 };
        Self {
            version: protocol.version.0,
            newest: Version::NEWEST.0,
            next: protocol.next.map(upgrade),
        }
    }
}

/// One member of the committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorStatus {
    /// Name from genesis.
    pub name: String,
    /// Its consensus key.
    pub address: Address,
    /// Whether it signed one of the last blocks that this node saw; absent before the first block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
}

/// Transactions that wait in a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MempoolStatus {
    /// How many.
    pub transactions: u64,
    /// Their encoded size in bytes.
    pub bytes: u64,
}

/// `GET /v1/supply`: `genesis + minted - burned = total`, checked in every block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Supply {
    /// Grains that existed at genesis.
    pub genesis: Amount,
    /// Grains minted since.
    pub minted: Amount,
    /// Grains burned since.
    pub burned: Amount,
    /// Grains in all balances, stakes, escrows and pools.
    pub total: Amount,
}

impl Supply {
    /// The supply of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let supply = state.supply();
        Self {
            genesis: supply.genesis.into(),
            minted: supply.minted.into(),
            burned: supply.burned.into(),
            total: supply.total().into(),
        }
    }
}

/// A validator that signed two conflicting messages of one round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Equivocation {
    /// The validator.
    pub address: Address,
    /// The height at which it did.
    pub height: u64,
    /// "vote", "proposal" or "announcement" (of two blocks for one round).
    pub kind: String,
    /// The two signed messages, encoded; none where the engine keeps them to itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<HexBytes>,
}

/// `GET /v1/committee`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Committee {
    /// The height that this committee decides: the one after the last decided.
    pub height: u64,
    /// Its members, in canonical order.
    pub validators: Vec<ValidatorStatus>,
}
