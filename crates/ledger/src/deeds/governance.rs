//! Parameters change by vote: proposed by a staker, decided at the end of an epoch by more than
//! half of all staked grains, weighed as they stand then.

use std::sync::Arc;

use super::upgrade;
use crate::change::Change;
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::outcome::governance::{self as outcome, Event};
use crate::state::governance::{self, Proposal};
use crate::state::{Read, State, chain};
use crate::transaction::governance::Action;
use crate::transition::Transition;
use crate::types::Epoch;

/// Most delegations that are looked at to see whether somebody's stake reaches a bound.
const DELEGATIONS_MAX: usize = 256;

/// Carries out an action.
pub(crate) fn act(
    transition: &mut Transition,
    signer: &PublicKey,
    action: &Action,
) -> Result<(), Rejection> {
    match action {
        Action::Propose { change } => propose(transition, signer, change),
        Action::Vote { proposal, approve } => vote(transition, signer, *proposal, *approve),
    }
}

/// Whether somebody's stake reaches a bound.
fn has_influence(
    transition: &Transition,
    owner: &PublicKey,
    needed: Grains,
) -> Result<(), Rejection> {
    // Delegations made in this very block do not count yet; the state below is that before it.
    let mut available = Grains::ZERO;
    for (_, stake) in transition.base().delegations_of(owner).take(DELEGATIONS_MAX) {
        available = available.checked_add(stake).ok_or(Rejection::Overflow)?;
        if available >= needed {
            return Ok(());
        }
    }
    Err(outcome::Rejection::Influence { needed, available }.into())
}

/// Opens a proposal, with the proposer's approval.
fn propose(
    transition: &mut Transition,
    signer: &PublicKey,
    change: &Change,
) -> Result<(), Rejection> {
    let parameters = transition.parameters().clone();
    has_influence(transition, signer, parameters.proposal_stake_min)?;
    check(transition, change)?;
    let mut proposals = *transition.the(governance::proposals());
    let count = u64::from(proposals.open);
    if count >= parameters.proposals_max {
        return Err(outcome::Rejection::ProposalsFull { count }.into());
    }
    let number = proposals.next;
    proposals.next = number.checked_add(1).ok_or(Rejection::Overflow)?;
    proposals.open += 1;
    transition.set(governance::proposals(), proposals);
    let epoch = transition.clock().epoch;
    let proposal = Proposal {
        change: change.clone(),
        proposer: *signer,
        epoch,
        expires_epoch: epoch.after(parameters.proposal_epochs),
        votes: 0,
    };
    transition.put(governance::proposal(number), Arc::new(proposal));
    let (change, proposer) = (change.clone(), *signer);
    transition.event(Event::Proposed { proposal: number, change, proposer });
    vote(transition, signer, number, true)
}

/// Casts a vote, or changes one.
fn vote(
    transition: &mut Transition,
    signer: &PublicKey,
    number: u64,
    approve: bool,
) -> Result<(), Rejection> {
    let found = transition.entry(governance::proposal(number));
    let none = outcome::Rejection::NoProposal { proposal: number };
    let mut proposal = found.ok_or(none)?.as_ref().clone();
    let parameters = transition.parameters().clone();
    has_influence(transition, signer, parameters.stake_min)?;
    if transition.entry(governance::vote(number, *signer)).is_none() {
        let count = u64::from(proposal.votes);
        if count >= parameters.votes_max {
            return Err(outcome::Rejection::VotesFull { proposal: number, count }.into());
        }
        proposal.votes += 1;
        transition.put(governance::proposal(number), Arc::new(proposal));
    }
    transition.put(governance::vote(number, *signer), approve);
    transition.event(Event::Voted { proposal: number, owner: *signer, approve });
    Ok(())
}

/// Decides what can be decided at the end of an epoch; `state` is the state with the whole block.
pub(crate) fn end_epoch(transition: &mut Transition, state: &State, epoch: Epoch) {
    let staked: u128 = state.peers().map(|(_, peer)| u128::from(peer.pool.grains.0)).sum();
    for (number, proposal) in state.proposals() {
        let [mut rejecting, mut approving] = [0_u128; 2];
        for (owner, approve) in state.votes(number) {
            let stakes = state.delegations_of(&owner);
            let stake: u128 = stakes.map(|(_, stake)| u128::from(stake.0)).sum();
            *(if approve { &mut approving } else { &mut rejecting }) += stake;
        }
        let accepted = 2 * approving > staked;
        let refused = 2 * rejecting >= staked;
        if !accepted && !refused && epoch < proposal.expires_epoch {
            continue;
        }
        close(transition, state, number);
        // Several proposals may pass at once: each is checked against what stands after the ones
        // before it.
        if accepted && take(transition, &proposal.change).is_ok() {
            let change = proposal.change.clone();
            transition.event(Event::Accepted { proposal: number, change });
        } else {
            let grains = |sum: u128| Grains(u64::try_from(sum).unwrap_or(u64::MAX));
            let (approving, rejecting) = (grains(approving), grains(rejecting));
            transition.event(Event::ProposalClosed { proposal: number, approving, rejecting });
        }
    }
}

/// Whether a change is possible now.
fn check(transition: &Transition, change: &Change) -> Result<(), Rejection> {
    match change {
        Change::Parameter(change) => {
            let changed = transition.parameters().changed(change);
            let refused = |reason: String| outcome::Rejection::Parameter { reason };
            changed.map_err(|error| refused(error.to_string()))?;
            Ok(())
        }
        Change::Upgrade(switch) => upgrade::check(transition, *switch),
    }
}

/// Makes a change that was accepted, if it is possible still.
fn take(transition: &mut Transition, change: &Change) -> Result<(), Rejection> {
    check(transition, change)?;
    match change {
        Change::Parameter(change) => {
            if let Ok(changed) = transition.parameters().changed(change) {
                transition.set(chain::parameters(), Arc::new(changed));
            }
        }
        Change::Upgrade(switch) => upgrade::agree(transition, *switch),
    }
    Ok(())
}

fn close(transition: &mut Transition, state: &State, number: u64) {
    for (owner, _) in state.votes(number) {
        transition.remove(governance::vote(number, owner));
    }
    transition.remove(governance::proposal(number));
    let mut proposals = *transition.the(governance::proposals());
    proposals.open = proposals.open.saturating_sub(1);
    transition.set(governance::proposals(), proposals);
}
