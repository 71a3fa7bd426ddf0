//! The entries of governance: open proposals, the votes on them, and what was agreed and is to
//! come.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Singleton, Slot, entries, nothing};
use crate::change::Change;
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::parameters::ParameterChange;
use crate::types::Height;

entries! {
    /// Which proposals are open.
    proposals: Proposals => Arc<Proposals>, holds nothing;
    /// A proposal, while open, with its deposit.
    proposal: Proposal(number: u64) => Arc<Proposal>, holds |proposal| proposal.deposit;
    /// The vote of an owner on a proposal; cleared away some blocks after the proposal has closed.
    vote: Vote(number: u64, owner: PublicKey) => Vote, holds nothing;
    /// What was accepted as proposal of this number, until it takes effect.
    agreed: Agreed(number: u64) => Arc<Agreed>, holds nothing;
}

/// Which proposals are open.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposals {
    /// The number of the next proposal.
    pub next: u64,
    /// Those that are open, rising by number and by height.
    pub open: Vec<Open>,
}

/// Who made an open proposal, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Open {
    /// The proposal's number.
    pub number: u64,
    /// Who proposed it.
    pub proposer: PublicKey,
    /// In which block.
    pub height: Height,
}

/// A change to be decided.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// The change.
    pub change: Change,
    /// Who proposed it.
    pub proposer: PublicKey,
    /// In which block; stake that came in it or later has no vote.
    pub height: Height,
    /// The block that decides it; votes are taken before.
    pub closes: Height,
    /// What the proposer gets back where enough approve.
    pub deposit: Grains,
    /// The weight of all votes for it.
    pub approving: Grains,
    /// The weight of all votes against it.
    pub rejecting: Grains,
    /// How many votes were cast.
    pub votes: u64,
}

/// A vote on a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// Whether the owner wants it.
    pub approve: bool,
    /// What it counts: the worth, when it was cast, of the owner's stake that was there before the
    /// proposal, less what left since.
    pub weight: Grains,
}

/// A change that was accepted and is to come.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Agreed {
    /// The change.
    pub change: ParameterChange,
    /// The first block by it, unless it contradicts by then what stands.
    pub effect: Height,
}

/// What falls due about a proposal of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Due {
    /// It is decided.
    Decision(u64),
    /// What was agreed takes effect.
    Effect(u64),
    /// The next votes on it are cleared away.
    Clearing(u64),
}

/// Governance before the first block.
pub(super) fn genesis() -> Vec<(Key, Value)> {
    vec![(Key::Proposals, Value::Proposals(Arc::default()))]
}
