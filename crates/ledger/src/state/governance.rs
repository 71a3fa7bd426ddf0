//! The entries of governance: open proposals and the votes on them.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Singleton, Slot, entries, nothing};
use crate::change::Change;
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::types::Epoch;

entries! {
    /// How many proposals there were and are.
    proposals: Proposals => Proposals, holds nothing;
    /// A proposal, while open.
    proposal: Proposal(number: u64) => Arc<Proposal>, holds nothing;
    /// The vote of an owner on a proposal: whether it approves.
    vote: Vote(number: u64, owner: PublicKey) => bool, holds nothing;
}

/// How many proposals there were and are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposals {
    /// The number of the next proposal.
    pub next: u64,
    /// Proposals that are open.
    pub open: u32,
}

/// A change to be decided.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// The change.
    pub change: Change,
    /// Who proposed it.
    pub proposer: PublicKey,
    /// In which epoch.
    pub epoch: Epoch,
    /// The last epoch at whose end it can be decided.
    pub expires_epoch: Epoch,
    /// Votes cast.
    pub votes: u32,
}

/// Governance before the first block.
pub(super) fn genesis() -> Vec<(Key, Value)> {
    vec![(Key::Proposals, Value::Proposals(Proposals::default()))]
}
