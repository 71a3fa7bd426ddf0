//! How a place in the market becomes free: a newcomer displaces the peer of lowest incentive that
//! is no longer immune, as found at the end of the last epoch, or a peer's owner ends it.

use crate::crypto::PublicKey;
use crate::deeds::stake;
use crate::outcome::Rejection;
use crate::outcome::market::{self as outcome, Event};
use crate::state::Read;
use crate::state::market::{self, Peer};
use crate::transition::Transition;
use crate::types::PeerId;

/// Frees a place for peer `by`.
pub(super) fn displace(transition: &mut Transition, by: PeerId) -> Result<(), Rejection> {
    let candidates = transition.the(market::displaceable()).clone();
    let found = candidates.iter().find_map(|id| Some((*id, transition.peer(*id)?.clone())));
    let peers = transition.parameters().peers_max;
    let (id, peer) = found.ok_or(outcome::Rejection::NoPlace { peers })?;
    vacate(transition, id, &peer);
    transition.event(Event::Displaced { peer: id, by });
    Ok(())
}

/// Ends a peer, at its owner's wish. Whoever comes back pays as a newcomer does, with work or
/// money, and counts among the epoch's registrations.
pub(super) fn leave(
    transition: &mut Transition,
    signer: &PublicKey,
    id: PeerId,
) -> Result<(), Rejection> {
    let peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?.clone();
    if peer.cold != *signer {
        return Err(outcome::Rejection::NotTheOwner { peer: id, owner: peer.cold }.into());
    }
    vacate(transition, id, &peer);
    transition.event(Event::Left { peer: id });
    Ok(())
}

/// Removes a peer. Its row goes at once; what others gave it counts for nothing from now on and is
/// cleared at the end of the epoch; its stakes are returned through unbonding over the next blocks;
/// what it accrued is never minted.
fn vacate(transition: &mut Transition, id: PeerId, peer: &Peer) {
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
}
