//! Places for connections: how many there are of whom, and who gives way.
//!
//! A connection that has not proved a key yet stands among the handshakes, where the earliest of
//! the network with the most gives way to a newcomer. Once the key is known it gets a place of its
//! tier. Where these are taken, a connection gives way on which nothing is asked, or that belongs
//! to whoever has many; among the staked, one of lower standing. So a stranger never stands in a
//! registered peer's way, and somebody who holds many connections not in that of who holds few.
//!
//! Time is passed in.

use crate::exchange::address::Network;
use crate::exchange::limits::{Limits, Share};
use crate::exchange::tier::{Claim, Tier};
use muster_ledger::crypto::PublicKey;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// All connections.
pub struct Places {
    open: Mutex<Open>,
    handshakes: Share,
    /// Of strangers, stakeless and staked.
    connections: [Share; 3],
    idle_timeout: Duration,
    answer_timeout: Duration,
}

#[derive(Default)]
struct Open {
    begun: u64,
    places: HashMap<u64, Taken>,
}

/// One connection as the others see it.
struct Taken {
    place: Arc<Place>,
    /// The key and its claim, once it is proved.
    proved: Option<(PublicKey, Claim)>,
}

/// A connection, as those see it who work on its requests.
pub struct Place {
    network: Network,
    activity: Mutex<Activity>,
    closed: Notify,
}

#[derive(Debug)]
struct Activity {
    /// Since when nothing was asked, or when it began.
    since: Instant,
    /// Requests being received or answered.
    busy: usize,
    /// Answers that are to be read, with the time when each was begun, by number.
    answers: Vec<(u64, Instant)>,
    begun: u64,
    closed: bool,
}

/// A place that is given back when dropped.
pub struct Ticket {
    places: Arc<Places>,
    number: u64,
    /// The connection.
    pub place: Arc<Place>,
}

/// A request on a connection, until it is dropped.
pub struct Busy {
    place: Arc<Place>,
    number: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    fn new(network: Network, now: Instant) -> Self {
        let activity =
            Activity { since: now, busy: 0, answers: Vec::new(), begun: 0, closed: false };
        Self { network, activity: Mutex::new(activity), closed: Notify::new() }
    }

    /// Where the connection comes from.
    #[must_use]
    pub fn network(&self) -> Network {
        self.network
    }

    /// Notes a request.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Busy {
        let mut activity = lock(&self.activity);
        activity.busy += 1;
        activity.begun += 1;
        Busy { place: self.clone(), number: activity.begun }
    }

    /// Tells the connection to end.
    fn close(&self) {
        lock(&self.activity).closed = true;
        // One is kept for who does not wait yet.
        self.closed.notify_one();
    }

    /// Waits until the connection is told to end.
    pub async fn closed(&self) {
        self.closed.notified().await;
    }

    /// Idle connections give way before busy ones, earlier before later.
    fn usefulness(&self) -> (bool, Instant) {
        let activity = lock(&self.activity);
        (activity.busy > 0, activity.since)
    }

    fn is_closed(&self) -> bool {
        lock(&self.activity).closed
    }
}

impl Busy {
    /// The request has an answer, which is now to be read.
    pub fn answer(&self) {
        lock(&self.place.activity).answers.push((self.number, Instant::now()));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut activity = lock(&self.place.activity);
        activity.busy -= 1;
        activity.since = Instant::now();
        activity.answers.retain(|(number, _)| *number != self.number);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.places.open).places.remove(&self.number);
    }
}

impl Ticket {
    /// Gives the connection a place of its tier.
    ///
    /// # Errors
    /// A sentence where nobody gives way to it.
    pub fn prove(&self, key: PublicKey, claim: Claim) -> Result<(), String> {
        let mut open = lock(&self.places.open);
        self.places.make_room(&open, &claim)?;
        if let Some(taken) = open.places.get_mut(&self.number) {
            taken.proved = Some((key, claim));
        }
        Ok(())
    }
}

