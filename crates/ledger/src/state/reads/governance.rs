//! Reads of governance and of who decides.

use std::sync::Arc;

use super::{KEY_MAX, KEY_MIN, Read};
use crate::committee::Validator;
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::state::chain;
use crate::state::governance::{self, Agreed, Key, Proposal, Vote};
use crate::state::map::State;

impl State {
    /// Who decides the block after this state: a pure function of it, rising by key, equal votes.
    pub fn committee(&self) -> &[Validator] {
        let members: &Arc<Vec<Validator>> = self.the(chain::committee());
        members
    }

    /// Open proposals, rising by number.
    pub fn proposals(&self) -> impl Iterator<Item = (u64, &Proposal)> {
        let (first, last) = (governance::proposal(0), governance::proposal(u64::MAX));
        self.scan(first, last).filter_map(|(key, proposal)| match key {
            Key::Proposal(number) => Some((number, proposal.as_ref())),
            _ => None,
        })
    }

    /// Votes on a proposal, rising by key.
    pub fn votes(&self, proposal: u64) -> impl Iterator<Item = (PublicKey, Vote)> {
        let first = governance::vote(proposal, KEY_MIN);
        let last = governance::vote(proposal, KEY_MAX);
        self.scan(first, last).filter_map(|(key, vote)| match key {
            Key::Vote(_, owner) => Some((owner, *vote)),
            _ => None,
        })
    }

    /// What was accepted and is to come, rising by the number of the proposal.
    pub fn agreed(&self) -> impl Iterator<Item = (u64, &Agreed)> {
        let (first, last) = (governance::agreed(0), governance::agreed(u64::MAX));
        self.scan(first, last).filter_map(|(key, agreed)| match key {
            Key::Agreed(number) => Some((number, agreed.as_ref())),
            _ => None,
        })
    }

    /// The weight of votes that must approve of a proposal now: a part of all money, rounded up.
    pub fn quorum(&self) -> Grains {
        Read::quorum(self)
    }
}
