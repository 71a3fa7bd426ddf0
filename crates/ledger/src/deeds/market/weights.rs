//! Weights: set at once, or committed and revealed in the next epoch, so that nobody can copy
//! them while they are worth copying.

use std::sync::Arc;

use crate::crypto::{Hash, PublicKey};
use crate::outcome::Rejection;
use crate::outcome::market::{self as outcome, Event};
use crate::sealed::Sealed;
use crate::state::{Read, market};
use crate::transaction::market::weights_commitment;
use crate::transition::Transition;
use crate::types::{PeerId, Row};

/// Sets the weights of the signer's peer.
pub(crate) fn set(
    transition: &mut Transition,
    hot: &PublicKey,
    weights: &Row,
) -> Result<(), Rejection> {
    if transition.parameters().weights_commit_required {
        return Err(outcome::Rejection::CommitRequired.into());
    }
    let id = transition.own_peer(hot)?;
    put(transition, id, weights)
}

/// Stores a commitment of the signer's peer; it replaces an earlier one.
pub(crate) fn commit(
    transition: &mut Transition,
    hot: &PublicKey,
    commitment: &Hash,
) -> Result<(), Rejection> {
    let id = transition.own_peer(hot)?;
    let epoch = transition.clock().epoch;
    transition.put(market::commitment(id), Sealed { hash: *commitment, epoch });
    transition.event(Event::WeightsCommitted { peer: id });
    Ok(())
}

/// Sets the weights that the signer's peer committed to in the epoch before.
pub(crate) fn reveal(
    transition: &mut Transition,
    hot: &PublicKey,
    weights: &Row,
    salt: &[u8; 32],
) -> Result<(), Rejection> {
    let id = transition.own_peer(hot)?;
    let sealed = *transition.entry(market::commitment(id)).ok_or(Rejection::NoCommitment)?;
    let clock = *transition.clock();
    sealed.open(clock.epoch, &weights_commitment(&clock.chain, hot, weights, salt))?;
    transition.remove(market::commitment(id));
    put(transition, id, weights)
}

fn put(transition: &mut Transition, id: PeerId, weights: &Row) -> Result<(), Rejection> {
    let next = transition.the(market::places()).next;
    if let Some((peer, _)) = weights.iter().find(|(peer, _)| *peer >= next) {
        return Err(outcome::Rejection::RowPeer { peer: *peer }.into());
    }
    let mut peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?.as_ref().clone();
    let height = transition.clock().height;
    let set = peer.weights_set;
    let from = set.after(transition.parameters().weights_interval_blocks);
    if set.0 > 0 && height < from {
        return Err(outcome::Rejection::TooSoon { set, from }.into());
    }
    peer.weights_set = height;
    transition.put(market::peer(id), Arc::new(peer));
    // A peer that was displaced since the row was signed is no reason to refuse the rest.
    let row = weights.only(|peer| transition.peer(peer).is_some());
    let count = u32::try_from(row.len()).expect("bounded by the size of a transaction");
    transition.put(market::weights(id), Arc::new(row));
    transition.event(Event::WeightsSet { peer: id, weights: count });
    Ok(())
}
