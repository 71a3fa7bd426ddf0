//! What a presence round is designed for: beliefs, payoffs, a puzzle, and what follows from them.
//!
//! Source: Brandenburger and Steverson, "Using Proof-of-Presence to Coordinate"; the symbols are
//! the paper's. The mathematics is [`muster_mechanism::presence`], the puzzles are those of
//! [`muster_puzzle`].

use borsh::{BorshDeserialize, BorshSerialize};
use muster_mechanism::presence::{
    Beliefs, Game, Outcome, Payoffs, PresenceError, Rate, SOLUTIONS_MAX, Seconds,
};
use muster_puzzle::Work;
pub use muster_puzzle::{Puzzle, Solution};

use crate::crypto::{Hash, PublicKey};
use crate::types::{Real, RoundId};

/// Most players and units of malicious computing power of a design, together.
pub const HEADCOUNT_MAX: usize = 10_000;
/// The least probability, for everybody, that a round is solved: below it the round is refused.
const SOLVED_MIN: f64 = 1e-6;
/// A deadline is at least so many blocks, so that the ledger's clock can tell it.
const DEADLINE_BLOCKS_MIN: u64 = 3;
/// What work is done on begins with this, so that it is good for nothing else.
const WORK_DOMAIN: &[u8; 32] = b"muster presence round, version 1";

/// A belief about a number.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Belief {
    /// The probability of each number from the least on.
    Listed(Vec<Real>),
    /// Poisson's of this mean, given that the number is at most `largest`.
    Poisson {
        /// The mean before it is cut off.
        mean: Real,
        /// The largest number.
        largest: u32,
    },
}

impl Belief {
    /// How many numbers, from `least` on, it says something of.
    fn len(&self, least: u32) -> usize {
        match self {
            Self::Listed(probabilities) => probabilities.len(),
            Self::Poisson { largest, .. } => (*largest as usize + 1).saturating_sub(least as usize),
        }
    }

    /// Natural logarithms of the probabilities, from `least` on; they sum to 1 unless listed.
    fn logarithms(&self, field: &'static str, least: u32) -> Result<Vec<f64>, PresenceError> {
        match self {
            Self::Listed(probabilities) => {
                let positive = |(index, real): (usize, &Real)| match real.get() {
                    value if value > 0.0 => Ok(libm::log(value)),
                    value => Err(PresenceError::Number {
                        field,
                        index: index + least as usize,
                        value,
                        wanted: "a belief needs a positive probability everywhere (full support)",
                    }),
                };
                probabilities.iter().enumerate().map(positive).collect()
            }
            Self::Poisson { mean, .. } => {
                let mean = mean.get();
                if mean.is_nan() || mean <= 0.0 {
                    let wanted = "the mean of a Poisson belief must be positive";
                    return Err(PresenceError::Value { field, value: mean, wanted });
                }
                let mut logarithm = 0.0;
                let terms = (0..self.len(least)).map(|index| {
                    if index > 0 {
                        logarithm += libm::log(mean / (f64::from(least) + index as f64));
                    }
                    logarithm
                });
                let mut logarithms: Vec<f64> = terms.collect();
                let top = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = logarithms.iter().map(|term| libm::exp(term - top)).sum();
                let total = top + libm::log(total);
                logarithms.iter_mut().for_each(|term| *term -= total);
                Ok(logarithms)
            }
        }
    }
}

/// What acting is worth to a player, by the number of players.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Payoff {
    /// `W(1)`, `W(2)` and so on.
    Listed(Vec<Real>),
    /// `W(i) = alone + step (i - 1)`.
    Linear {
        /// `W(1)`.
        alone: Real,
        /// What each further player adds.
        step: Real,
    },
}

/// What a round is opened with.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Design {
    /// p: what a present player believes about the number of players, from 1.
    pub players: Belief,
    /// q: what a present player believes about units of malicious computing power, from 0.
    pub malicious: Belief,
    /// W.
    pub payoff: Payoff,
    /// `W*`: what not acting is worth.
    pub null_payoff: Real,
    /// What must be solved.
    pub puzzle: Puzzle,
    /// How many tries a solution takes on average.
    pub difficulty: u64,
    /// How many tries a second a machine makes.
    pub tries_per_second: Real,
    /// How many solutions count as solved.
    pub solutions: u8,
    /// T, milliseconds; the best where none is given.
    pub deadline_ms: Option<u64>,
}

