//! Accounts: money moves from one to another. An account begins with the first money that comes to
//! a key, of which the deposit is held; it ends when its owner closes it, and the deposit with it.

use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::outcome::account::{self as outcome, Event};
use crate::state::Read;
use crate::state::account::account;
use crate::transaction::account::Action;
use crate::transition::Transition;

pub(crate) fn act(
    transition: &mut Transition,
    signer: &PublicKey,
    action: &Action,
) -> Result<(), Rejection> {
    match action {
        Action::Transfer { to, amount } => transfer(transition, signer, to, *amount),
        Action::Close { to } => close(transition, signer, to),
    }
}

fn transfer(
    transition: &mut Transition,
    from: &PublicKey,
    to: &PublicKey,
    amount: Grains,
) -> Result<(), Rejection> {
    check_receiver(transition, to, amount)?;
    transition.debit(from, amount)?;
    transition.credit(to, amount)?;
    transition.event(Event::Transferred { from: *from, to: *to, amount });
    Ok(())
}

/// Removes the signer's account. Stake, peers and what is on its way back stay the key's: what
/// arrives later opens an account again.
fn close(transition: &mut Transition, from: &PublicKey, to: &PublicKey) -> Result<(), Rejection> {
    let closed = transition.account(from);
    let from_height = closed.closes_from();
    if transition.clock().height < from_height {
        return Err(outcome::Rejection::ClosesFrom { from: from_height }.into());
    }
    let amount = closed.total();
    check_receiver(transition, to, amount)?;
    transition.remove(account(*from));
    transition.credit(to, amount)?;
    transition.event(Event::Closed { account: *from, to: *to, amount });
    Ok(())
}

/// Whether an amount may go to a key: to an account, or enough to open one.
pub(crate) fn check_receiver(
    transition: &Transition,
    to: &PublicKey,
    amount: Grains,
) -> Result<(), Rejection> {
    // An account that exists has been checked before.
    if transition.entry(account(*to)).is_some() {
        return Ok(());
    }
    if !to.is_valid() {
        return Err(Rejection::Key { key: *to });
    }
    let deposit = transition.parameters().account_deposit;
    if amount < deposit {
        return Err(outcome::Rejection::Opening { to: *to, deposit }.into());
    }
    Ok(())
}
