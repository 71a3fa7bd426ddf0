//! Accounts: money moves from one to another.

use crate::crypto::PublicKey;
use crate::outcome::Rejection;
use crate::outcome::account::Event;
use crate::state::Read;
use crate::state::account::account;
use crate::transaction::account::Action;
use crate::transition::Transition;

pub(crate) fn act(
    transition: &mut Transition,
    signer: &PublicKey,
    action: &Action,
) -> Result<(), Rejection> {
    let Action::Transfer { to, amount } = action;
    // An account that exists has been checked before.
    if transition.entry(account(*to)).is_none() && !to.is_valid() {
        return Err(Rejection::Key { key: *to });
    }
    transition.debit(signer, *amount)?;
    transition.credit(to, *amount)?;
    transition.event(Event::Transferred { from: *signer, to: *to, amount: *amount });
    Ok(())
}
