//! In which order things happen: at the beginning of a block, at its end, at the end of an epoch.
//!
//! Each step reads what the ones before it wrote, so the order is part of the protocol.

use crate::crypto::Hash;
use crate::deeds::{agenda, committee, governance, market, presence, stake, upgrade};
use crate::outcome::Rejection;
use crate::state::Read;
use crate::state::chain::{self, Clock, Due};
use crate::transition::Transition;
use crate::types::Height;

/// What comes before the block's transactions, after its clock was set. `previous` is the hash of
/// the block before this one.
pub(crate) fn begin_block(
    transition: &mut Transition,
    height: Height,
    previous: &Hash,
) -> Result<(), Rejection> {
    upgrade::begin_block(transition, height);
    for due in agenda::take(transition, height) {
        match due {
            Due::Stake(due) => stake::due(transition, due)?,
            Due::Governance(due) => governance::due(transition, due)?,
            Due::Presence(due) => presence::due(transition, due)?,
        }
    }
    presence::begin_block(transition, previous)
}

/// What the last block of an epoch brings, after its transactions. `previous` is the hash of the
/// block before this one.
///
/// # Errors
/// A sentence, where the market refuses what the state holds: a bug of this crate.
pub(crate) fn end_epoch(transition: &mut Transition, previous: Hash) -> Result<(), String> {
    let state = transition.flush().clone();
    let epoch = state.clock().epoch.next();
    market::price::end_epoch(transition, &state, epoch)?;
    market::registration::end_epoch(transition, &state, previous);
    committee::end_epoch(transition);
    let epoch_end = state.height().after(transition.parameters().epoch_blocks);
    transition.set(chain::clock(), Clock { epoch, epoch_end, ..*state.clock() });
    transition.commit();
    Ok(())
}
