//! What each action does to the state.

use crate::event::Event;
use crate::money::Grains;
use crate::state::Read;
use crate::transaction::{Action, Rejection, Transaction};
use crate::transition::Transition;

/// Worst-case work of an action, in cost units of about a microsecond.
pub(crate) fn units(_state: &impl Read, transaction: &Transaction) -> u64 {
    match &transaction.action {
        Action::Transfer { .. } => 10,
        _ => 100,
    }
}

/// What the peer's own emission can pay of a transaction.
pub(crate) fn self_share(_state: &impl Read, _transaction: &Transaction) -> Grains {
    Grains::ZERO
}

/// Pays out the signer's peer, if the transaction acts for one; of `needed`, what its own share
/// could not pay is returned.
pub(crate) fn emit(
    _transition: &mut Transition,
    _transaction: &Transaction,
    needed: Grains,
) -> Result<Grains, Rejection> {
    Ok(needed)
}

/// Carries out an action.
pub(crate) fn act(transition: &mut Transition, transaction: &Transaction) -> Result<(), Rejection> {
    match &transaction.action {
        Action::Transfer { to, amount } => {
            let from = transaction.signer;
            transition.debit(&from, *amount)?;
            transition.credit(to, *amount)?;
            transition.event(Event::Transferred {
                from,
                to: *to,
                amount: *amount,
            });
            Ok(())
        }
        _ => todo!(),
    }
}
