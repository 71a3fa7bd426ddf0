//! Who decides next.

use std::sync::Arc;

use crate::committee::committee_hash;
use crate::event::Event;
use crate::state::{Key, Read, Value};
use crate::transition::Transition;

/// The committee of the next epoch: the validators in canonical order, as many as may sit.
pub(crate) fn end_epoch(transition: &mut Transition) {
    let validators = match transition.get(&Key::Validators) {
        Some(Value::Validators(validators)) => validators.clone(),
        _ => return,
    };
    let count = usize::try_from(transition.parameters().committee_max).unwrap_or(usize::MAX);
    let committee: Vec<_> = validators.iter().take(count).cloned().collect();
    let unchanged = matches!(
        transition.get(&Key::Committee),
        Some(Value::Committee(before)) if **before == committee
    );
    if !unchanged {
        let hash = committee_hash(&committee);
        transition.put(Key::Committee, Value::Committee(Arc::new(committee)));
        transition.event(Event::CommitteeChanged { committee: hash });
    }
}
