//! The search: on threads of its own, at full power or as one machine among many.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_api::presence::Round;
use muster_ledger::crypto::SecretKey;
use muster_ledger::presence::work;
use muster_puzzle::{Pace, Puzzle, Searcher, Solution, Work, search_on_cores};
use tokio::sync::mpsc;

/// How much of its part of a core a search may save up.
const SAVED_MAX: Duration = Duration::from_millis(200);

/// How much is worked.
#[derive(Clone, Debug)]
pub enum Effort {
    /// On so many cores, as fast as they are.
    Cores(NonZeroUsize),
    /// As so many of the machines that the round reckons with, within a budget.
    Machines {
        /// How many.
        count: u32,
        /// Of which core, and how much.
        budget: Arc<Budget>,
    },
}

/// The part of one core that all searches of a process take together, and the memory that they take
/// turns in: whoever opens many rounds of a puzzle that is bound by memory takes no more of it.
pub struct Budget {
    cores: f64,
    searches: AtomicUsize,
    searcher: Mutex<Searcher>,
}

impl fmt::Debug for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, searches, .. } = self;
        write!(formatter, "{cores} cores for {searches:?} searches")
    }
}

impl Budget {
    /// A part of one core, from 0 to 1.
    #[must_use]
    pub fn new(cores: f64) -> Arc<Self> {
        let searcher = Mutex::new(Searcher::new(Puzzle::Sha256));
        Arc::new(Self { cores, searches: AtomicUsize::new(0), searcher })
    }

    /// What searches, when it is this one's turn. It takes the memory that a puzzle needs when it
    /// searches first.
    fn searcher(&self) -> MutexGuard<'_, Searcher> {
        self.searcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each search may take now.
    fn share(&self) -> f64 {
        self.cores / self.searches.load(Ordering::Relaxed).max(1) as f64
    }
}

/// A search's place in a budget, until it is dropped.
struct Place(Arc<Budget>);

impl Place {
    fn take(budget: Arc<Budget>) -> Self {
        budget.searches.fetch_add(1, Ordering::Relaxed);
        Self(budget)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.searches.fetch_sub(1, Ordering::Relaxed) == 1 {
            // The last one gives the memory back.
            *self.0.searcher() = Searcher::new(Puzzle::Sha256);
        }
    }
}

/// Time of a core that may be used: it grows by a share of what passes, and is spent.
#[derive(Debug, Default)]
struct Credit {
    seconds: f64,
    counted: Duration,
}

impl Credit {
    /// Whether there is any left.
    fn is_left(&mut self, now: Duration, share: f64) -> bool {
        let passed = now.saturating_sub(self.counted).as_secs_f64();
        self.seconds = (self.seconds + share * passed).min(share * SAVED_MAX.as_secs_f64());
        self.counted = now;
        self.seconds > 0.0
    }

    fn spend(&mut self, time: Duration) {
        self.seconds -= time.as_secs_f64();
    }
}

/// What solves the round for a key.
pub struct Found {
    /// Place of the key in the list.
    pub key: usize,
    /// The solution.
    pub solution: Solution,
}

/// What a search did.
#[derive(Debug, Default)]
pub struct Counts {
    tries: AtomicU64,
    lost: AtomicU64,
}

impl Counts {
    /// Numbers tried.
    pub fn tries(&self) -> u64 {
        self.tries.load(Ordering::Relaxed)
    }

    /// Numbers that were due and could not be tried.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// A search for a solution of each key, one key after another, that ends when it is dropped.
pub struct Search {
    /// What is found.
    pub found: mpsc::UnboundedReceiver<Found>,
    /// What it does.
    pub counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
}

impl Drop for Search {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Search {
    /// Begins to search in a round that has begun; keys that have solved it are passed over.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(round: &Round, keys: &[SecretKey], effort: Effort) -> std::io::Result<Self> {
        let (sender, found) = mpsc::unbounded_channel();
        let (counts, stop) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
        let search = Self { found, counts: counts.clone(), stop: stop.clone() };
        let works = works(round, keys);
        let (puzzle, rate) = (round.puzzle.into(), round.tries_per_second);
        let run = move || {
            let mut searcher = Machine::new(effort, puzzle, rate, counts);
            let stopped = || stop.load(Ordering::Relaxed);
            for (key, work) in works {
                let Some(solution) = searcher.search(&work, &stopped) else { return };
                if sender.send(Found { key, solution }).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("presence".into()).spawn(run)?;
        Ok(search)
    }
}

/// What each key has to solve. A round of no difficulty cannot have been opened, and gives nothing
/// to do.
fn works(round: &Round, keys: &[SecretKey]) -> Vec<(usize, Work)> {
    let Some(challenge) = &round.challenge else { return Vec::new() };
    let due = |(key, secret): (usize, &SecretKey)| {
        let solver = secret.public();
        let solved = round.solutions.iter().any(|solution| solution.solver.0 == solver);
        let work = work(round.puzzle.into(), round.difficulty, &challenge.0, &solver)?;
        (!solved).then_some((key, work))
    };
    keys.iter().enumerate().filter_map(due).collect()
}

/// What searches, and how fast.
enum Machine {
    Cores { cores: NonZeroUsize, counts: Arc<Counts> },
    Paced(Box<Paced>),
}

impl Machine {
    fn new(effort: Effort, puzzle: Puzzle, tries_per_second: f64, counts: Arc<Counts>) -> Self {
        match effort {
            Effort::Cores(cores) => Self::Cores { cores, counts },
            Effort::Machines { count, budget } => Self::Paced(Box::new(Paced {
                pace: Pace::new(puzzle, tries_per_second * f64::from(count)),
                place: Place::take(budget),
                credit: Credit::default(),
                begun: Instant::now(),
                counts,
            })),
        }
    }

