//! What comes of proposals and votes.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::change::Change;
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::parameters::ParameterChange;
use crate::protocol::{Switch, Version};
use crate::types::Height;

/// Something that happened to proposals.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// A change was proposed; the block `closes` decides it.
    Proposed { proposal: u64, change: Change, proposer: PublicKey, closes: Height },
    /// A vote was cast.
    Voted { proposal: u64, owner: PublicKey, approve: bool, weight: Grains },
    /// A proposal was closed without effect: rejected, not wanted by enough, not possible any more
    /// or displaced by one with more stake behind it. Of its deposit, `burned` was.
    ProposalClosed { proposal: u64, approving: Grains, rejecting: Grains, burned: Grains },
    /// A proposal was accepted: its change is to come with the block `effect`.
    Accepted { proposal: u64, change: Change, effect: Height },
    /// A parameter changed, as was agreed.
    Changed { proposal: u64, change: ParameterChange },
    /// What was agreed contradicts by now what stands, and comes to nothing.
    Lapsed { proposal: u64, change: ParameterChange },
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
    #[error("{}", full(*.count, *.needed, *.available))]
    ProposalsFull { count: u64, needed: Option<Grains>, available: Grains },
    #[error("the signer's proposal {proposal} is open: each may have one at a time")]
    OwnProposal { proposal: u64 },
    #[error("{needed} of stake are needed that were there before, the signer has {available}")]
    Influence { needed: Grains, available: Grains },
    #[error("the committee has {members} members, a vote does not reduce it to {value}")]
    Committee { value: u64, members: u64 },
}

fn full(count: u64, needed: Option<Grains>, available: Grains) -> String {
    let open = format!("{count} proposals are open already");
    match needed {
        Some(needed) => format!(
            "{open}: it takes more than {needed} of stake to displace one, the signer has {available}"
        ),
        None => format!("{open}, and enough approve of each: wait until one is decided"),
    }
}