/// What follows from a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Deadlines {
    /// T: by when the round must be solved, milliseconds after its beginning.
    pub chosen_ms: u64,
    /// T°: the deadline of the highest welfare, rounded down.
    pub best_ms: u64,
    /// `T*`: the largest at which acting upon a solution is an equilibrium, rounded down.
    pub largest_ms: u64,
}

/// What a present player believes of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// With what probability it is solved by its deadline.
    pub acting_probability: f64,
    /// The number of players, from 1.
    pub prior: Vec<f64>,
    /// The same, knowing when it was solved.
    pub posterior: Option<Vec<f64>>,
}

/// Why a design is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DesignError {
    /// The game is none.
    #[error(transparent)]
    Game(#[from] PresenceError),
    /// Too many.
    #[error(
        "{found} players and malicious units are more than the {HEADCOUNT_MAX} that are counted"
    )]
    Headcount {
        /// How many there are.
        found: usize,
    },
    /// `W* >= E_0`.
    #[error(
        "the null payoff, {null}, is not below {limit}, which acting is worth upon a solution at once: no deadline makes anybody act"
    )]
    Impossible {
        /// `W*`.
        null: Real,
        /// `E_0`.
        limit: Real,
    },
    /// `W* <= E_inf`.
    #[error(
        "the null payoff, {null}, is not above {limit}, which acting is worth on average: everybody acts without a puzzle"
    )]
    Unneeded {
        /// `W*`.
        null: Real,
        /// `E_inf`.
        limit: Real,
    },
    /// T is beyond `T*`.
    #[error(
        "a deadline of {chosen_ms} ms is beyond T*, {largest_ms} ms: nobody would act upon a solution"
    )]
    TooLong {
        /// T.
        chosen_ms: u64,
        /// `T*`.
        largest_ms: u64,
    },
    /// T is too short for the ledger's clock.
    #[error(
        "a deadline of {chosen_ms} ms is shorter than three blocks, {least_ms} ms: make the puzzle harder"
    )]
    TooShort {
        /// T.
        chosen_ms: u64,
        /// Three blocks.
        least_ms: u64,
    },
    /// Nobody can solve it.
    #[error(
        "even if everybody comes, the round is solved with a probability below one in a million"
    )]
    Unsolvable,
}

impl Design {
    /// m + n.
    pub fn headcount_max(&self) -> usize {
        self.players.len(1) + self.malicious.len(0).saturating_sub(1)
    }

    /// The game: O(m + n).
    ///
    /// # Errors
    /// What is wrong with beliefs, payoffs or puzzle, with the index that it is wrong at.
    pub fn game(&self) -> Result<Game, DesignError> {
        let found = self.headcount_max();
        if found > HEADCOUNT_MAX {
            return Err(DesignError::Headcount { found });
        }
        let beliefs = match (&self.players, &self.malicious) {
            (Belief::Listed(players), Belief::Listed(malicious)) => {
                Beliefs::new(numbers(players), numbers(malicious))?
            }
            (players, malicious) => Beliefs::from_logarithms(
                players.logarithms("players", 1)?,
                malicious.logarithms("malicious", 0)?,
            )?,
        };
        let acting = match &self.payoff {
            Payoff::Listed(payoffs) => numbers(payoffs),
            Payoff::Linear { alone, step } => {
                let others = (0..beliefs.players_max()).map(|others| others as f64);
                others.map(|others| alone.get() + step.get() * others).collect()
            }
        };
        let payoffs = Payoffs::new(acting, self.null_payoff.get())?;
        let rate = Rate::per_second(self.tries_per_second.get() / self.difficulty as f64)?;
        Ok(Game::new(beliefs, payoffs, rate)?.with_solutions(u32::from(self.solutions))?)
    }

