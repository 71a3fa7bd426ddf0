//! Money that is held for somebody until something happens.

use std::sync::Arc;

use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::state::Read;
use crate::state::chain::{self, Escrow, Purpose};
use crate::transition::Transition;
use crate::types::EscrowId;

/// Holds an amount that the caller has taken from another entry.
pub(crate) fn hold(
    transition: &mut Transition,
    owner: PublicKey,
    amount: Grains,
    purpose: Purpose,
) -> EscrowId {
    let mut counters = *transition.the(chain::counters());
    let id = counters.next_escrow;
    counters.next_escrow = EscrowId(id.0 + 1);
    transition.set(chain::counters(), counters);
    transition.put(chain::escrow(id), Arc::new(Escrow { owner, amount, purpose }));
    transition.put(chain::escrow_for(owner, id), ());
    id
}

/// Pays what is held to its owner's account; says what it was, if it was still there.
pub(crate) fn release(
    transition: &mut Transition,
    id: EscrowId,
) -> Result<Option<Arc<Escrow>>, Rejection> {
    let Some(escrow) = transition.entry(chain::escrow(id)).cloned() else {
        return Ok(None);
    };
    transition.remove(chain::escrow(id));
    transition.remove(chain::escrow_for(escrow.owner, id));
    transition.credit(&escrow.owner, escrow.amount)?;
    Ok(Some(escrow))
}
