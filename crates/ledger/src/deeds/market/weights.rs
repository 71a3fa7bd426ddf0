//! Weights: set at once, or committed and revealed in the next epoch, so that nobody can copy
//! them while they are worth copying.

use std::sync::Arc;

use crate::crypto::{Hash, PublicKey};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::{Commitment, Key, Read, Value};
use crate::transaction::weights_commitment;
use crate::transition::Transition;
use crate::types::{PeerId, Row};

/// Sets the weights of the signer's peer.
pub(crate) fn set(
    transition: &mut Transition,
    hot: &PublicKey,
    weights: &Row,
) -> Result<(), Rejection> {
    if transition.parameters().weights_commit_required {
        return Err(Rejection::CommitRequired);
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
    let commitment = Commitment { hash: *commitment, epoch };
    transition.put(Key::Commitment(id), Value::Commitment(commitment));
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
    let Some(Value::Commitment(commitment)) = transition.get(&Key::Commitment(id)) else {
        return Err(Rejection::NoCommitment);
    };
    let (committed, clock) = (commitment.epoch, *transition.clock());
    if clock.epoch != committed.next() {
        return Err(Rejection::RevealWindow { committed, epoch: clock.epoch });
    }
    if commitment.hash != weights_commitment(&clock.chain, hot, weights, salt) {
        return Err(Rejection::RevealMismatch);
    }
    transition.remove(Key::Commitment(id));
    put(transition, id, weights)
}

fn put(transition: &mut Transition, id: PeerId, weights: &Row) -> Result<(), Rejection> {
    let next_peer = transition.counters().next_peer;
    if let Some((peer, _)) = weights.iter().find(|(peer, _)| peer.0 >= next_peer) {
        return Err(Rejection::RowPeer { peer: *peer });
    }
    let mut peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?.as_ref().clone();
    let height = transition.clock().height;
    let set = peer.weights_set;
    let from = set.after(transition.parameters().weights_interval_blocks);
    if set.0 > 0 && height < from {
        return Err(Rejection::TooSoon { set, from });
    }
    peer.weights_set = height;
    transition.put(Key::Peer(id), Value::Peer(Arc::new(peer)));
    // A peer that was displaced since the row was signed is no reason to refuse the rest.
    let row = weights.only(|peer| transition.peer(peer).is_some());
    let count = u32::try_from(row.len()).expect("bounded by the size of a transaction");
    transition.put(Key::Weights(id), Value::Row(Arc::new(row)));
    transition.event(Event::WeightsSet { peer: id, weights: count });
    Ok(())
}
