//! Stake: pools of grains owned by share, and the way back out of them.
//!
//! Paying a peer changes its pool and its owner's shares, however many delegators there are: the
//! others' shares are simply worth more (share price). All rounding is in the pool's favour.

use std::sync::Arc;

use crate::crypto::PublicKey;
use crate::event::Event;
use crate::money::Grains;
use crate::rejection::Rejection;
use crate::state::{Key, Pool, Read, Unbonding, Value};
use crate::transition::Transition;
use crate::types::{Height, PeerId};

/// Most unbondings that arrive in one block; what is due beyond arrives in the next.
const ARRIVALS_MAX: usize = 1_024;
/// Most delegations of displaced peers that are returned in one block.
const RETURNS_MAX: usize = 256;

/// Puts the signer's money behind a peer.
pub(crate) fn stake(
    transition: &mut Transition,
    owner: &PublicKey,
    id: PeerId,
    amount: Grains,
) -> Result<(), Rejection> {
    let minimum = transition.parameters().stake_min;
    if amount < minimum {
        return Err(Rejection::StakeTooSmall { amount, minimum });
    }
    let mut peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?.as_ref().clone();
    let bought = peer.pool.shares_for(amount).ok_or(Rejection::Overflow)?;
    if bought == 0 {
        return Err(Rejection::StakeTooSmall { amount, minimum });
    }
    transition.debit(owner, amount)?;
    grow(&mut peer.pool, amount, bought)?;
    add_shares(transition, id, owner, bought)?;
    transition.put(Key::Peer(id), Value::Peer(Arc::new(peer)));
    transition.event(Event::Staked { owner: *owner, peer: id, amount });
    Ok(())
}

/// Starts the way back of an owner's stake with a peer, displaced or not. What would be left
/// below the least stake goes along.
pub(crate) fn unstake(
    transition: &mut Transition,
    owner: &PublicKey,
    id: PeerId,
    amount: Grains,
) -> Result<(), Rejection> {
    let mut pool = transition.pool(id).ok_or(Rejection::NoPeer { peer: id })?;
    let held = transition.shares(id, owner);
    let available = if held == 0 { Grains::ZERO } else { pool.worth(held) };
    let left = available.checked_sub(amount);
    let left = left.ok_or(Rejection::Stake { peer: id, needed: amount, available })?;
    let (amount, spent) = if left < transition.parameters().stake_min {
        (available, held)
    } else {
        let spent = pool.shares_worth(amount).ok_or(Rejection::Overflow)?;
        (amount, spent.min(held))
    };
    take(&mut pool, amount, spent);
    put_shares(transition, id, owner, held - spent);
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
    add_shares(transition, id, &peer.cold.clone(), bought)?;
    peer.earned = peer.earned.checked_add(amount).ok_or(Rejection::Overflow)?;
    transition.put(Key::Peer(id), Value::Peer(Arc::new(peer)));
    Ok(())
}

/// Pays out the stake that is due, and starts the way back of stake with displaced peers. Runs
/// before the block's transactions, on the state below.
pub(crate) fn arrivals(transition: &mut Transition, height: Height) -> Result<(), Rejection> {
    let due = Key::Unbonding(Height(0), 0)..=Key::Unbonding(height, u64::MAX);
    let due: Vec<(Key, Arc<Unbonding>)> = transition
        .base()
        .scan(due)
        .filter_map(|(key, value)| match value {
            Value::Unbonding(unbonding) => Some((*key, unbonding.clone())),
            _ => None,
        })
        .take(ARRIVALS_MAX)
        .collect();
    for (key, unbonding) in due {
        let Unbonding { owner, peer, amount } = *unbonding;
        if let Key::Unbonding(height, number) = key {
            transition.remove(Key::UnbondingOf(owner, height, number));
        }
        transition.remove(key);
        transition.credit(&owner, amount)?;
        transition.event(Event::Unbonded { owner, peer, amount });
    }
    return_retired(transition);
    Ok(())
}

/// Moves delegations of the first displaced peer into unbondings, a bounded number a block.
fn return_retired(transition: &mut Transition) {
    let base = transition.base();
    let retired = base.scan(Key::Retired(PeerId(0))..=Key::Retired(PeerId(u32::MAX))).next();
    let Some((&Key::Retired(id), &Value::Pool(mut pool))) = retired else {
        return;
    };
    let (first, last) = (PublicKey([0; 32]), PublicKey([255; 32]));
    let delegations: Vec<(PublicKey, u128)> = base
        .scan(Key::Delegation(id, first)..=Key::Delegation(id, last))
        .filter_map(|(key, value)| match (key, value) {
            (Key::Delegation(_, owner), Value::Shares(shares)) => Some((*owner, *shares)),
            _ => None,
        })
        .take(RETURNS_MAX)
        .collect();
    for (owner, shares) in delegations {
        let amount = pool.worth(shares);
        take(&mut pool, amount, shares);
        put_shares(transition, id, &owner, 0);
        unbond(transition, &owner, id, amount);
    }
    put_pool(transition, id, pool);
}

/// Puts an amount on its way back to an owner.
fn unbond(transition: &mut Transition, owner: &PublicKey, peer: PeerId, amount: Grains) {
    if amount.is_zero() {
        return;
    }
    let mut counters = transition.counters();
    let number = counters.next_unbonding;
    counters.next_unbonding += 1;
    transition.put_counters(counters);
    let due = transition.clock().height.after(transition.parameters().unbonding_blocks);
    let unbonding = Unbonding { owner: *owner, peer, amount };
    transition.put(Key::Unbonding(due, number), Value::Unbonding(Arc::new(unbonding)));
    transition.put(Key::UnbondingOf(*owner, due, number), Value::Present);
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

fn add_shares(
    transition: &mut Transition,
    id: PeerId,
    owner: &PublicKey,
    bought: u128,
) -> Result<(), Rejection> {
    let held = transition.shares(id, owner).checked_add(bought).ok_or(Rejection::Overflow)?;
    put_shares(transition, id, owner, held);
    Ok(())
}

fn put_shares(transition: &mut Transition, id: PeerId, owner: &PublicKey, shares: u128) {
    let (key, index) = (Key::Delegation(id, *owner), Key::DelegationOf(*owner, id));
    if shares == 0 {
        transition.remove(key);
        transition.remove(index);
    } else {
        transition.put(key, Value::Shares(shares));
        transition.put(index, Value::Present);
    }
}

/// Writes the pool back to where it came from; that of a displaced peer goes when it is empty.
fn put_pool(transition: &mut Transition, id: PeerId, pool: Pool) {
    if let Some(peer) = transition.peer(id) {
        let mut peer = peer.as_ref().clone();
        peer.pool = pool;
        transition.put(Key::Peer(id), Value::Peer(Arc::new(peer)));
    } else if pool.shares == 0 {
        transition.remove(Key::Retired(id));
    } else {
        transition.put(Key::Retired(id), Value::Pool(pool));
    }
}
