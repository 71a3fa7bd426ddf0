//! Blocks, the transactions in them, and what happened to the chain as a whole.

use muster_ledger::money::Grains;
use muster_ledger::outcome::Rejection;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::types::Height;
use muster_ledger::vote;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::action::Action;
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
    /// A page of the transactions with what came of them, in order.
    pub items: Vec<Transaction>,
    /// Where the next page begins: ask with `after` set to it. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
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
    /// Its place among the signer's transactions.
    pub nonce: u64,
    /// Last height at which it may be decided.
    pub expires: u64,
    /// Added to the fee for priority, grains.
    pub tip: Amount,
    /// What it does.
    pub action: Action,
}

impl Transaction {
    /// A transaction that waits in a mempool.
    #[must_use]
    pub fn pending(signed: &SignedTransaction) -> Self {
        let transaction = &signed.transaction;
        Self {
            hash: signed.hash().into(),
            state: TransactionState::Pending,
            height: None,
            index: None,
            fee: None,
            rejection: None,
            signer: transaction.signer.into(),
            nonce: transaction.nonce,
            expires: transaction.expires.0,
            tip: transaction.tip.into(),
            action: (&transaction.action).into(),
        }
    }

    /// A transaction at position `index` of the block at `height`, with the fee that it paid and
    /// why it had no effect, if so.
    #[must_use]
    pub fn decided(
        signed: &SignedTransaction,
        height: u64,
        index: u32,
        fee: Grains,
        result: &Result<(), Rejection>,
    ) -> Self {
        let (state, rejection) = match result {
            Ok(()) => (TransactionState::Applied, None),
            Err(rejection) => (TransactionState::Rejected, Some(rejection.to_string())),
        };
        Self {
            state,
            height: Some(height),
            index: Some(index),
            fee: Some(fee.into()),
            rejection,
            ..Self::pending(signed)
        }
    }
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

/// `GET /v1/proofs/{account|peer|round}/{id}`: all that a light client needs to check one entry
/// of the state.
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

/// What happened to the chain itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChainEvent)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// A block was decided.
    Block {
        hash: Digest,
        time_ms: u64,
        state_root: Digest,
        proposer: Address,
        transactions: u64,
        round: u32,
    },
    /// The committee changed.
    CommitteeChanged { committee: Digest },
    /// The chain runs by the rules of another protocol version from this block on.
    Upgraded { version: u32 },
}

impl Event {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Block { .. } => "block",
            Self::CommitteeChanged { .. } => "committee_changed",
            Self::Upgraded { .. } => "upgraded",
        }
    }
}
