//! Governance: who has stake decides on parameters and rules, by votes of a fixed time.
//!
//! A vote weighs stake that was there before the proposal, and what leaves takes its weight along,
//! so that no grain votes twice, from whichever accounts. The weight is found once, when the vote
//! is cast; a proposal keeps the sums, and nothing here is ever counted again. Decisions, effects
//! and clearing stand on the agenda. See `docs/adr/0013-governance.md`.

use std::sync::Arc;

use super::{agenda, upgrade};
use crate::change::Change;
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::outcome::governance::{self as outcome, Event};
use crate::parameters::ParameterChange;
use crate::state::chain;
use crate::state::governance::{self, Agreed, Due, Open, Proposal, Vote};
use crate::state::{Read, market};
use crate::transaction::governance::{Action, DELEGATIONS_MAX};
use crate::transition::Transition;
use crate::types::Height;

/// A proposer gets the deposit back where those who approve have one of so many staked grains.
const APPROVAL_PARTS: u128 = 10;

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

/// Does what falls due.
pub(crate) fn due(transition: &mut Transition, due: Due) -> Result<(), Rejection> {
    match due {
        Due::Decision(number) => decide(transition, number),
        Due::Effect(number) => {
            effect(transition, number);
            Ok(())
        }
        Due::Clearing(number) => {
            clear(transition, number);
            Ok(())
        }
    }
}

/// In which blocks the open proposals were made, rising.
pub(crate) fn made(transition: &Transition) -> Vec<Height> {
    transition.the(governance::proposals()).open.iter().map(|open| open.height).collect()
}

/// Takes what leaves from the weight of an owner's votes: `lost` says what the stake that leaves is
/// worth which was there before the block of a height.
pub(crate) fn withdraw(
    transition: &mut Transition,
    owner: &PublicKey,
    lost: impl Fn(Height) -> Grains,
) -> Result<(), Rejection> {
    let proposals = transition.the(governance::proposals()).clone();
    for Open { number, height, .. } in &proposals.open {
        if let Some(vote) = transition.entry(governance::vote(*number, *owner)).copied() {
            let weight = Grains(vote.weight.0.saturating_sub(lost(*height).0));
            put_vote(transition, *number, owner, Vote { weight, ..vote })?;
        }
    }
    Ok(())
}

/// What an owner's stake weighs in a vote on a proposal that is made in the block of a height: what
/// it is worth now, as far as it was there before.
fn weight(transition: &Transition, owner: &PublicKey, made: Height) -> Result<Grains, Rejection> {
    // Looks at the state below: a delegation that this very block began is too young anyway.
    let peers = transition.base().peers_of(*owner).take(DELEGATIONS_MAX);
    let worth = |id| {
        let shares = transition.delegation(id, owner).before(made);
        transition.pool(id).filter(|_| shares > 0).map(|pool| pool.worth(shares))
    };
    peers.filter_map(worth).sum::<Option<Grains>>().ok_or(Rejection::Overflow)
}

/// The weight, if it reaches a bound.
fn influence(
    transition: &Transition,
    owner: &PublicKey,
    made: Height,
    needed: Grains,
) -> Result<Grains, Rejection> {
    let available = weight(transition, owner, made)?;
    if available < needed {
        return Err(outcome::Rejection::Influence { needed, available }.into());
    }
    Ok(available)
}

/// Opens a proposal, with the proposer's approval.
fn propose(
    transition: &mut Transition,
    signer: &PublicKey,
    change: &Change,
) -> Result<(), Rejection> {
    let parameters = transition.parameters().clone();
    let height = transition.clock().height;
    let closes = height.after(parameters.voting_blocks);
    let backing = influence(transition, signer, height, parameters.proposal_stake_min)?;
    check(transition, change, closes)?;
    let open = &transition.the(governance::proposals()).open;
    if let Some(own) = open.iter().find(|open| open.proposer == *signer) {
        return Err(outcome::Rejection::OwnProposal { proposal: own.number }.into());
    }
    transition.debit(signer, parameters.proposal_deposit)?;
    if open_count(transition) >= parameters.proposals_max {
        displace(transition, backing)?;
    }
    let mut proposals = transition.the(governance::proposals()).as_ref().clone();
    let number = proposals.next;
    proposals.next = number.checked_add(1).ok_or(Rejection::Overflow)?;
    proposals.open.push(Open { number, proposer: *signer, height });
    transition.set(governance::proposals(), Arc::new(proposals));
    let proposal = Proposal {
        change: change.clone(),
        proposer: *signer,
        height,
        closes,
        deposit: parameters.proposal_deposit,
        approving: Grains::ZERO,
        rejecting: Grains::ZERO,
        votes: 0,
    };
    transition.put(governance::proposal(number), Arc::new(proposal));
    agenda::add(transition, closes, chain::Due::Governance(Due::Decision(number)));
    let (change, proposer) = (change.clone(), *signer);
    transition.event(Event::Proposed { proposal: number, change, proposer, closes });
    vote(transition, signer, number, true)
}

