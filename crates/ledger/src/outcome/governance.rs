//! What comes of proposals and votes.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::change::Change;
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::protocol::{Switch, Version};
use crate::types::Height;

/// Something that happened to proposals.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// A change was proposed.
    Proposed { proposal: u64, change: Change, proposer: PublicKey },
    /// A vote was cast.
    Voted { proposal: u64, owner: PublicKey, approve: bool },
    /// A proposal was closed without change: rejected, expired or no longer possible.
    ProposalClosed { proposal: u64, approving: Grains, rejecting: Grains },
    /// A proposal was accepted: its parameter changed, or its switch is to come.
    Accepted { proposal: u64, change: Change },
}

/// Why a proposal or vote is refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum Rejection {
    #[error("the parameter change is not possible: {reason}")]
    Parameter { reason: String },
    #[error("the chain runs protocol version {version}: the next is version {}", version.0 + 1)]
    UpgradeVersion { version: Version },
    #[error("an upgrade needs notice: it may take place from height {from} on, not at {height}")]
    UpgradeNotice { height: Height, from: Height },
    #[error("an upgrade was agreed already: version {} at height {}", .0.version, .0.height)]
    UpgradeAgreed(Switch),
    #[error("there is no open proposal {proposal}")]
    NoProposal { proposal: u64 },
    #[error("{count} proposals are open already")]
    ProposalsFull { count: u64 },
    #[error("{needed} of stake are needed for this, the signer has {available}")]
    Influence { needed: Grains, available: Grains },
    #[error("{count} votes were cast on proposal {proposal} already, no more are counted")]
    VotesFull { proposal: u64, count: u64 },
}
