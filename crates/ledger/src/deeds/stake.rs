//! Stake: pools of grains owned by share, and the way back out of them.
//!
//! Paying a peer changes its pool and its owner's shares, however many delegators there are: the
//! others' shares are simply worth more (share price). All rounding is in the pool's favour.

use std::sync::Arc;

use super::{agenda, escrow, governance};
use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::outcome::stake::{self as outcome, Event};
use crate::state::Read;
use crate::state::chain::{self, Escrow, Purpose};
use crate::state::market::peer as place;
use crate::state::stake::{Delegation, Due, Pool, delegation, delegation_of, retired};
use crate::transaction::stake::Action;
use crate::transition::Transition;
use crate::types::PeerId;

/// Carries out an action.
pub(crate) fn act(
    transition: &mut Transition,
    signer: &PublicKey,
    action: &Action,
) -> Result<(), Rejection> {
    match action {
        Action::Stake { peer, amount } => stake(transition, signer, *peer, *amount),
        Action::Unstake { peer, amount } => unstake(transition, signer, *peer, *amount),
    }
}

/// Does what falls due.
pub(crate) fn due(transition: &mut Transition, due: Due) -> Result<(), Rejection> {
    match due {
        Due::Arrival(id) => {
            if let Some(escrow) = escrow::release(transition, id)? {
                let Escrow { owner, amount, purpose: Purpose::Unbonding { peer, .. } } = *escrow;
                transition.event(Event::Unbonded { owner, peer, amount });
            }
            Ok(())
        }
        Due::Return(id) => return_stakes(transition, id),
    }
}

/// Puts the signer's money behind a peer.
fn stake(
    transition: &mut Transition,
    owner: &PublicKey,
    id: PeerId,
    amount: Grains,
) -> Result<(), Rejection> {
    let minimum = transition.parameters().stake_min;
    if amount < minimum {
        return Err(outcome::Rejection::TooSmall { amount, minimum }.into());
    }
    let mut peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?.as_ref().clone();
    let bought = peer.pool.shares_for(amount).ok_or(Rejection::Overflow)?;
    if bought == 0 {
        return Err(outcome::Rejection::TooSmall { amount, minimum }.into());
    }
    transition.debit(owner, amount)?;
    grow(&mut peer.pool, amount, bought)?;
    let mut held = transition.delegation(id, owner);
    let height = transition.clock().height;
    let made = governance::made(transition);
    held.buy(height, bought, &made).ok_or(Rejection::Overflow)?;
    put_delegation(transition, id, owner, held);
    transition.put(place(id), Arc::new(peer));
    transition.event(Event::Staked { owner: *owner, peer: id, amount });
    Ok(())
}

/// Starts the way back of an owner's stake with a peer, displaced or not: at least the least
/// stake, or all. What would be left below the least stake goes along.
fn unstake(
    transition: &mut Transition,
    owner: &PublicKey,
    id: PeerId,
    amount: Grains,
) -> Result<(), Rejection> {
    let mut pool = transition.pool(id).ok_or(Rejection::NoPeer { peer: id })?;
    let held = transition.delegation(id, owner);
    let available = if held.shares == 0 { Grains::ZERO } else { pool.worth(held.shares) };
    let left = available.checked_sub(amount);
    let left = left.ok_or(outcome::Rejection::NotEnough { peer: id, needed: amount, available })?;
    let minimum = transition.parameters().stake_min;
    let (amount, spent) = if left < minimum {
        (available, held.shares)
    } else if amount < minimum {
        return Err(outcome::Rejection::TooSmall { amount, minimum }.into());
    } else {
        let spent = pool.shares_worth(amount).ok_or(Rejection::Overflow)?;
        (amount, spent.min(held.shares))
    };
    leave(transition, id, &mut pool, owner, held, amount, spent)?;
    put_pool(transition, id, pool);
    unbond(transition, owner, id, amount);
    Ok(())
}

