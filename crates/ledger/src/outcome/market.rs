//! What comes of actions in the market of peers.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::types::{Epoch, Height, PeerId};

/// Something that happened in the market.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// A peer registered; `burned` is nothing if it paid by work.
    Registered { peer: PeerId, hot: PublicKey, cold: PublicKey, burned: Grains },
    /// A peer lost its place to a newcomer.
    Displaced { peer: PeerId, by: PeerId },
    /// A peer changed its endpoint.
    EndpointSet { peer: PeerId },
    /// A peer committed to weights.
    WeightsCommitted { peer: PeerId },
    /// A peer's weights changed; their number.
    WeightsSet { peer: PeerId, weights: u32 },
    /// A peer paid out: of `accrued`, `paid` went to peers and to the fee, the rest was withheld.
    Emitted { peer: PeerId, accrued: Grains, paid: Grains },
    /// An epoch ended; the market's report stands in the state.
    EpochClosed { epoch: Epoch, accrued: Grains, minting: bool },
    /// A peer's owner gave it another hot key.
    HotKeyReplaced { peer: PeerId, from: PublicKey, to: PublicKey },
    /// A peer's owner ended it.
    Left { peer: PeerId },
}

/// Why an action in the market is refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum Rejection {
    #[error("the endpoint is not https://host:port of at most 128 bytes")]
    Endpoint,
    #[error("proof-of-work registrations are signed by the peer's hot or cold key")]
    WorkSigner,
    #[error("the row has {length} weights, at most {length_max} are allowed")]
    RowTooLong { length: u64, length_max: u64 },
    #[error("the row names peer {peer}, which does not exist")]
    RowPeer { peer: PeerId },
    #[error("{key} is the hot key of peer {peer} already")]
    HotKeyTaken { key: PublicKey, peer: PeerId },
    #[error("the work does not meet difficulty {difficulty}, asked now, for a recent challenge")]
    Work { difficulty: u64 },
    #[error("registration costs {price} now, more than the {price_max} offered")]
    Price { price: Grains, price_max: Grains },
    #[error(
        "{count} peers registered in this way in this epoch already, no more are let in until the \
         next"
    )]
    RegistrationsFull { count: u64 },
    #[error("all {peers} places are taken and every peer is still immune")]
    NoPlace { peers: u64 },
    #[error("weights were set at height {set}, they may be set again from height {from}")]
    TooSoon { set: Height, from: Height },
    #[error("weights must be committed, then revealed, on this chain")]
    CommitRequired,
    #[error("peer {peer} belongs to {owner}: its cold key signs this")]
    NotTheOwner { peer: PeerId, owner: PublicKey },
    #[error("the hot key was replaced at height {set}, it may be again from height {from}")]
    HotKeyTooSoon { set: Height, from: Height },
    #[error("{key} registered by work in this epoch or the last already: its work counts once")]
    WorkUsed { key: PublicKey },
}
