//! Who decides next.

use std::sync::Arc;

use crate::committee::committee_hash;
use crate::outcome::Event;
use crate::state::{Read, chain};
use crate::transition::Transition;

/// The committee of the next epoch: the validators in canonical order, as many as may sit.
pub(crate) fn end_epoch(transition: &mut Transition) {
    let validators = transition.the(chain::validators()).clone();
    let count = usize::try_from(transition.parameters().committee_max).unwrap_or(usize::MAX);
    let committee: Vec<_> = validators.iter().take(count).cloned().collect();
    if **transition.the(chain::committee()) != committee {
        let hash = committee_hash(&committee);
        transition.set(chain::committee(), Arc::new(committee));
        transition.event(Event::CommitteeChanged { committee: hash });
    }
}
