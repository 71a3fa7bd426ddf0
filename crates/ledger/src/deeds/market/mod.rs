//! The market of peers: places in it, weights, prices, and pay.

use std::sync::Arc;

use crate::crypto::PublicKey;
use crate::outcome::Rejection;
use crate::outcome::market::Event;
use crate::state::Read;
use crate::state::market::peer;
use crate::transaction::market::Action;
use crate::transition::Transition;
use crate::types::Endpoint;

mod hot_key;
pub(crate) mod payout;
mod place;
pub(crate) mod price;
pub(crate) mod registration;
mod weights;

/// Carries out an action.
pub(crate) fn act(
    transition: &mut Transition,
    signer: &PublicKey,
    action: &Action,
) -> Result<(), Rejection> {
    match action {
        Action::Register { registration } => {
            registration::register(transition, signer, registration)
        }
        Action::SetEndpoint { endpoint } => set_endpoint(transition, signer, endpoint),
        Action::CommitWeights { commitment } => weights::commit(transition, signer, commitment),
        Action::RevealWeights { weights, salt } => {
            weights::reveal(transition, signer, weights, salt)
        }
        Action::SetWeights { weights } => weights::set(transition, signer, weights),
        // The payment took place with the fee.
        Action::Emit => transition.own_peer(signer).map(|_| ()),
        Action::ReplaceHotKey { replacement } => hot_key::replace(transition, signer, replacement),
        Action::Leave { peer } => place::leave(transition, signer, *peer),
    }
}

/// Says where the peer of a hot key answers.
fn set_endpoint(
    transition: &mut Transition,
    hot: &PublicKey,
    endpoint: &Endpoint,
) -> Result<(), Rejection> {
    let id = transition.own_peer(hot)?;
    let mut moved = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?.as_ref().clone();
    moved.endpoint = endpoint.clone();
    transition.put(peer(id), Arc::new(moved));
    transition.event(Event::EndpointSet { peer: id });
    Ok(())
}
