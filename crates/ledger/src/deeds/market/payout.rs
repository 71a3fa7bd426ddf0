//! Emission: a peer pays what it accrued to the peers that it ranks.
//!
//! The first market paper's Section 5 form: peer i accrues `e_i = tau a_i S_i` an epoch and pays
//! `e_i p_ij` to each j, where the payout row p was fixed at the end of the last epoch
//! (`w_ij T_j`, or the clipped form of the median rules). What the row leaves over is not minted.
//! The peer's own entry pays the fee first. The cost is the length of one row.

use std::sync::Arc;

use crate::deeds::stake;
use crate::money::{Grains, distribute};
use crate::outcome::Rejection;
use crate::outcome::market::Event;
use crate::parameters::Parameters;
use crate::state::Read;
use crate::state::chain::Supply;
use crate::state::market::{self, Peer};
use crate::transaction::{Payer, Transaction};
use crate::transition::Transition;
use crate::types::PeerId;

/// The peer that a transaction acts for: its signer's, where the action is one of a hot key.
fn acting(state: &impl Read, transaction: &Transaction) -> Option<(PeerId, Arc<Peer>)> {
    match transaction.action.terms().payer {
        Payer::Peer => {
            let id = state.peer_id(&transaction.signer)?;
            Some((id, state.peer(id)?.clone()))
        }
        Payer::Account | Payer::Work => None,
    }
}

/// Length of the row that a transaction would pay out.
pub(crate) fn row_length(state: &impl Read, transaction: &Transaction) -> u64 {
    let row = acting(state, transaction).and_then(|(id, _)| state.entry(market::payout(id)));
    row.map_or(0, |row| row.len() as u64)
}

/// What may still be minted.
pub(crate) fn room(supply: &Supply, parameters: &Parameters) -> Grains {
    let by_parameter = parameters.issuance_max.0.saturating_sub(supply.minted.0);
    // A vote may raise issuance_max, but not beyond what u64 counts.
    let by_type = (u64::MAX - supply.genesis.0).saturating_sub(supply.minted.0);
    Grains(by_parameter.min(by_type))
}

/// What a peer would pay out now: each peer of its row with the amount; those that are gone get
/// nothing.
fn payments(state: &impl Read, id: PeerId, peer: &Peer) -> Vec<(PeerId, Grains)> {
    let amount = peer.accrued.min(room(&state.supply(), state.parameters()));
    let Some(row) = state.entry(market::payout(id)) else {
        return Vec::new();
    };
    let parts: Vec<u32> = row.iter().map(|(_, share)| share.0).collect();
    let amounts = distribute(amount, &parts).expect("rows sum to at most the whole");
    row.iter()
        .zip(amounts)
        .filter(|((to, _), amount)| !amount.is_zero() && state.peer(*to).is_some())
        .map(|((to, _), amount)| (*to, amount))
        .collect()
}

/// What the peer's own emission can pay of a transaction's fee.
pub(crate) fn self_share(state: &impl Read, transaction: &Transaction) -> Grains {
    let Some((id, peer)) = acting(state, transaction) else {
        return Grains::ZERO;
    };
    let payments = payments(state, id, &peer);
    payments.iter().find(|(to, _)| *to == id).map_or(Grains::ZERO, |(_, amount)| *amount)
}

/// Pays out the peer that the transaction acts for, if any. Of its own share, up to `needed` goes
/// to the signer's account, from which the fee is then taken.
pub(crate) fn emit(
    transition: &mut Transition,
    transaction: &Transaction,
    needed: Grains,
) -> Result<(), Rejection> {
    let Some((id, peer)) = acting(transition, transaction) else {
        return Ok(());
    };
    let payments = payments(transition, id, &peer);
    let accrued = peer.accrued;
    let mut emptied = peer.as_ref().clone();
    emptied.accrued = Grains::ZERO;
    emptied.emitted = transition.clock().height;
    transition.put(market::peer(id), Arc::new(emptied));
    let mut paid = Grains::ZERO;
    for (to, amount) in payments {
        paid = paid.checked_add(amount).ok_or(Rejection::Overflow)?;
        let for_fee = if to == id { amount.min(needed) } else { Grains::ZERO };
        transition.credit(&transaction.signer, for_fee)?;
        let rest = amount.checked_sub(for_fee).expect("at most the amount is set aside");
        if !rest.is_zero() {
            stake::reward(transition, to, rest)?;
        }
    }
    let mut supply = transition.supply();
    supply.minted = supply.minted.checked_add(paid).ok_or(Rejection::Overflow)?;
    transition.put_supply(supply);
    if !accrued.is_zero() {
        transition.event(Event::Emitted { peer: id, accrued, paid });
    }
    Ok(())
}
