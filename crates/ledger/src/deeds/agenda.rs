//! What falls due at a height: put on the agenda by one action or block, done by a later one.
//!
//! Money that is on its way back arrives in the block in which it is due, however much of others'
//! does: the work was charged to the transactions that put it on its way, or is that of returns,
//! of which a block starts a bounded number; those that do not fit start in the next.

use crate::state::chain::{self, Due};
use crate::state::{Read, governance, presence, stake};
use crate::transition::Transition;
use crate::types::Height;

/// Most work that a block does for returns and for votes that are cleared away, in entries.
const WORK_MAX: u64 = 33 * STEP as u64;
/// Most delegations of a displaced peer that are returned, and most votes on a proposal that are
/// cleared away, at once.
pub(crate) const STEP: usize = 64;

/// How much of that work something is. Nothing is more than a block does: of `proposals_max`
/// proposals, at most 32, each owner whose stake is returned may have voted on every one. Money
/// that arrives is none of it, nor are decisions, at most one for each proposal, nor rounds that
/// are forgotten, which were paid for when they were opened: they do not wait.
fn work(due: &Due, proposals: u64) -> u64 {
    match due {
        Due::Stake(stake::Due::Arrival(_))
        | Due::Governance(governance::Due::Decision(_) | governance::Due::Effect(_))
        | Due::Presence(presence::Due::Forgetting(_)) => 0,
        Due::Stake(stake::Due::Return(_)) => STEP as u64 * (1 + proposals),
        Due::Governance(governance::Due::Clearing(_)) => STEP as u64,
    }
}

/// Puts something on the agenda.
pub(crate) fn add(transition: &mut Transition, height: Height, due: Due) {
    let mut counters = *transition.the(chain::counters());
    let number = counters.next_due;
    counters.next_due += 1;
    transition.set(chain::counters(), counters);
    transition.put(chain::due(height, number), due);
}

/// Takes what is due at a height from the agenda, in the order in which it fell due. Looks at the
/// state below: what the same block adds has to wait.
pub(crate) fn take(transition: &mut Transition, height: Height) -> Vec<Due> {
    let (first, last) = (chain::due(Height(0), 0), chain::due(height, u64::MAX));
    let proposals = transition.the(governance::proposals()).open.len() as u64;
    let mut left = WORK_MAX;
    let mut fits = |due: &Due| {
        let rest = left.checked_sub(work(due, proposals));
        // What does not fit is not overtaken by what came later.
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let due: Vec<(chain::Key, Due)> = transition
        .base()
        .scan(first, last)
        .filter(|(_, due)| fits(due))
        .map(|(key, due)| (key, *due))
        .collect();
    for (key, _) in &due {
        if let chain::Key::Due(height, number) = key {
            transition.remove(chain::due(*height, *number));
        }
    }
    due.into_iter().map(|(_, due)| due).collect()
}
