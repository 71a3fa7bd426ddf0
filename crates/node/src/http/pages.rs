//! Lists in pages: as many items as asked for and as fit, and where to go on.
//!
//! An item is found again by a cursor that it keeps for as long as it is there, never by its place
//! in the list: blocks may pass between two pages, and whatever is there all the while is on
//! exactly one.

use std::io;

use serde::{Deserialize, Serialize};

use super::limits::PAGE_BYTES_MAX;

/// Which part of a list to answer.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Only what comes after this number: the `next` of the page before.
    pub after: Option<u64>,
    /// At most so many items, at least one; fewer where the answer would be too long.
    pub limit: Option<u64>,
}

impl PageQuery {
    /// The query as a part of a question.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{:?} {:?}", self.after, self.limit)
    }

    /// Whether an item of this number is after the cursor.
    #[must_use]
    pub fn reaches(&self, number: impl Into<u64>) -> bool {
        self.after.is_none_or(|after| number.into() > after)
    }
}

/// The items of a page, and the cursor of the last of them if there are more.
pub fn page<T: Serialize, C>(
    items: impl Iterator<Item = T>,
    limit: Option<u64>,
    cursor: impl Fn(&T) -> C,
) -> (Vec<T>, Option<C>) {
    let limit = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let mut taken: Vec<T> = Vec::new();
    let mut room = PAGE_BYTES_MAX;
    for item in items {
        let size = json_bytes(&item) + 1;
        if let Some(last) = taken.last()
            && (taken.len() >= limit || size > room)
        {
            let next = cursor(last);
            return (taken, Some(next));
        }
        room = room.saturating_sub(size);
        taken.push(item);
    }
    (taken, None)
}

/// How long an item is in JSON.
fn json_bytes(item: &impl Serialize) -> usize {
    struct Counted(usize);
    impl io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // Counting does not fail, and what is answered is strings, numbers and lists.
    let _ = serde_json::to_writer(&mut counted, item);
    counted.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Items come and go between pages: what is there all the while is seen once, nothing
        /// twice, and no page is too long.
        #[test]
        fn pages_are_complete_while_the_list_changes(
            items in prop::collection::btree_map(0..500u32, 0..60_000usize, 0..60),
            changes in prop::collection::vec((0..500u32, any::<bool>()), 0..60),
            limit in prop::option::of(0..9u64),
        ) {
            let mut now: BTreeMap<u32, String> =
                items.iter().map(|(id, size)| (*id, "x".repeat(*size))).collect();
            let mut lasting: Vec<u32> = now.keys().copied().collect();
            let mut changes = changes.into_iter();
            let mut seen = Vec::new();
            let mut query = PageQuery { after: None, limit };
            loop {
                let after = now.iter().filter(|(id, _)| query.reaches(**id));
                let (items, next) = page(after, limit, |(id, _)| u64::from(**id));
                let bytes = serde_json::to_vec(&items).expect("strings").len();
                prop_assert!(bytes <= PAGE_BYTES_MAX + 2, "{bytes}");
                prop_assert!(items.len() as u64 <= limit.unwrap_or(u64::MAX).max(1));
                seen.extend(items.iter().map(|(id, _)| **id));
                let Some(next) = next else { break };
                prop_assert!(query.after < Some(next), "the cursor goes on");
                query.after = Some(next);
                match changes.next() {
                    Some((id, true)) => drop(now.insert(id, "new".into())),
                    Some((id, false)) => {
                        now.remove(&id);
                        lasting.retain(|lasting| *lasting != id);
                    }
                    None => {}
                }
            }
            prop_assert!(seen.is_sorted_by(|one, other| one < other), "twice: {seen:?}");
            prop_assert!(lasting.iter().all(|id| seen.contains(id)));
        }
    }
}
