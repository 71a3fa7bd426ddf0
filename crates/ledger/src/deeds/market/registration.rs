//! Registration: a place in the market, for work, for the current price, or by a sponsor.
//!
//! Difficulty and price are steered towards a number of registrations an epoch, each on its own.
//! When every place is taken, a newcomer displaces the peer of lowest incentive that is no longer
//! immune, as found at the end of the last epoch.

use std::sync::Arc;

use crate::crypto::{Hash, PublicKey};
use crate::deeds::stake;
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::outcome::market::{self as outcome, Event};
use crate::state::market::{self, Peer, RegistrationTerms};
use crate::state::stake::Pool;
use crate::state::{Read, State};
use crate::transaction::market::{Payment, Registration, meets_difficulty, work_hash};
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
        return Err(outcome::Rejection::HotKeyTaken { key: *hot, peer }.into());
    }
    let mut terms = transition.the(market::registration()).as_ref().clone();
    let count = terms.by_work.saturating_add(terms.by_burn);
    if count >= transition.parameters().registrations_max {
        return Err(outcome::Rejection::RegistrationsFull { count }.into());
    }
    let burned = pay(transition, signer, registration, &mut terms)?;
    let mut places = *transition.the(market::places());
    let id = places.next;
    places.next = PeerId(id.0.checked_add(1).ok_or(Rejection::Overflow)?);
    places.taken = places.taken.checked_add(1).ok_or(Rejection::Overflow)?;
    let full = u64::from(places.taken) > transition.parameters().peers_max;
    transition.set(market::places(), places);
    if full {
        displace(transition, id)?;
    }
    let clock = *transition.clock();
    let (hot, cold) = (*hot, *cold);
    let peer = Peer::new(hot, cold, endpoint.clone(), clock.height, clock.epoch, Pool::default());
    transition.put(market::peer(id), Arc::new(peer));
    transition.put(market::peer_by_hot(hot), id);
    transition.set(market::registration(), Arc::new(terms));
    transition.event(Event::Registered { peer: id, hot, cold, burned });
    Ok(())
}

/// Checks the work, or burns the price; returns what was burned.
fn pay(
    transition: &mut Transition,
    signer: &PublicKey,
    registration: &Registration,
    terms: &mut RegistrationTerms,
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
                return Err(outcome::Rejection::Work { difficulty: terms.difficulty }.into());
            }
            terms.by_work += 1;
            Ok(Grains::ZERO)
        }
        Payment::Burn { price_max } => {
            let price = terms.price;
            if price > price_max {
                return Err(outcome::Rejection::Price { price, price_max }.into());
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
    let candidates = transition.the(market::displaceable()).clone();
    let found = candidates.iter().find_map(|id| Some((*id, transition.peer(*id)?.clone())));
    let peers = transition.parameters().peers_max;
    let (id, peer) = found.ok_or(outcome::Rejection::NoPlace { peers })?;
    transition.remove(market::peer(id));
    transition.remove(market::peer_by_hot(peer.hot));
    transition.remove(market::weights(id));
    transition.remove(market::payout(id));
    transition.remove(market::commitment(id));
    transition.remove(market::hot_key_set(id));
    stake::retire(transition, id, peer.pool);
    let mut places = *transition.the(market::places());
    places.taken -= 1;
    transition.set(market::places(), places);
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
    let next = RegistrationTerms {
        price: Grains(price),
        difficulty,
        challenge,
        challenge_before: terms.challenge,
        difficulty_before: terms.difficulty,
        by_work: 0,
        by_burn: 0,
    };
    transition.set(market::registration(), Arc::new(next));
}

/// `value * (target + count) / (2 * target)`, rounded up: halves without registrations, stays at
/// the target, at most quadruples.
fn steer(value: u64, count: u64, target: u64) -> u64 {
    let (count, target) = (u128::from(count), u128::from(target.max(1)));
    let count = count.min(7 * target);
    let steered = (u128::from(value) * (target + count)).div_ceil(2 * target);
    u64::try_from(steered).unwrap_or(u64::MAX)
}
