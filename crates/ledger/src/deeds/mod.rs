//! What each action does to the state, and how much work that is at most.

use std::sync::Arc;

use self::market::{payout, registration, weights};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::{Key, Read, Value};
use crate::transaction::{Action, Transaction};
use crate::transition::Transition;

pub(crate) mod committee;
pub(crate) mod governance;
pub(crate) mod market;
pub(crate) mod stake;

/// Worst-case work of a transaction, in cost units of about a microsecond, signatures included.
pub(crate) fn units(state: &impl Read, transaction: &Transaction) -> u64 {
    let emission = 10_u64.saturating_mul(payout::row_length(state, transaction));
    let action = match &transaction.action {
        Action::Transfer { .. } => 40,
        Action::Stake { .. } | Action::Unstake { .. } => 60,
        Action::Register { .. } => 200,
        Action::SetEndpoint { .. } | Action::CommitWeights { .. } | Action::Emit => 60,
        Action::RevealWeights { weights, .. } | Action::SetWeights { weights } => {
            60 + weights.len() as u64
        }
        Action::Propose { .. } | Action::Vote { .. } => 200,
    };
    action.saturating_add(emission)
}

/// Carries out an action; on failure the caller takes back what it did.
pub(crate) fn act(transition: &mut Transition, transaction: &Transaction) -> Result<(), Rejection> {
    let signer = &transaction.signer;
    match &transaction.action {
        Action::Transfer { to, amount } => {
            // An account that exists has been checked before.
            if transition.get(&Key::Account(*to)).is_none() && !to.is_valid() {
                return Err(Rejection::Key { key: *to });
            }
            transition.debit(signer, *amount)?;
            transition.credit(to, *amount)?;
            transition.event(Event::Transferred { from: *signer, to: *to, amount: *amount });
            Ok(())
        }
        Action::Stake { peer, amount } => stake::stake(transition, signer, *peer, *amount),
        Action::Unstake { peer, amount } => stake::unstake(transition, signer, *peer, *amount),
        Action::Register { registration } => {
            registration::register(transition, signer, registration)
        }
        Action::SetEndpoint { endpoint } => {
            let id = transition.own_peer(signer)?;
            let peer = transition.peer(id).ok_or(Rejection::NoPeer { peer: id })?;
            let mut peer = peer.as_ref().clone();
            peer.endpoint = endpoint.clone();
            transition.put(Key::Peer(id), Value::Peer(Arc::new(peer)));
            transition.event(Event::EndpointSet { peer: id });
            Ok(())
        }
        Action::CommitWeights { commitment } => weights::commit(transition, signer, commitment),
        Action::RevealWeights { weights, salt } => {
            weights::reveal(transition, signer, weights, salt)
        }
        Action::SetWeights { weights } => weights::set(transition, signer, weights),
        // The payment took place with the fee.
        Action::Emit => transition.own_peer(signer).map(|_| ()),
        Action::Propose { change } => governance::propose(transition, signer, change),
        Action::Vote { proposal, approve } => {
            governance::vote(transition, signer, *proposal, *approve)
        }
    }
}