fn open_count(transition: &Transition) -> u64 {
    transition.the(governance::proposals()).open.len() as u64
}

/// Closes the open proposal whose proposer has the least stake behind it, if that is less than
/// `backing`. One that enough approve of already keeps its place.
fn displace(transition: &mut Transition, backing: Grains) -> Result<(), Rejection> {
    let (proposals, quorum) =
        (transition.the(governance::proposals()).clone(), transition.quorum());
    let own = |open: &Open| {
        let proposal = transition.entry(governance::proposal(open.number))?;
        let vote = transition.entry(governance::vote(open.number, open.proposer))?;
        let own = if vote.approve { vote.weight } else { Grains::ZERO };
        (proposal.approving < quorum).then_some((own, open.number))
    };
    let least = proposals.open.iter().filter_map(own).min();
    match least {
        Some((own, number)) if own < backing => close(transition, number),
        _ => {
            let (count, needed) = (proposals.open.len() as u64, least.map(|(own, _)| own));
            Err(outcome::Rejection::ProposalsFull { count, needed, available: backing }.into())
        }
    }
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
    let Proposal { height, closes, .. } = **found.ok_or(none.clone())?;
    if transition.clock().height >= closes {
        return Err(none.into());
    }
    let weight = influence(transition, signer, height, transition.parameters().stake_min)?;
    put_vote(transition, number, signer, Vote { approve, weight })?;
    transition.event(Event::Voted { proposal: number, owner: *signer, approve, weight });
    Ok(())
}

/// Writes a vote, and keeps the sums.
fn put_vote(
    transition: &mut Transition,
    number: u64,
    owner: &PublicKey,
    vote: Vote,
) -> Result<(), Rejection> {
    let found = transition.entry(governance::proposal(number));
    let none = outcome::Rejection::NoProposal { proposal: number };
    let mut proposal = found.ok_or(none)?.as_ref().clone();
    match transition.entry(governance::vote(number, *owner)).copied() {
        Some(before) => {
            let sum = sum_of(&mut proposal, before.approve);
            sum.0 = sum.0.checked_sub(before.weight.0).expect("the sum has each vote in it");
        }
        None => proposal.votes += 1,
    }
    let sum = sum_of(&mut proposal, vote.approve);
    *sum = sum.checked_add(vote.weight).ok_or(Rejection::Overflow)?;
    transition.put(governance::proposal(number), Arc::new(proposal));
    transition.put(governance::vote(number, *owner), vote);
    Ok(())
}

fn sum_of(proposal: &mut Proposal, approve: bool) -> &mut Grains {
    if approve { &mut proposal.approving } else { &mut proposal.rejecting }
}

/// Decides on a proposal whose time has come: accepted where more weight is for it than against it,
/// and the quorum is.
fn decide(transition: &mut Transition, number: u64) -> Result<(), Rejection> {
    let Some(proposal) = transition.entry(governance::proposal(number)).cloned() else {
        return Ok(());
    };
    let quorum = transition.quorum();
    let height = transition.clock().height;
    let wanted = proposal.approving >= quorum && proposal.approving > proposal.rejecting;
    let possible = || check(transition, &proposal.change, height).is_ok();
    if !wanted || !possible() {
        return close(transition, number);
    }
    end(transition, number, &proposal)?;
    let effect = match &proposal.change {
        Change::Parameter(change) => agree(transition, number, change),
        Change::Upgrade(switch) => {
            upgrade::agree(transition, *switch);
            switch.height
        }
    };
    let change = proposal.change.clone();
    transition.event(Event::Accepted { proposal: number, change, effect });
    Ok(())
}

