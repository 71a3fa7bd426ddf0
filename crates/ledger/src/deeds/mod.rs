//! What actions do to the state, mechanism by mechanism.

use crate::outcome::Rejection;
use crate::transaction::{Action, Transaction};
use crate::transition::Transition;

pub(crate) mod account;
pub(crate) mod agenda;
pub(crate) mod committee;
pub(crate) mod escrow;
pub(crate) mod governance;
pub(crate) mod market;
pub(crate) mod presence;
pub(crate) mod stake;
pub(crate) mod upgrade;

/// Carries out an action; on failure the caller takes back what it did.
pub(crate) fn act(transition: &mut Transition, transaction: &Transaction) -> Result<(), Rejection> {
    let signer = &transaction.signer;
    match &transaction.action {
        Action::Account(action) => account::act(transition, signer, action),
        Action::Stake(action) => stake::act(transition, signer, action),
        Action::Market(action) => market::act(transition, signer, action),
        Action::Governance(action) => governance::act(transition, signer, action),
        Action::Presence(action) => presence::act(transition, signer, action),
    }
}