    fn search(&mut self, work: &Work, stopped: &(dyn Fn() -> bool + Sync)) -> Option<Solution> {
        match self {
            Self::Cores { cores, counts } => {
                let trial = search_on_cores(work, 0..u64::MAX, *cores, stopped);
                counts.tries.fetch_add(trial.tries, Ordering::Relaxed);
                trial.solution
            }
            Self::Paced(paced) => paced.search(work, stopped),
        }
    }
}

/// A search at the rate that a round reckons with, within a budget.
struct Paced {
    pace: Pace,
    place: Place,
    credit: Credit,
    begun: Instant,
    counts: Arc<Counts>,
}

impl Paced {
    fn search(&mut self, work: &Work, stopped: &dyn Fn() -> bool) -> Option<Solution> {
        let mut from = 0u64;
        while !stopped() {
            let now = self.begun.elapsed();
            let due = self.pace.due(now);
            self.counts.lost.store(self.pace.lost() as u64, Ordering::Relaxed);
            if due == 0 || !self.credit.is_left(now, self.place.0.share()) {
                std::thread::sleep(Pace::PAUSE);
                continue;
            }
            let to = from.saturating_add(due);
            let mut searcher = self.place.0.searcher();
            let turn = Instant::now();
            let trial = searcher.search(work, from..to, stopped);
            self.credit.spend(turn.elapsed());
            drop(searcher);
            self.pace.made(trial.tries);
            self.counts.tries.fetch_add(trial.tries, Ordering::Relaxed);
            if trial.solution.is_some() {
                return trial.solution;
            }
            from = to;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use muster_ledger::crypto::Hash;

    use super::*;

    fn paced(puzzle: Puzzle, rate: f64, budget: &Arc<Budget>) -> Machine {
        let effort = Effort::Machines { count: 2, budget: budget.clone() };
        Machine::new(effort, puzzle, rate, Arc::new(Counts::default()))
    }

    #[test]
    fn whoever_searches_finds_what_solves_and_ends_when_told() {
        let solver = SecretKey::from_seed([1; 32]).public();
        let cores = || Effort::Cores(NonZeroUsize::new(2).expect("two"));
        let budget = Budget::new(1.0);
        for (puzzle, difficulty) in [(Puzzle::Sha256, 5_000), (Puzzle::Equihash, 1)] {
            let work = work(puzzle, difficulty, &Hash([7; 32]), &solver).expect("difficult");
            let counts = Arc::new(Counts::default());
            let free = Machine::new(cores(), puzzle, 1.0, counts);
            for mut machine in [free, paced(puzzle, 1e6, &budget)] {
                let solution = machine.search(&work, &|| false).expect("there are enough");
                assert_eq!(work.check(&solution), Ok(()));
                assert_eq!(machine.search(&work, &|| true), None);
            }
        }
    }

    #[test]
    fn searches_divide_the_budget_among_them() {
        let budget = Budget::new(0.5);
        assert_eq!(budget.share(), 0.5);
        let (one, two) = (paced(Puzzle::Sha256, 1.0, &budget), paced(Puzzle::Sha256, 1.0, &budget));
        assert_eq!(budget.share(), 0.25);
        drop(one);
        assert_eq!(budget.share(), 0.5);
        drop(two);
    }

    #[test]
    fn what_is_spent_is_at_most_the_share_of_the_time() {
        let (mut credit, mut now, mut spent) = (Credit::default(), Duration::ZERO, Duration::ZERO);
        let step = Duration::from_millis(3);
        while now < Duration::from_secs(30) {
            if credit.is_left(now, 0.2) {
                credit.spend(step);
                spent += step;
                now += step;
            } else {
                now += Pace::PAUSE;
            }
        }
        let share = spent.as_secs_f64() / now.as_secs_f64();
        assert!((0.18..=0.201).contains(&share), "{share}");
        // An hour of rest is not saved up.
        now += Duration::from_secs(3_600);
        assert!(credit.is_left(now, 0.2));
        assert!(credit.seconds <= 0.2 * SAVED_MAX.as_secs_f64());
    }
}