    /// Checks everything, and computes `T*` and T°.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn deadlines(&self, block_time_ms: u64) -> Result<Deadlines, DesignError> {
        let game = self.game()?;
        let null = self.null_payoff;
        let (largest, best) = match game.solve() {
            Outcome::Deadline { maximum, best, .. } => (maximum, best),
            Outcome::Impossible => {
                let limit = Real::nearest(game.payoff_at_zero());
                return Err(DesignError::Impossible { null, limit });
            }
            Outcome::Unneeded { .. } => {
                let limit = Real::nearest(game.payoff_at_infinity());
                return Err(DesignError::Unneeded { null, limit });
            }
        };
        let (largest_ms, best_ms) = (milliseconds(largest), milliseconds(best));
        let chosen_ms = self.deadline_ms.unwrap_or(best_ms);
        if chosen_ms > largest_ms {
            return Err(DesignError::TooLong { chosen_ms, largest_ms });
        }
        let least_ms = block_time_ms.saturating_mul(DEADLINE_BLOCKS_MIN);
        if chosen_ms < least_ms {
            return Err(DesignError::TooShort { chosen_ms, least_ms });
        }
        let chosen = Seconds::new(chosen_ms as f64 / 1_000.0)?;
        if game.solved_probability_largest(chosen) < SOLVED_MIN {
            return Err(DesignError::Unsolvable);
        }
        Ok(Deadlines { chosen_ms, best_ms, largest_ms })
    }

    /// What a present player believes of a round of this design by a deadline, and once it was
    /// solved so many milliseconds after its beginning: O(m + n).
    ///
    /// # Errors
    /// As [`Design::game`].
    pub fn outlook(
        &self,
        chosen_ms: u64,
        solved_after_ms: Option<u64>,
    ) -> Result<Outlook, DesignError> {
        let game = self.game()?;
        // What was solved in the block that began it took less than the clock can tell.
        let after = |ms: u64| Seconds::new(ms.max(1) as f64 / 1_000.0);
        let posterior = match solved_after_ms {
            Some(ms) => Some(game.players_given_solution(after(ms)?)),
            None => None,
        };
        let acting_probability = game.solved_probability(after(chosen_ms)?);
        Ok(Outlook { acting_probability, prior: game.beliefs().players().to_vec(), posterior })
    }

    /// What can be said of it at a glance.
    ///
    /// # Errors
    /// Too many numbers, no difficulty, or a number of solutions that is not counted.
    pub fn check_form(&self) -> Result<(), DesignError> {
        let found = self.headcount_max();
        if found > HEADCOUNT_MAX {
            return Err(DesignError::Headcount { found });
        }
        let value =
            |field, value, wanted| Err(PresenceError::Value { field, value, wanted }.into());
        if self.difficulty == 0 {
            return value("difficulty", 0.0, "a solution must take at least one try");
        }
        if !(1..=SOLUTIONS_MAX).contains(&u32::from(self.solutions)) {
            let found = f64::from(self.solutions);
            return value("solutions", found, "the number of solutions must be from 1 to 32");
        }
        Ok(())
    }
}

/// The challenge of a round: of the chain, its number, and the block in which it was opened, whose
/// hash nobody knows before.
pub fn challenge(chain: &Hash, round: RoundId, opened_in: &Hash) -> Hash {
    crate::crypto::hash("presence challenge", &[&chain.0, &round.0.to_le_bytes(), &opened_in.0])
}

/// What one key has to solve in a round of this challenge; nothing where a solution takes no tries,
/// of which no round can be opened.
pub fn work(puzzle: Puzzle, difficulty: u64, challenge: &Hash, solver: &PublicKey) -> Option<Work> {
    Work::new(puzzle, difficulty, *WORK_DOMAIN, challenge.0, solver.0).ok()
}

fn numbers(reals: &[Real]) -> Vec<f64> {
    reals.iter().map(|real| real.get()).collect()
}

/// Rounded down, so that what is at most the number in milliseconds is at most it in seconds.
fn milliseconds(seconds: Seconds) -> u64 {
    // Saturates; beyond any deadline that is allowed.
    (seconds.get() * 1_000.0) as u64
}
