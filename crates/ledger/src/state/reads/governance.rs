//! Reads of governance and of who decides.

use std::sync::Arc;

use super::{KEY_MAX, KEY_MIN};
use crate::committee::Validator;
use crate::crypto::PublicKey;
use crate::state::chain;
use crate::state::governance::{self, Key, Proposal};
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
    pub fn votes(&self, proposal: u64) -> impl Iterator<Item = (PublicKey, bool)> {
        let first = governance::vote(proposal, KEY_MIN);
        let last = governance::vote(proposal, KEY_MAX);
        self.scan(first, last).filter_map(|(key, approve)| match key {
            Key::Vote(_, owner) => Some((owner, *approve)),
            _ => None,
        })
    }
}
