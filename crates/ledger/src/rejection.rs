//! Why transactions are refused.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::{Hash, PublicKey};
use crate::money::Grains;
use crate::types::{Epoch, Height, PeerId};

/// Why a transaction is refused, or was included without effect.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum Rejection {
    #[error("the transaction is for chain {found}, this is chain {expected}")]
    Chain { expected: Hash, found: Hash },
    #[error("the transaction has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLong { bytes: u64, bytes_max: u64 },
    #[error("{key} is not the canonical encoding of an Ed25519 key")]
    Key { key: PublicKey },
    #[error("a signature does not match: sign the transaction with the key that it names")]
    Signature,
    #[error("the amount is zero")]
    Nothing,
    #[error("the endpoint is not https://host:port of at most 128 bytes")]
    Endpoint,
    #[error("proof-of-work registrations are signed by the peer's hot or cold key")]
    WorkSigner,
    #[error("the row has {length} weights, at most {length_max} are allowed")]
    RowTooLong { length: u64, length_max: u64 },
    #[error("the parameter change is not possible: {reason}")]
    Parameter { reason: String },
    #[error("the transaction expired at height {expires}, the next block is {height}")]
    Expired { expires: Height, height: Height },
    #[error("the transaction expires at height {expires}, at most {expires_max} is allowed now")]
    ExpiresTooLate { expires: Height, expires_max: Height },
    #[error("nonce {found} was used already, the next is {expected}")]
    NonceUsed { expected: u64, found: u64 },
    #[error("nonce {found} is ahead, the next is {expected}: send the ones before first")]
    NonceAhead { expected: u64, found: u64 },
    #[error("the fee and tip of {needed} exceed what can pay for them, {available}")]
    CannotPay { needed: Grains, available: Grains },
    #[error("the transaction costs {cost} units, a block holds {cost_max}")]
    TooCostly { cost: u64, cost_max: u64 },
    #[error("{needed} are needed, the account has {available}")]
    Balance { needed: Grains, available: Grains },
    #[error("the amount exceeds what can be counted")]
    Overflow,
    #[error("there is no peer {peer}")]
    NoPeer { peer: PeerId },
    #[error("{key} is not the hot key of a peer")]
    NotAPeer { key: PublicKey },
    #[error("the stake of {amount} is below the least stake, {minimum}")]
    StakeTooSmall { amount: Grains, minimum: Grains },
    #[error("{needed} are to be unstaked, the signer's stake with peer {peer} is {available}")]
    Stake { peer: PeerId, needed: Grains, available: Grains },
    #[error("{key} is the hot key of peer {peer} already")]
    HotKeyTaken { key: PublicKey, peer: PeerId },
    #[error("the work does not meet difficulty {difficulty} for a recent challenge")]
    Work { difficulty: u64 },
    #[error("registration costs {price} now, more than the {price_max} offered")]
    Price { price: Grains, price_max: Grains },
    #[error("{count} peers registered in this epoch already, no more are let in until the next")]
    RegistrationsFull { count: u64 },
    #[error("all {peers} places are taken and every peer is still immune")]
    NoPlace { peers: u64 },
    #[error("weights were set at height {set}, they may be set again from height {from}")]
    TooSoon { set: Height, from: Height },
    #[error("there is no commitment to reveal")]
    NoCommitment,
    #[error(
        "the commitment was made in epoch {committed}, it is revealed in the next, this is {epoch}"
    )]
    RevealWindow { committed: Epoch, epoch: Epoch },
    #[error("the weights and salt are not those committed to")]
    RevealMismatch,
    #[error("weights must be committed, then revealed, on this chain")]
    CommitRequired,
    #[error("the row names peer {peer}, which does not exist")]
    RowPeer { peer: PeerId },
    #[error("there is no open proposal {proposal}")]
    NoProposal { proposal: u64 },
    #[error("{count} proposals are open already")]
    ProposalsFull { count: u64 },
    #[error("{needed} of stake are needed for this, the signer has {available}")]
    Influence { needed: Grains, available: Grains },
    #[error("{count} votes were cast on proposal {proposal} already, no more are counted")]
    VotesFull { proposal: u64, count: u64 },
}