impl Places {
    /// No connection is open.
    #[must_use]
    pub fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            handshakes: limits.handshakes,
            connections: limits.shares(|tier| tier.connections),
            idle_timeout: limits.idle_timeout,
            answer_timeout: limits.answer_timeout,
        })
    }

    /// A place among the handshakes; somebody else's ends where there is none.
    #[must_use]
    pub fn knock(self: &Arc<Self>, network: Network, now: Instant) -> Ticket {
        let mut open = lock(&self.open);
        self.make_way(&open, network);
        open.begun += 1;
        let (number, place) = (open.begun, Arc::new(Place::new(network, now)));
        open.places.insert(number, Taken { place: place.clone(), proved: None });
        Ticket { places: self.clone(), number, place }
    }

    /// Ends a handshake for a newcomer from this network, if one must end.
    fn make_way(&self, open: &Open, network: Network) {
        let waiting = || open.live().filter(|taken| taken.proved.is_none());
        let of = |network| waiting().filter(move |taken| taken.place.network == network);
        if of(network).count() >= self.handshakes.each {
            first_to_go(of(network));
        } else if waiting().count() >= self.handshakes.all
            && let Some((greediest, _)) = most(waiting(), |taken| taken.place.network)
        {
            first_to_go(of(greediest));
        }
    }

    /// Ends a connection for a newcomer with this claim, if one must end.
    fn make_room(&self, open: &Open, claim: &Claim) -> Result<(), String> {
        let share = self.connections[claim.tier as usize];
        let own = || open.of(claim.tier).filter(|(_, other)| other.holder == claim.holder);
        let held = own().count();
        if held >= share.each {
            // Who has as many as one may have gives up one of its own.
            return give_way(own().map(|(taken, _)| taken), true)
                .ok_or_else(|| format!("you have {held} connections open already, all in use"));
        }
        if open.of(claim.tier).count() < share.all {
            return Ok(());
        }
        let full = || format!("{} connections are open here already: try later", share.all);
        if claim.tier == Tier::Staked {
            let lowest = open.of(claim.tier).map(|(_, other)| other).min_by(|a, b| a.precedence(b));
            let lowest = lowest.ok_or_else(full)?;
            let of_lowest =
                open.of(claim.tier).filter(|(_, other)| other.precedence(lowest).is_eq());
            let only_idle = match lowest.precedence(claim) {
                Ordering::Less => false,
                Ordering::Equal => true,
                Ordering::Greater => return Err(full()),
            };
            return give_way(of_lowest.map(|(taken, _)| taken), only_idle).ok_or_else(full);
        }
        let greediest = most(open.of(claim.tier), |(_, other)| other.holder);
        let (greediest, count) = greediest.ok_or_else(full)?;
        let of_greediest = open.of(claim.tier).filter(|(_, other)| other.holder == greediest);
        give_way(of_greediest.map(|(taken, _)| taken), count <= held + 1)
            .or_else(|| give_way(open.of(claim.tier).map(|(taken, _)| taken), true))
            .ok_or_else(full)
    }

    /// Ends connections on which nothing was asked for too long, or whose answers are not read;
    /// sees the others as the ledger does now.
    pub fn sweep(&self, now: Instant, claim_of: impl Fn(&PublicKey, Network) -> Claim) {
        let mut open = lock(&self.open);
        for taken in open.places.values_mut() {
            let Some((key, claim)) = &mut taken.proved else {
                continue;
            };
            *claim = claim_of(key, taken.place.network);
            let activity = lock(&taken.place.activity);
            let idle = activity.busy == 0
                && now.saturating_duration_since(activity.since) > self.idle_timeout;
            let unread = activity
                .answers
                .iter()
                .any(|(_, begun)| now.saturating_duration_since(*begun) > self.answer_timeout);
            let over = (idle || unread) && !activity.closed;
            drop(activity);
            if over {
                taken.place.close();
            }
        }
    }

    /// Connections of each tier (strangers, stakeless, staked) that are open.
    #[must_use]
    pub fn open(&self) -> [usize; 3] {
        let open = lock(&self.open);
        [Tier::Stranger, Tier::Stakeless, Tier::Staked].map(|tier| open.of(tier).count())
    }

    /// Connections that have not proved a key yet.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        lock(&self.open).live().filter(|taken| taken.proved.is_none()).count()
    }
}

impl Open {
    /// Those that were not told to end.
    fn live(&self) -> impl Iterator<Item = &Taken> + Clone {
        self.places.values().filter(|taken| !taken.place.is_closed())
    }

    fn of(&self, tier: Tier) -> impl Iterator<Item = (&Taken, &Claim)> + Clone {
        self.live().filter_map(move |taken| {
            let (_, claim) = taken.proved.as_ref()?;
            (claim.tier == tier).then_some((taken, claim))
        })
    }
}

/// Who has the most, and how many; the lowest of those who have as many.
fn most<T, K: Ord + Copy + std::hash::Hash>(
    all: impl Iterator<Item = T>,
    of: impl Fn(T) -> K,
) -> Option<(K, usize)> {
    let mut counts: HashMap<K, usize> = HashMap::new();
    all.for_each(|one| *counts.entry(of(one)).or_insert(0) += 1);
    counts.into_iter().max_by_key(|(key, count)| (*count, std::cmp::Reverse(*key)))
}

/// Ends the one that is idle for longest, or else the one that is busy for longest, unless only
/// idle ones may end.
fn give_way<'a>(all: impl Iterator<Item = &'a Taken>, only_idle: bool) -> Option<()> {
    let useful = all.map(|taken| (taken.place.usefulness(), taken));
    let ((busy, _), least) = useful.min_by_key(|(usefulness, _)| *usefulness)?;
    if busy && only_idle {
        return None;
    }
    least.place.close();
    Some(())
}

