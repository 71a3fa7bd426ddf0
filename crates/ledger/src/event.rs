//! What happened in a block, for everybody who watches.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::{Hash, PublicKey};
use crate::money::Grains;
use crate::parameters::ParameterChange;
use crate::rejection::Rejection;
use crate::types::{Epoch, Height, PeerId};

/// What became of one transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// The transaction.
    pub hash: Hash,
    /// What it paid, without its tip; burned.
    pub fee: Grains,
    /// What it paid to the proposer.
    pub tip: Grains,
    /// Whether its action took effect.
    pub result: Result<(), Rejection>,
}

/// Something that happened, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// Money moved between accounts.
    Transferred { from: PublicKey, to: PublicKey, amount: Grains },
    /// An owner put money behind a peer.
    Staked { owner: PublicKey, peer: PeerId, amount: Grains },
    /// An owner took stake back, which arrives when due.
    Unstaked { owner: PublicKey, peer: PeerId, amount: Grains, due: Height },
    /// Unbonded stake arrived at its owner's account.
    Unbonded { owner: PublicKey, peer: PeerId, amount: Grains },
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
    /// A parameter change was proposed.
    Proposed { proposal: u64, change: ParameterChange, proposer: PublicKey },
    /// A vote was cast.
    Voted { proposal: u64, owner: PublicKey, approve: bool },
    /// A proposal was closed without change: rejected, expired or no longer possible.
    ProposalClosed { proposal: u64, approving: Grains, rejecting: Grains },
    /// A proposal was accepted and its parameter changed.
    ParameterChanged { proposal: u64, change: ParameterChange },
    /// An epoch ended; the market's report stands in the state.
    EpochClosed { epoch: Epoch, accrued: Grains, minting: bool },
    /// The committee changed; the hash of the new one.
    CommitteeChanged { committee: Hash },
}
