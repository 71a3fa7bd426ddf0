//! Blocks, transactions and accounts.

use muster_ledger::types::Height;
use muster_ledger::vote;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount, Digest, HexBytes, SignatureHex};

/// A block without its transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockSummary {
    /// Height; the first block after genesis has 1.
    pub height: u64,
    /// Hash of the header.
    pub hash: Digest,
    /// Time of the block, milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// Hash of the block before.
    pub previous: Digest,
    /// Root of the state after this block.
    pub state_root: Digest,
    /// Digest over the transactions.
    pub transactions_root: Digest,
    /// Digest of the committee of the next height.
    pub next_committee: Digest,
    /// Who proposed it.
    pub proposer: Address,
    /// Name of the proposer, where genesis gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposer_name: Option<String>,
    /// Number of transactions.
    pub transactions: u64,
    /// Encoded size in bytes.
    pub bytes: u64,
    /// The round in which it was decided; 0 unless a proposer failed.
    pub round: u32,
    /// How many validators signed it, and of how many.
    pub signatures: (u64, u64),
}

/// `GET /v1/blocks`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blocks {
    /// The blocks, newest first.
    pub blocks: Vec<BlockSummary>,
}

/// `GET /v1/blocks/{height}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Block {
    /// The header and its numbers.
    #[serde(flatten)]
    pub summary: BlockSummary,
    /// The certificate: signatures of more than two thirds of the committee.
    pub certificate: Certificate,
    /// The transactions with what came of them, in order.
    pub items: Vec<Transaction>,
}

/// Precommits of more than two thirds of a committee for one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Height decided.
    pub height: u64,
    /// Round in which it was decided.
    pub round: u32,
    /// Hash of the block.
    pub block: Digest,
    /// The precommits.
    pub signatures: Vec<CommitSignature>,
}

impl From<&Certificate> for vote::Certificate {
    fn from(certificate: &Certificate) -> Self {
        let Certificate { height, round, block, signatures } = certificate;
        let pair = |one: &CommitSignature| (one.validator.0, one.signature.0);
        let signatures = signatures.iter().map(pair).collect();
        Self { height: Height(*height), round: *round, block: block.0, signatures }
    }
}

/// One validator's precommit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitSignature {
    /// The validator.
    pub validator: Address,
    /// Signature over [`muster_ledger::vote::vote_bytes`].
    pub signature: SignatureHex,
}

/// `GET /v1/transactions/{hash}`: a decided transaction, or one that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Transaction {
    /// Its hash.
    pub hash: Digest,
    /// Where it stands: "pending", "applied", or "rejected" (it paid its fee and had no effect).
    pub state: TransactionState,
    /// Height of the block that holds it; absent while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Position in that block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The fee it paid, grains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<Amount>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<String>,
    /// Who signed it.
    pub signer: Address,
    /// The signer's counter.
    pub nonce: u64,
    /// Last height at which it may be decided.
    pub expires: u64,
    /// Added to the fee for priority, grains.
    pub tip: Amount,
    /// What it does.
    pub action: crate::action::Action,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionState {
    /// It waits in the mempool.
    Pending,
    /// It is in a block and had its effect.
    Applied,
    /// It is in a block and paid its fee, without effect.
    Rejected,
}

/// What came of a decided transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction.
    pub hash: Digest,
    /// Height of its block.
    pub height: u64,
    /// The fee it paid.
    pub fee: Amount,
    /// `Err` says why it had no effect.
    pub result: Result<(), String>,
}

/// Answer to `POST /v1/transactions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Hash of the transaction: the handle to ask for it.
    pub hash: Digest,
}

/// Answer to `POST /v1/mempool`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchAccepted {
    /// How many were taken.
    pub accepted: u64,
    /// How many this node already had.
    pub known: u64,
    /// How many were refused.
    pub refused: u64,
    /// Why the first refused one was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `GET /v1/accounts/{address}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its key.
    pub address: Address,
    /// Spendable grains.
    pub balance: Amount,
    /// The nonce that its next decided transaction must carry.
    pub nonce: u64,
    /// The nonce after the transactions of this account that wait in this node's mempool.
    pub nonce_pending: u64,
    /// Stake in peers.
    pub delegations: Vec<Delegation>,
    /// Stake on its way out.
    pub unbondings: Vec<Unbonding>,
    /// Peers whose cold key this is.
    pub owns: Vec<u32>,
    /// The peer whose hot key this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hot_of: Option<u32>,
}

/// Stake of one account in one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delegation {
    /// The peer.
    pub peer: u32,
    /// What it is worth now, grains.
    pub amount: Amount,
}

/// Stake that comes back to an account at a height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unbonding {
    /// The height at which it is paid out.
    pub due: u64,
    /// The peer that it was taken from.
    pub peer: u32,
    /// Grains.
    pub amount: Amount,
}

/// `GET /v1/proofs/{account|peer}/{id}`: all that a light client needs to check one entry of the
/// state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// Height of the block whose state root the proof is against.
    pub height: u64,
    /// Borsh encoding of the entry's key.
    pub key: HexBytes,
    /// Borsh encoding of the entry's value; absent where there is no such entry (which is proved
    /// too).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<HexBytes>,
    /// Borsh encoding of the Merkle proof.
    pub proof: HexBytes,
    /// Borsh encoding of the block's header.
    pub header: HexBytes,
    /// The committee's certificate for that header.
    pub certificate: Certificate,
}