/// Ends the earliest.
fn first_to_go<'a>(all: impl Iterator<Item = &'a Taken>) {
    let _ = give_way(all, false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::tier::Holder;
    use std::net::Ipv4Addr;

    fn network(host: u8) -> Network {
        Network::of(Ipv4Addr::new(1, 1, 1, host).into())
    }

    fn staked(who: u8, stake: u64) -> (PublicKey, Claim) {
        let key = PublicKey([who; 32]);
        let holder = Holder::Peer(key);
        (key, Claim { tier: Tier::Staked, holder, part: 0.0, standing: 0.0, stake })
    }

    fn limits() -> Limits {
        let mut limits = Limits {
            handshakes: Share { all: 6, each: 3 },
            answer_timeout: Duration::from_secs(30),
            ..Limits::default()
        };
        limits.strangers.connections = Share { all: 6, each: 4 };
        limits.staked.connections = Share { all: 3, each: 2 };
        limits
    }

    fn places() -> Arc<Places> {
        Places::new(&limits())
    }

    fn enter(places: &Arc<Places>, host: u8, claim: (PublicKey, Claim)) -> Result<Ticket, String> {
        let ticket = places.knock(network(host), Instant::now());
        ticket.prove(claim.0, claim.1).map(|()| ticket)
    }

    fn stranger(host: u8) -> (PublicKey, Claim) {
        (PublicKey([host; 32]), Claim::of_stranger(network(host)))
    }

    #[test]
    fn the_earliest_handshake_of_the_greediest_gives_way() {
        let places = places();
        let mut now = Instant::now();
        let mut knock = |host| {
            now += Duration::from_millis(1);
            places.knock(network(host), now)
        };
        let greedy: Vec<Ticket> = (0..5).map(|_| knock(1)).collect();
        let ended = |tickets: &[Ticket]| -> Vec<bool> {
            tickets.iter().map(|ticket| ticket.place.is_closed()).collect()
        };
        assert_eq!(ended(&greedy), [true, true, false, false, false]);
        let others: Vec<Ticket> = (2..5).map(&mut knock).collect();
        assert_eq!(places.handshakes(), 6);
        let honest = knock(9);
        assert_eq!(ended(&greedy), [true, true, true, false, false]);
        assert_eq!(ended(&others), [false; 3]);
        assert!(!honest.place.is_closed());
    }

    #[test]
    fn strangers_do_not_stand_in_the_way_of_others_nor_one_network_in_that_of_another() {
        let places = places();
        let many: Vec<Ticket> =
            (0..10).filter_map(|_| enter(&places, 1, stranger(1)).ok()).collect();
        assert_eq!(places.open(), [4, 0, 0], "idle ones of its own give way to its newest");
        let _busy: Vec<Busy> = many.iter().map(|ticket| ticket.place.begin()).collect();
        assert!(enter(&places, 1, stranger(1)).is_err());
        let two: Vec<_> = (0..2).map(|_| enter(&places, 2, stranger(2)).expect("room")).collect();
        let _two_busy: Vec<Busy> = two.iter().map(|ticket| ticket.place.begin()).collect();
        assert_eq!(places.open(), [6, 0, 0]);
        // A third network is let in, at the cost of the one that has the most.
        let third = enter(&places, 3, stranger(3)).expect("the greediest gives way");
        assert!(!third.place.is_closed() && two.iter().all(|ticket| !ticket.place.is_closed()));
        assert_eq!(places.open(), [6, 0, 0]);
        let _peer = enter(&places, 1, staked(7, 1)).expect("a registered peer");
        assert_eq!(places.open(), [6, 0, 1]);
    }

    #[test]
    fn among_the_staked_the_lower_gives_way_and_equals_only_when_idle() {
        let places = places();
        let low = enter(&places, 1, staked(1, 5)).expect("room");
        let middle = enter(&places, 2, staked(2, 7)).expect("room");
        let high = enter(&places, 3, staked(3, 9)).expect("room");
        assert!(enter(&places, 4, staked(4, 1)).is_err(), "lower than all");
        let busy = [low.place.begin(), middle.place.begin()];
        assert!(enter(&places, 4, staked(4, 5)).is_err(), "nothing lower, and nothing idle");
        let _fourth = enter(&places, 4, staked(4, 6)).expect("above the lowest");
        assert!(low.place.is_closed() && !middle.place.is_closed() && !high.place.is_closed());
        drop(busy);
    }

    #[test]
    fn what_is_idle_or_not_read_ends() {
        let places = places();
        let idle = enter(&places, 1, stranger(1)).expect("room");
        let unread = enter(&places, 2, stranger(2)).expect("room");
        let working = enter(&places, 3, stranger(3)).expect("room");
        let (answer, _request) = (unread.place.begin(), working.place.begin());
        answer.answer();
        let sweep = |seconds| {
            let now = Instant::now() + Duration::from_secs(seconds);
            places.sweep(now, |_, network| Claim::of_stranger(network));
            [&idle, &unread, &working].map(|ticket| ticket.place.is_closed())
        };
        assert_eq!(sweep(10), [false, false, false]);
        assert_eq!(sweep(60), [false, true, false]);
        assert_eq!(sweep(200), [true, true, false]);
        drop((idle, unread, working));
        assert_eq!(places.open(), [0, 0, 0]);
    }
}