/// Pays newly minted money to a peer: the commission to its owner as stake, the rest to all who
/// have stake with it, by share.
pub(crate) fn reward(
    transition: &mut Transition,
    id: PeerId,
    amount: Grains,
) -> Result<(), Rejection> {
    let mut peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?.as_ref().clone();
    let rate = transition.parameters().commission_ppb;
    let commission = if peer.pool.shares == 0 {
        amount
    } else {
        amount.parts_floor(u32::try_from(rate).unwrap_or(u32::MAX))
    };
    let rest = amount.checked_sub(commission).expect("a part is at most the whole");
    grow(&mut peer.pool, rest, 0)?;
    let bought = peer.pool.shares_for(commission).ok_or(Rejection::Overflow)?;
    grow(&mut peer.pool, commission, bought)?;
    let mut held = transition.delegation(id, &peer.cold);
    held.shares = held.shares.checked_add(bought).ok_or(Rejection::Overflow)?;
    put_delegation(transition, id, &peer.cold.clone(), held);
    peer.earned = peer.earned.checked_add(amount).ok_or(Rejection::Overflow)?;
    transition.put(place(id), Arc::new(peer));
    Ok(())
}

/// Keeps the pool of a peer that lost its place, until its stakes have been returned.
pub(crate) fn retire(transition: &mut Transition, id: PeerId, pool: Pool) {
    if pool.shares > 0 {
        transition.put(retired(id), pool);
        let next = transition.clock().height.next();
        agenda::add(transition, next, chain::Due::Stake(Due::Return(id)));
    }
}

/// Starts the way back of the first delegations of a displaced peer, a bounded number a block.
fn return_stakes(transition: &mut Transition, id: PeerId) -> Result<(), Rejection> {
    let Some(mut pool) = transition.entry(retired(id)).copied() else {
        return Ok(());
    };
    let owners: Vec<PublicKey> =
        transition.base().shares_of(id).take(agenda::STEP).map(|(owner, _)| owner).collect();
    for owner in owners {
        let held = transition.delegation(id, &owner);
        let (amount, spent) = (pool.worth(held.shares), held.shares);
        leave(transition, id, &mut pool, &owner, held, amount, spent)?;
        unbond(transition, &owner, id, amount);
    }
    put_pool(transition, id, pool);
    if pool.shares > 0 {
        let next = transition.clock().height.next();
        agenda::add(transition, next, chain::Due::Stake(Due::Return(id)));
    }
    Ok(())
}

/// Puts an amount on its way back to an owner.
fn unbond(transition: &mut Transition, owner: &PublicKey, peer: PeerId, amount: Grains) {
    if amount.is_zero() {
        return;
    }
    let due = transition.clock().height.after(transition.parameters().unbonding_blocks);
    let id = escrow::hold(transition, *owner, amount, Purpose::Unbonding { peer, due });
    agenda::add(transition, due, chain::Due::Stake(Due::Arrival(id)));
    transition.event(Event::Unstaked { owner: *owner, peer, amount, due });
}

fn grow(pool: &mut Pool, amount: Grains, shares: u128) -> Result<(), Rejection> {
    pool.grains = pool.grains.checked_add(amount).ok_or(Rejection::Overflow)?;
    pool.shares = pool.shares.checked_add(shares).ok_or(Rejection::Overflow)?;
    Ok(())
}

fn take(pool: &mut Pool, amount: Grains, shares: u128) {
    pool.grains = pool.grains.checked_sub(amount).expect("shares are worth at most the pool");
    pool.shares = pool.shares.checked_sub(shares).expect("nobody has more shares than there are");
}

/// Takes shares that an owner holds out of a pool, and with them what they weigh in votes.
fn leave(
    transition: &mut Transition,
    id: PeerId,
    pool: &mut Pool,
    owner: &PublicKey,
    held: Delegation,
    amount: Grains,
    spent: u128,
) -> Result<(), Rejection> {
    let mut rest = held.clone();
    rest.sell(spent);
    let lost = |height| pool.worth_at_most(held.before(height) - rest.before(height));
    governance::withdraw(transition, owner, lost)?;
    take(pool, amount, spent);
    put_delegation(transition, id, owner, rest);
    Ok(())
}

fn put_delegation(transition: &mut Transition, id: PeerId, owner: &PublicKey, held: Delegation) {
    if held.shares == 0 {
        transition.remove(delegation(id, *owner));
        transition.remove(delegation_of(*owner, id));
    } else {
        transition.put(delegation(id, *owner), held);
        transition.put(delegation_of(*owner, id), ());
    }
}

/// Writes the pool back to where it came from; that of a displaced peer goes when it is empty.
fn put_pool(transition: &mut Transition, id: PeerId, pool: Pool) {
    if let Some(peer) = transition.peer(id) {
        let mut peer = peer.as_ref().clone();
        peer.pool = pool;
        transition.put(place(id), Arc::new(peer));
    } else if pool.shares == 0 {
        transition.remove(retired(id));
    } else {
        transition.put(retired(id), pool);
    }
}
