//! Places that are held for as long as somebody likes, connections and streams of events: bounded
//! in all and for each asker. Where all are taken, a newcomer gets the place that has been idle
//! longest, of whoever holds most.

use std::cmp::Reverse;
use std::collections::HashMap;
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
    of: HashMap<Source, usize>,
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

impl Held {
    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.places.remove(&number)?;
        if let Some(count) = self.of.get_mut(&entry.source) {
            *count -= 1;
            if *count == 0 {
                self.of.remove(&entry.source);
            }
        }
        Some(entry)
    }

    /// The idle place, of `source` or of whoever holds most, that has been so longest.
    fn to_give_way(&self, source: Option<Source>) -> Option<u64> {
        let idle = self.places.iter().filter(|(_, entry)| entry.busy == 0);
        idle.filter(|(_, entry)| source.is_none_or(|source| entry.source == source))
            .max_by_key(|(_, entry)| {
                (self.of.get(&entry.source).copied(), Reverse(entry.idle_since))
            })
            .map(|(number, _)| *number)
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
        let of_source = held.of.get(&source).copied().unwrap_or(0);
        if source != Source::Local && of_source >= self.source_max {
            let victim = held.to_give_way(Some(source))?;
            held.remove(victim)?.wanted.notify_one();
        } else if held.places.len() >= self.total_max {
            let victim = held.to_give_way(None)?;
            held.remove(victim)?.wanted.notify_one();
        }
        let number = held.tick();
        let wanted = Arc::new(Notify::new());
        let entry = Entry { source, busy: 0, idle_since: number, wanted: wanted.clone() };
        held.places.insert(number, entry);
        *held.of.entry(source).or_insert(0) += 1;
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
        if let Some(entry) = self.places.lock().places.get_mut(&self.number) {
            entry.busy += 1;
        }
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
        let mut held = self.places.lock();
        let now = held.tick();
        if let Some(entry) = held.places.get_mut(&self.number) {
            entry.busy -= 1;
            entry.idle_since = now;
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert!(places.lock().of.is_empty(), "nobody is remembered who holds nothing");
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