/// Puts a change on the agenda, so much later that whoever disagrees can take stake out before:
/// one unbonding delay to decide so, one for the money to arrive.
fn agree(transition: &mut Transition, number: u64, change: &ParameterChange) -> Height {
    let unbonding = transition.parameters().unbonding_blocks;
    let effect = transition.clock().height.after(2 * unbonding);
    let agreed = Agreed { change: change.clone(), effect };
    transition.put(governance::agreed(number), Arc::new(agreed));
    agenda::add(transition, effect, chain::Due::Governance(Due::Effect(number)));
    effect
}

/// Makes a change that was agreed, if it is possible still.
fn effect(transition: &mut Transition, number: u64) {
    let Some(agreed) = transition.entry(governance::agreed(number)).cloned() else {
        return;
    };
    transition.remove(governance::agreed(number));
    let change = agreed.change.clone();
    match transition.parameters().moved(&agreed.change) {
        Ok(changed) if check_committee(transition, &agreed.change).is_ok() => {
            transition.set(chain::parameters(), Arc::new(changed));
            transition.event(Event::Changed { proposal: number, change });
        }
        _ => transition.event(Event::Lapsed { proposal: number, change }),
    }
}

/// Whether a change is possible now, if it is decided in the block of a height.
fn check(transition: &Transition, change: &Change, decided: Height) -> Result<(), Rejection> {
    match change {
        Change::Parameter(change) => {
            let refused = |reason: String| outcome::Rejection::Parameter { reason };
            let moved = transition.parameters().moved(change);
            moved.map_err(|error| refused(error.to_string()))?;
            check_committee(transition, change)
        }
        Change::Upgrade(switch) => upgrade::check(transition, *switch, decided),
    }
}

/// A vote takes no validator's seat: that would be the quickest way to take a chain over.
fn check_committee(transition: &Transition, change: &ParameterChange) -> Result<(), Rejection> {
    let members = transition.the(chain::committee()).len() as u64;
    if change.name == "committee_max" && change.value < members {
        let value = change.value;
        return Err(outcome::Rejection::Committee { value, members }.into());
    }
    Ok(())
}

/// Closes a proposal without effect.
fn close(transition: &mut Transition, number: u64) -> Result<(), Rejection> {
    let Some(proposal) = transition.entry(governance::proposal(number)).cloned() else {
        return Ok(());
    };
    let burned = end(transition, number, &proposal)?;
    let Proposal { approving, rejecting, .. } = *proposal;
    transition.event(Event::ProposalClosed { proposal: number, approving, rejecting, burned });
    Ok(())
}

/// Removes a proposal; its votes follow. The deposit goes back where enough approve, and is burned
/// otherwise; returns what was.
fn end(transition: &mut Transition, number: u64, proposal: &Proposal) -> Result<Grains, Rejection> {
    transition.remove(governance::proposal(number));
    let mut proposals = transition.the(governance::proposals()).as_ref().clone();
    proposals.open.retain(|open| open.number != number);
    transition.set(governance::proposals(), Arc::new(proposals));
    let next = transition.clock().height.next();
    agenda::add(transition, next, chain::Due::Governance(Due::Clearing(number)));
    let staked = u128::from(transition.the(market::report()).staked.0);
    if u128::from(proposal.approving.0) * APPROVAL_PARTS >= staked {
        transition.credit(&proposal.proposer, proposal.deposit)?;
        return Ok(Grains::ZERO);
    }
    transition.burn(proposal.deposit)?;
    Ok(proposal.deposit)
}

/// Clears away the next votes on a proposal that has closed, a bounded number a block.
fn clear(transition: &mut Transition, number: u64) {
    let votes = transition.base().votes(number).take(agenda::STEP);
    let owners: Vec<PublicKey> = votes.map(|(owner, _)| owner).collect();
    for owner in &owners {
        transition.remove(governance::vote(number, *owner));
    }
    if owners.len() == agenda::STEP {
        let next = transition.clock().height.next();
        agenda::add(transition, next, chain::Due::Governance(Due::Clearing(number)));
    }
}
