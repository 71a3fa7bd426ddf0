//! In which order things happen: at the beginning of a block, at its end, at the end of an epoch.
//!
//! Each step reads what the ones before it wrote, so the order is part of the protocol.

use crate::crypto::Hash;
use crate::deeds::{committee, governance, market, stake};
use crate::rejection::Rejection;
use crate::state::{Clock, Key, Read, Value};
use crate::transition::Transition;
use crate::types::Height;

/// What comes before the block's transactions, after its clock was set.
pub(crate) fn begin_block(transition: &mut Transition, height: Height) -> Result<(), Rejection> {
    stake::arrivals(transition, height)
}

/// What the last block of an epoch brings, after its transactions. `previous` is the hash of the
/// block before this one.
///
/// # Errors
/// A sentence, where the market refuses what the state holds: a fault of this crate.
pub(crate) fn end_epoch(transition: &mut Transition, previous: Hash) -> Result<(), String> {
    let state = transition.flush().clone();
    let epoch = state.clock().epoch.next();
    market::price::end_epoch(transition, &state, epoch)?;
    market::registration::end_epoch(transition, &state, previous);
    governance::end_epoch(transition, &state, epoch);
    committee::end_epoch(transition);
    let epoch_end = state.height().after(transition.parameters().epoch_blocks);
    transition.put(Key::Clock, Value::Clock(Clock { epoch, epoch_end, ..*state.clock() }));
    transition.commit();
    Ok(())
}
