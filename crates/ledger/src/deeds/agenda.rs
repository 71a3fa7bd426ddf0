//! What falls due at a height: put on the agenda by one action or block, done by a later one, a
//! bounded amount of work a block. What does not fit is done in the next.

use crate::state::chain::{self, Due};
use crate::state::{Read, stake};
use crate::transition::Transition;
use crate::types::Height;

/// Most work that a block does for what falls due, in entries looked at.
const WORK_MAX: u64 = 1_280;
/// Most delegations of a displaced peer that are returned at once.
pub(crate) const RETURNS_MAX: usize = 256;

/// How much work something is.
fn work(due: &Due) -> u64 {
    match due {
        Due::Stake(stake::Due::Arrival(_)) => 1,
        Due::Stake(stake::Due::Return(_)) => RETURNS_MAX as u64,
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
    let mut left = WORK_MAX;
    let fits = |(_, due): &(chain::Key, &Due)| {
        let rest = left.checked_sub(work(due));
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let due: Vec<(chain::Key, Due)> = transition
        .base()
        .scan(first, last)
        .take_while(fits)
        .map(|(key, due)| (key, *due))
        .collect();
    for (key, _) in &due {
        if let chain::Key::Due(height, number) = key {
            transition.remove(chain::due(*height, *number));
        }
    }
    due.into_iter().map(|(_, due)| due).collect()
}
