//! Registration: a place in the market, for work, for the current price, or by a sponsor.
//!
//! Every registration raises the difficulty of the next one's work, or its price, at once, and an
//! epoch's end takes as many raises back as there should be registrations in one: a flood soon
//! costs more than it can pay for, and where there are as many as there should be, both stay. Work
//! and burning have places of their own in an epoch, so that neither shuts the other out.

use std::sync::Arc;

use super::place;
use crate::crypto::{Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::outcome::market::{self as outcome, Event};
use crate::state::chain::Clock;
use crate::state::market::{self, Peer, RegistrationTerms};
use crate::state::stake::Pool;
use crate::state::{Read, State};
use crate::transaction::market::{Payment, Registration, work_hash};
use crate::transition::Transition;
use crate::types::{Epoch, PeerId};

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
    let count = match registration.payment {
        Payment::Work { .. } => terms.by_work,
        Payment::Burn { .. } => terms.by_burn,
    };
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
        place::displace(transition, id)?;
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
    let target = transition.parameters().registrations_target;
    match registration.payment {
        Payment::Work { nonce } => {
            check_work(transition, registration, nonce, terms)?;
            terms.difficulty = raised(terms.difficulty, target).min(DIFFICULTY_MAX);
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
            terms.price = Grains(raised(price.0, target).min(PRICE_MAX));
            terms.by_burn += 1;
            Ok(price)
        }
    }
}

/// Checks the work for a recent challenge, and notes that it was used: for as long as the challenge
/// counts, its hot key registers by work no more, though its peer be gone.
fn check_work(
    transition: &mut Transition,
    registration: &Registration,
    nonce: u64,
    terms: &RegistrationTerms,
) -> Result<(), Rejection> {
    let Registration { hot, cold, .. } = registration;
    let Clock { chain, epoch, .. } = *transition.clock();
    let before = Epoch(epoch.0.saturating_sub(1));
    if [before, epoch].iter().any(|of| transition.entry(market::worked(*of, *hot)).is_some()) {
        return Err(outcome::Rejection::WorkUsed { key: *hot }.into());
    }
    let difficulty = terms.difficulty;
    let good = |challenge: &Hash| work_hash(&chain, challenge, hot, cold, nonce).meets(difficulty);
    if !good(&terms.challenge) && !good(&terms.challenge_before) {
        return Err(outcome::Rejection::Work { difficulty }.into());
    }
    transition.put(market::worked(epoch, *hot), ());
    Ok(())
}

/// Price, difficulty and challenge of the next epoch; the challenge is the hash of the block
/// before the epoch's last, which nobody knew earlier. Work on the one before counts still, so that
/// an epoch's end voids nobody's, but is measured by what is asked now.
pub(crate) fn end_epoch(transition: &mut Transition, state: &State, challenge: Hash) {
    let (terms, parameters) = (state.registration(), state.parameters());
    let target = parameters.registrations_target;
    let lowered = |value| (0..target).fold(value, |value, _| lowered(value, target));
    let difficulty =
        lowered(terms.difficulty).clamp(parameters.registration_difficulty_min, DIFFICULTY_MAX);
    let price = lowered(terms.price.0).clamp(parameters.registration_price_min.0, PRICE_MAX);
    let next = RegistrationTerms {
        price: Grains(price),
        difficulty,
        challenge,
        challenge_before: terms.challenge,
        by_work: 0,
        by_burn: 0,
    };
    transition.set(market::registration(), Arc::new(next));
    for (epoch, hot) in state.worked_before(state.clock().epoch) {
        transition.remove(market::worked(epoch, hot));
    }
}

/// `value * (target + 1) / target`, rounded up: what the next registration takes after one.
fn raised(value: u64, target: u64) -> u64 {
    let (value, target) = (u128::from(value), u128::from(target.max(1)));
    u64::try_from((value * (target + 1)).div_ceil(target)).unwrap_or(u64::MAX)
}

/// `value * target / (target + 1)`, rounded down: undoes one [`raised`] exactly.
fn lowered(value: u64, target: u64) -> u64 {
    let (value, target) = (u128::from(value), u128::from(target.max(1)));
    u64::try_from(value * target / (target + 1)).unwrap_or(u64::MAX)
}
