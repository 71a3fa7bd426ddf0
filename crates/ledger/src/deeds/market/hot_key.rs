//! Hot keys are on machines that face the network: the owner of a peer can replace one that was
//! lost or stolen, without losing the peer's place, stake and standing.

use std::sync::Arc;

use crate::crypto::PublicKey;
use crate::outcome::Rejection;
use crate::outcome::market::{self as outcome, Event};
use crate::state::Read;
use crate::state::account::account;
use crate::state::market;
use crate::transaction::market::HotKeyReplacement;
use crate::transition::Transition;

/// Replaces the hot key of the signer's peer; the new key's signature was checked. A commitment of
/// the old key goes with it: it was bound to that key. Where the new key has no account, the owner
/// opens one, so that it can act for the peer at once and pay from what the peer earns.
pub(crate) fn replace(
    transition: &mut Transition,
    signer: &PublicKey,
    replacement: &HotKeyReplacement,
) -> Result<(), Rejection> {
    let HotKeyReplacement { peer: id, hot, .. } = *replacement;
    let peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?;
    let mut peer = peer.as_ref().clone();
    if peer.cold != *signer {
        return Err(outcome::Rejection::NotTheOwner { peer: id, owner: peer.cold }.into());
    }
    if let Some(taken) = transition.peer_id(&hot) {
        return Err(outcome::Rejection::HotKeyTaken { key: hot, peer: taken }.into());
    }
    let height = transition.clock().height;
    if let Some(set) = transition.entry(market::hot_key_set(id)).copied() {
        let from = set.after(transition.parameters().hot_key_interval_blocks);
        if height < from {
            return Err(outcome::Rejection::HotKeyTooSoon { set, from }.into());
        }
    }
    if transition.entry(account(hot)).is_none() {
        let deposit = transition.parameters().account_deposit;
        transition.debit(signer, deposit)?;
        transition.credit(&hot, deposit)?;
    }
    let old = std::mem::replace(&mut peer.hot, hot);
    transition.put(market::peer(id), Arc::new(peer));
    transition.remove(market::peer_by_hot(old));
    transition.put(market::peer_by_hot(hot), id);
    transition.remove(market::commitment(id));
    transition.put(market::hot_key_set(id), height);
    transition.event(Event::HotKeyReplaced { peer: id, from: old, to: hot });
    Ok(())
}
