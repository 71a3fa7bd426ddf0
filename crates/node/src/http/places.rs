//! Places that are held for as long as somebody likes, connections and streams of events: bounded
//! in all and for each asker. Where all are taken, a newcomer gets the place that has been idle
//! longest, of whoever holds most.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::source::Source;

/// Bounds of the places.
#[derive(Debug)]
pub struct Places {
    total_max: usize,
    source_max: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Numbers places, and moments at which one became idle.
    next: u64,
    places: HashMap<u64, Entry>,
    holders: HashMap<Source, Holder>,
    /// Holders of idle places, whoever has to give way first at the end.
    ranks: BTreeSet<Rank>,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    /// Requests that are being answered over it.
    busy: usize,
    /// When it became idle.
    idle_since: u64,
    wanted: Arc<Notify>,
}

/// What one asker holds.
#[derive(Debug, Default)]
struct Holder {
    held: usize,
    /// The places that are idle, by when they became so.
    idle: BTreeMap<u64, u64>,
}

/// How many places an asker holds, and when the first of those that are idle became so.
type Rank = (usize, Reverse<u64>, Source);

impl Holder {
    fn rank(&self, source: Source) -> Option<Rank> {
        let (since, _) = self.idle.first_key_value()?;
        Some((self.held, Reverse(*since), source))
    }
}

impl Held {
    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Changes what an asker holds.
    fn change(&mut self, source: Source, change: impl FnOnce(&mut Holder)) {
        let holder = self.holders.entry(source).or_default();
        if let Some(rank) = holder.rank(source) {
            self.ranks.remove(&rank);
        }
        change(holder);
        self.ranks.extend(holder.rank(source));
        if holder.held == 0 {
            self.holders.remove(&source);
        }
    }

    fn insert(&mut self, source: Source, wanted: Arc<Notify>) -> u64 {
        let number = self.tick();
        self.places.insert(number, Entry { source, busy: 0, idle_since: number, wanted });
        self.change(source, |holder| {
            holder.held += 1;
            holder.idle.insert(number, number);
        });
        number
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.places.remove(&number)?;
        self.change(entry.source, |holder| {
            holder.held -= 1;
            holder.idle.remove(&entry.idle_since);
        });
        Some(entry)
    }

    /// One request more that is answered over a place.
    fn occupy(&mut self, number: u64) {
        let Some(entry) = self.places.get_mut(&number) else { return };
        entry.busy += 1;
        let (source, since) = (entry.source, entry.idle_since);
        self.change(source, |holder| {
            holder.idle.remove(&since);
        });
    }

    /// One less; without any it is idle from now on.
    fn leave(&mut self, number: u64) {
        let now = self.tick();
        let Some(entry) = self.places.get_mut(&number) else { return };
        entry.busy -= 1;
        if entry.busy > 0 {
            return;
        }
        entry.idle_since = now;
        let source = entry.source;
        self.change(source, |holder| {
            holder.idle.insert(now, number);
        });
    }

    /// The idle place, of `source` or of whoever holds most, that has been so longest.
    fn to_give_way(&self, source: Option<Source>) -> Option<u64> {
        let source = match source {
            Some(source) => source,
            None => self.ranks.last()?.2,
        };
        self.holders.get(&source)?.idle.first_key_value().map(|(_, number)| *number)
    }
}

impl Places {
    /// At most `total_max` places, and `source_max` for one asker that is not local.
    #[must_use]
    pub fn new(total_max: usize, source_max: usize) -> Arc<Self> {
        Arc::new(Self { total_max, source_max, held: Mutex::default() })
    }

    /// A place, if there is one or somebody has to give way.
    pub fn enter(self: &Arc<Self>, source: Source) -> Option<Place> {
        let mut held = self.lock();
        let of_source = held.holders.get(&source).map_or(0, |holder| holder.held);
        if source != Source::Local && of_source >= self.source_max {
            let victim = held.to_give_way(Some(source))?;
            held.remove(victim)?.wanted.notify_one();
        } else if held.places.len() >= self.total_max {
            let victim = held.to_give_way(None)?;
            held.remove(victim)?.wanted.notify_one();
        }
        let wanted = Arc::new(Notify::new());
        let number = held.insert(source, wanted.clone());
        Some(Place { places: self.clone(), number, wanted })
    }

