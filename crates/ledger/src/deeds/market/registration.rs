//! Registration: a place in the market, for work, for the current price, or by a sponsor.
//!
//! Difficulty and price are steered towards a number of registrations an epoch, each on its own.
//! When every place is taken, a newcomer displaces the peer of lowest incentive that is no longer
//! immune, as found at the end of the last epoch.

use std::sync::Arc;

use crate::crypto::{Hash, PublicKey};
use crate::event::Event;
use crate::money::Grains;
use crate::rejection::Rejection;
use crate::state::{Key, Peer, Pool, Read, RegistrationState, State, Value};
use crate::transaction::{Payment, Registration, meets_difficulty, work_hash};
use crate::transition::Transition;
use crate::types::PeerId;

/// The highest difficulty and price that steering reaches; the parameters' own bounds.
const DIFFICULTY_MAX: u64 = 1 << 60;
const PRICE_MAX: u64 = 1_000_000_000_000_000;

/// Registers a peer; its signatures and form were checked.
pub(crate) fn register(
    transition: &mut Transition,
    signer: &PublicKey,
    registration: &Registration,
) -> Result<(), Rejection> {
    let Registration { hot, cold, endpoint, .. } = registration;
    if let Some(peer) = transition.peer_id(hot) {
        return Err(Rejection::HotKeyTaken { key: *hot, peer });
    }
    let mut terms = transition.registration().as_ref().clone();
    let count = terms.by_work.saturating_add(terms.by_burn);
    if count >= transition.parameters().registrations_max {
        return Err(Rejection::RegistrationsFull { count });
    }
    let burned = pay(transition, signer, registration, &mut terms)?;
    let mut counters = transition.counters();
    let id = PeerId(counters.next_peer);
    counters.next_peer = counters.next_peer.checked_add(1).ok_or(Rejection::Overflow)?;
    counters.peers = counters.peers.checked_add(1).ok_or(Rejection::Overflow)?;
    let full = u64::from(counters.peers) > transition.parameters().peers_max;
    transition.put_counters(counters);
    if full {
        displace(transition, id)?;
    }
    let clock = *transition.clock();
    let (hot, cold) = (*hot, *cold);
    let peer = Peer::new(hot, cold, endpoint.clone(), clock.height, clock.epoch, Pool::default());
    transition.put(Key::Peer(id), Value::Peer(Arc::new(peer)));
    transition.put(Key::PeerByHot(hot), Value::PeerId(id));
    transition.put(Key::Registration, Value::RegistrationState(Arc::new(terms)));
    transition.event(Event::Registered { peer: id, hot, cold, burned });
    Ok(())
}

/// Checks the work, or burns the price; returns what was burned.
fn pay(
    transition: &mut Transition,
    signer: &PublicKey,
    registration: &Registration,
    terms: &mut RegistrationState,
) -> Result<Grains, Rejection> {
    match registration.payment {
        Payment::Work { nonce } => {
            let chain = transition.clock().chain;
            let good = |challenge: &Hash, difficulty: u64| {
                let Registration { hot, cold, .. } = registration;
                meets_difficulty(&work_hash(&chain, challenge, hot, cold, nonce), difficulty)
            };
            let now = good(&terms.challenge, terms.difficulty);
            if !now && !good(&terms.challenge_before, terms.difficulty_before) {
                return Err(Rejection::Work { difficulty: terms.difficulty });
            }
            terms.by_work += 1;
            Ok(Grains::ZERO)
        }
        Payment::Burn { price_max } => {
            let price = terms.price;
            if price > price_max {
                return Err(Rejection::Price { price, price_max });
            }
            transition.debit(signer, price)?;
            transition.burn(price)?;
            terms.by_burn += 1;
            Ok(price)
        }
    }
}

/// Frees a place for peer `by`. The displaced peer's row goes at once; what others gave it counts
/// for nothing from now on and is cleared at the end of the epoch; its stakes are returned through
/// unbonding over the next blocks; what it accrued is never minted.
fn displace(transition: &mut Transition, by: PeerId) -> Result<(), Rejection> {
    let candidates = match transition.get(&Key::Pruning) {
        Some(Value::Pruning(candidates)) => candidates.clone(),
        _ => Arc::default(),
    };
    let found = candidates.iter().find_map(|id| Some((*id, transition.peer(*id)?.clone())));
    let peers = transition.parameters().peers_max;
    let (id, peer) = found.ok_or(Rejection::NoPlace { peers })?;
    for key in [
        Key::Peer(id),
        Key::PeerByHot(peer.hot),
        Key::Weights(id),
        Key::Payout(id),
        Key::Commitment(id),
    ] {
        transition.remove(key);
    }
    if peer.pool.shares > 0 {
        transition.put(Key::Retired(id), Value::Pool(peer.pool));
    }
    let mut counters = transition.counters();
    counters.peers -= 1;
    transition.put_counters(counters);
    transition.event(Event::Displaced { peer: id, by });
    Ok(())
}

/// Price, difficulty and challenge of the next epoch; the challenge is the hash of the block
/// before the epoch's last, which nobody knew earlier.
pub(crate) fn end_epoch(transition: &mut Transition, state: &State, challenge: Hash) {
    let (terms, parameters) = (state.registration(), state.parameters());
    let target = parameters.registrations_target;
    let difficulty = steer(terms.difficulty, terms.by_work, target)
        .clamp(parameters.registration_difficulty_min, DIFFICULTY_MAX);
    let price = steer(terms.price.0, terms.by_burn, target)
        .clamp(parameters.registration_price_min.0, PRICE_MAX);
    let next = RegistrationState {
        price: Grains(price),
        difficulty,
        challenge,
        challenge_before: terms.challenge,
        difficulty_before: terms.difficulty,
        by_work: 0,
        by_burn: 0,
    };
    transition.put(Key::Registration, Value::RegistrationState(Arc::new(next)));
}

/// `value * (target + count) / (2 * target)`, rounded up: halves without registrations, stays at
/// the target, at most quadruples.
fn steer(value: u64, count: u64, target: u64) -> u64 {
    let (count, target) = (u128::from(count), u128::from(target.max(1)));
    let count = count.min(7 * target);
    let steered = (u128::from(value) * (target + count)).div_ceil(2 * target);
    u64::try_from(steered).unwrap_or(u64::MAX)
}
