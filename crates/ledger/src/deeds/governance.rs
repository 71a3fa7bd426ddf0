//! Parameters change by vote: proposed by a staker, decided at the end of an epoch by more than
//! half of all staked grains, weighed as they stand then.

use std::sync::Arc;

use crate::crypto::PublicKey;
use crate::event::Event;
use crate::money::Grains;
use crate::parameters::ParameterChange;
use crate::rejection::Rejection;
use crate::state::{Key, Proposal, Read, State, Value};
use crate::transition::Transition;
use crate::types::Epoch;

/// Most delegations that are looked at to see whether somebody's stake reaches a bound.
const DELEGATIONS_MAX: usize = 256;

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
    Err(Rejection::Influence { needed, available })
}

/// Opens a proposal, with the proposer's approval.
pub(crate) fn propose(
    transition: &mut Transition,
    signer: &PublicKey,
    change: &ParameterChange,
) -> Result<(), Rejection> {
    let parameters = transition.parameters().clone();
    has_influence(transition, signer, parameters.proposal_stake_min)?;
    parameters
        .changed(change)
        .map_err(|error| Rejection::Parameter { reason: error.to_string() })?;
    let mut counters = transition.counters();
    if u64::from(counters.proposals) >= parameters.proposals_max {
        return Err(Rejection::ProposalsFull { count: u64::from(counters.proposals) });
    }
    let number = counters.next_proposal;
    counters.next_proposal = number.checked_add(1).ok_or(Rejection::Overflow)?;
    counters.proposals += 1;
    transition.put_counters(counters);
    let epoch = transition.clock().epoch;
    let proposal = Proposal {
        change: change.clone(),
        proposer: *signer,
        epoch,
        expires_epoch: epoch.after(parameters.proposal_epochs),
        votes: 0,
    };
    transition.put(Key::Proposal(number), Value::Proposal(Arc::new(proposal)));
    let (change, proposer) = (change.clone(), *signer);
    transition.event(Event::Proposed { proposal: number, change, proposer });
    vote(transition, signer, number, true)
}

/// Casts a vote, or changes one.
pub(crate) fn vote(
    transition: &mut Transition,
    signer: &PublicKey,
    number: u64,
    approve: bool,
) -> Result<(), Rejection> {
    let Some(Value::Proposal(proposal)) = transition.get(&Key::Proposal(number)) else {
        return Err(Rejection::NoProposal { proposal: number });
    };
    let mut proposal = proposal.as_ref().clone();
    let parameters = transition.parameters().clone();
    has_influence(transition, signer, parameters.stake_min)?;
    let key = Key::Vote(number, *signer);
    if transition.get(&key).is_none() {
        let count = u64::from(proposal.votes);
        if count >= parameters.votes_max {
            return Err(Rejection::VotesFull { proposal: number, count });
        }
        proposal.votes += 1;
        transition.put(Key::Proposal(number), Value::Proposal(Arc::new(proposal)));
    }
    transition.put(key, Value::Vote(approve));
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
        // Several proposals may pass at once: each is checked against the parameters as they are
        // after the ones before it.
        let changed = transition.parameters().changed(&proposal.change);
        match changed {
            Ok(changed) if accepted => {
                transition.put(Key::Parameters, Value::Parameters(Arc::new(changed)));
                let change = proposal.change.clone();
                transition.event(Event::ParameterChanged { proposal: number, change });
            }
            _ => {
                let grains = |sum: u128| Grains(u64::try_from(sum).unwrap_or(u64::MAX));
                let (approving, rejecting) = (grains(approving), grains(rejecting));
                transition.event(Event::ProposalClosed { proposal: number, approving, rejecting });
            }
        }
    }
}

fn close(transition: &mut Transition, state: &State, number: u64) {
    for (owner, _) in state.votes(number) {
        transition.remove(Key::Vote(number, owner));
    }
    transition.remove(Key::Proposal(number));
    let mut counters = transition.counters();
    counters.proposals = counters.proposals.saturating_sub(1);
    transition.put_counters(counters);
}
