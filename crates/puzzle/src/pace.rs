//! A search that is held to a rate, so that one machine counts as one however fast it is.

use std::time::Duration;

use crate::Puzzle;

/// How far a machine that was busy with something else may catch up.
const CATCH_UP: Duration = Duration::from_secs(2);

/// How many tries are due. Nothing here reads a clock: the time since the search began is passed
/// in.
///
/// ```
/// use std::time::Duration;
/// use muster_puzzle::{Pace, Puzzle};
/// let mut pace = Pace::new(Puzzle::Sha256, 1_000.0);
/// assert_eq!(pace.due(Duration::ZERO), 0);
/// assert_eq!(pace.due(Duration::from_millis(50)), 10);
/// pace.made(60);
/// assert_eq!(pace.due(Duration::from_millis(50)), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Pace {
    tries_per_second: f64,
    step: u64,
    /// From when on tries are counted.
    begun: Duration,
    made: f64,
    lost: f64,
}

impl Pace {
    /// How long to wait where nothing is due.
    pub const PAUSE: Duration = Duration::from_millis(10);

    /// So many tries a second of a puzzle.
    pub fn new(puzzle: Puzzle, tries_per_second: f64) -> Self {
        let step = match puzzle {
            // As many as are due between two looks, so that a slow rate is as even as a fast one.
            Puzzle::Sha256 => {
                (tries_per_second * Self::PAUSE.as_secs_f64()).clamp(1.0, 65_536.0) as u64
            }
            Puzzle::Equihash => 1,
        };
        Self { tries_per_second, step, begun: Duration::ZERO, made: 0.0, lost: 0.0 }
    }

    /// How many tries to make now; none before their time has passed, so that a slow machine does
    /// not begin with one that it would have made at last. What it did not make within two seconds
    /// is lost.
    pub fn due(&mut self, now: Duration) -> u64 {
        let owed = self.tries_per_second * now.saturating_sub(self.begun).as_secs_f64() - self.made;
        let step = self.step as f64;
        if owed < step {
            return 0;
        }
        if owed > step + self.tries_per_second * CATCH_UP.as_secs_f64() {
            self.lost += owed;
            (self.begun, self.made) = (now, 0.0);
        }
        self.step
    }

    /// So many tries were made.
    pub fn made(&mut self, tries: u64) {
        self.made += tries as f64;
    }

    /// How many tries were due and were not made.
    pub fn lost(&self) -> f64 {
        self.lost
    }
}