    /// How many are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().places.len()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
    wanted: Arc<Notify>,
}

impl Place {
    /// Resolves when the place is given to somebody else: whoever holds it has to leave.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Marks it as in use until the answer is dropped: it does not give way meanwhile.
    pub fn occupy(&self) -> Busy {
        self.places.lock().occupy(self.number);
        Busy { places: self.places.clone(), number: self.number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
    }
}

/// A place in use.
#[derive(Debug)]
pub struct Busy {
    places: Arc<Places>,
    number: u64,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.places.lock().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether the holder of a place was told to leave.
    async fn has_to_leave(place: &Place) -> bool {
        tokio::select! {
            biased;
            () = place.wanted() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn whoever_holds_most_gives_way_with_what_was_idle_longest() {
        let places = Places::new(6, 4);
        let [greedy, modest, late] = [1, 2, 3].map(Source::V6);
        let first = places.enter(modest).expect("a place");
        let held: Vec<Place> = (0..4).filter_map(|_| places.enter(greedy)).collect();
        assert_eq!(held.len(), 4);
        // One more of the same asker: its own oldest goes.
        let fifth = places.enter(greedy).expect("its oldest gives way");
        assert!(has_to_leave(&held[0]).await);
        // In use, and idle again only after the others.
        drop(held[1].occupy());
        let sixth = places.enter(late).expect("there is one left");
        assert_eq!(places.held(), 6);
        let seventh = places.enter(late).expect("the greedy one gives way");
        assert!(has_to_leave(&held[2]).await);
        assert_eq!(places.held(), 6);
        for place in [&first, &held[1], &held[3], &fifth, &sixth, &seventh] {
            assert!(!has_to_leave(place).await);
        }
        drop((first, held, fifth, sixth, seventh));
        assert_eq!(places.held(), 0);
        let held = places.lock();
        assert!(held.holders.is_empty() && held.ranks.is_empty(), "nobody is remembered");
    }

    /// What gives way is what a look at all places finds.
    fn scanned(held: &Held, source: Option<Source>) -> Option<u64> {
        let idle = held.places.iter().filter(|(_, entry)| entry.busy == 0);
        let idle = idle.filter(|(_, entry)| source.is_none_or(|source| entry.source == source));
        let count = |of: Source| held.places.values().filter(|entry| entry.source == of).count();
        idle.max_by_key(|(_, entry)| (count(entry.source), Reverse(entry.idle_since)))
            .map(|(number, _)| *number)
    }

    proptest! {
        #[test]
        fn who_gives_way_is_known_without_looking_at_all(
            steps in prop::collection::vec((0..4_u8, 0..5_u64, 0..12_usize), 0..80),
        ) {
            let places = Places::new(8, 4);
            let (mut held, mut busy) = (Vec::new(), Vec::new());
            for (what, source, which) in steps {
                match what {
                    0 | 1 => held.extend(places.enter(Source::V6(source))),
                    2 if which < held.len() => drop(held.swap_remove(which)),
                    3 if which % 2 == 0 => busy.extend(held.get(which).map(Place::occupy)),
                    _ if which < busy.len() => drop(busy.swap_remove(which)),
                    _ => {}
                }
                let all = places.lock();
                for source in [None, Some(Source::V6(source))] {
                    prop_assert_eq!(all.to_give_way(source), scanned(&all, source));
                }
                prop_assert!(all.places.len() <= 8);
            }
        }
    }

    #[tokio::test]
    async fn what_is_in_use_does_not_give_way() {
        let places = Places::new(2, 2);
        let (one, two) = (places.enter(Source::Local), places.enter(Source::Local));
        let [one, two] = [one, two].map(|place| place.expect("a place"));
        let (busy, other) = (one.occupy(), two.occupy());
        assert!(places.enter(Source::V6(1)).is_none());
        drop(other);
        let three = places.enter(Source::V6(1)).expect("the idle one gives way");
        assert!(has_to_leave(&two).await && !has_to_leave(&one).await);
        drop((busy, three));
    }
}
