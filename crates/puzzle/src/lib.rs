//! Puzzles whose solutions tell how much computing power is at work: what a solution is, how it is
//! checked, and how it is looked for.
//!
//! A solver makes *tries*, each of which solves the puzzle with a probability of one in
//! [`Work::difficulty`], whatever was tried before: solutions come as a Poisson process, which is
//! what proof-of-presence rests on (Brandenburger and Steverson, Section II). What a try is depends
//! on the puzzle:
//!
//! | puzzle | a try | memory | a check |
//! |---|---|---|---|
//! | `sha256` | one SHA-256 | none | one SHA-256 |
//! | `equihash` | one solution of Equihash 120, 5 | 137 MB a core | one SHA-256, 32 strings |
//!
//! Why these two, and what the others cost, stands in docs/adr/0018-puzzles.md.
//!
//! Nothing here knows a clock, a network or a random source; a search begins where it is told to,
//! and ends at once when it is told to.
//!
//! ```
//! use muster_puzzle::{Puzzle, Searcher, Work};
//! let domain = *b"an example of what is worked on.";
//! let work = Work::new(Puzzle::Sha256, 1_000, domain, [1; 32], [2; 32])?;
//! let found = Searcher::new(work.puzzle()).search(&work, 0..u64::MAX, &|| false);
//! let solution = found.solution.expect("there are solutions enough");
//! assert!(work.check(&solution).is_ok());
//! # Ok::<(), muster_puzzle::Refusal>(())
//! ```

mod equihash;
mod pace;
mod search;
mod sha256;

use borsh::{BorshDeserialize, BorshSerialize};

pub use pace::Pace;
pub use search::{Searcher, Trial, search_on_cores};
pub use sha256::MESSAGE_BYTES;

/// Bytes that are the same in all tries of one work.
const PREFIX_BYTES: usize = MESSAGE_BYTES - 8;
/// Most bytes of a proof, of any puzzle.
pub const PROOF_BYTES_MAX: usize = equihash::PROOF_BYTES;

/// What work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum Puzzle {
    /// SHA-256 of the message: the cheapest to check, and done best by machines made for it.
    Sha256,
    /// Equihash (Biryukov and Khovratovich 2016) with n = 120 and k = 5: bound by memory, so that
    /// machines differ less.
    Equihash,
}

impl Puzzle {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Equihash];

    /// Its name, for people and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Equihash => "equihash",
        }
    }

    /// The puzzle of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|puzzle| puzzle.name() == name)
    }

    /// Bytes of memory that one core searches in.
    pub fn memory_bytes(self) -> usize {
        match self {
            Self::Sha256 => 0,
            Self::Equihash => equihash::MEMORY_BYTES,
        }
    }

    /// Bytes of a proof.
    pub fn proof_bytes(self) -> usize {
        match self {
            Self::Sha256 => 0,
            Self::Equihash => equihash::PROOF_BYTES,
        }
    }
}

/// What is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    puzzle: Puzzle,
    difficulty: u64,
    prefix: [u8; PREFIX_BYTES],
}

/// What was found: small, and checked in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Solution {
    /// The number that was tried.
    pub nonce: u64,
    /// What shows that it solves the puzzle; empty for `sha256`.
    pub proof: Vec<u8>,
}

/// Why something is no solution, or cannot be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A work of no tries.
    #[error("a solution must take at least one try on average")]
    NoDifficulty,
    /// The proof has another length than the puzzle's.
    #[error("the proof has {found} bytes, those of this puzzle have {wanted}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there must be.
        wanted: usize,
    },
    /// One of all those tries that solve nothing.
    #[error("the digest is not among one in {difficulty}")]
    Difficulty {
        /// What it is not worth.
        difficulty: u64,
    },
    /// The numbers in the proof are none that Equihash asks for.
    #[error("the proof does not solve Equihash for this number")]
    Proof,
}

impl Work {
    /// Work of `difficulty` tries on average on a `challenge` that nobody knew before, by and for
    /// `solver`; `domain` keeps it apart from all other work.
    ///
    /// # Errors
    /// [`Refusal::NoDifficulty`].
    pub fn new(
        puzzle: Puzzle,
        difficulty: u64,
        domain: [u8; 32],
        challenge: [u8; 32],
        solver: [u8; 32],
    ) -> Result<Self, Refusal> {
        if difficulty == 0 {
            return Err(Refusal::NoDifficulty);
        }
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..32].copy_from_slice(&domain);
        prefix[32..64].copy_from_slice(&challenge);
        prefix[64..].copy_from_slice(&solver);
        Ok(Self { puzzle, difficulty, prefix })
    }

    /// What has to be solved.
    pub fn puzzle(&self) -> Puzzle {
        self.puzzle
    }

    /// How many tries a solution takes on average.
    pub fn difficulty(&self) -> u64 {
        self.difficulty
    }

    /// What a number is tried with. Only the last eight bytes change, so that a search hashes the
    /// first 64 once.
    pub fn message(&self, nonce: u64) -> [u8; MESSAGE_BYTES] {
        let mut message = [0; MESSAGE_BYTES];
        message[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        message[PREFIX_BYTES..].copy_from_slice(&nonce.to_le_bytes());
        message
    }

    /// Checks a solution, what is cheapest first: the length, one SHA-256, and then what is special
    /// to the puzzle. So junk that cost no work costs one hash to refuse.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, solution: &Solution) -> Result<(), Refusal> {
        let (found, wanted) = (solution.proof.len(), self.puzzle.proof_bytes());
        if found != wanted {
            return Err(Refusal::Length { found, wanted });
        }
        let message = self.message(solution.nonce);
        if !self.is_met_by(sha256::head(&message, &solution.proof)) {
            return Err(Refusal::Difficulty { difficulty: self.difficulty });
        }
        match self.puzzle {
            Puzzle::Sha256 => Ok(()),
            Puzzle::Equihash if equihash::is_solution(&message, &solution.proof) => Ok(()),
            Puzzle::Equihash => Err(Refusal::Proof),
        }
    }

    /// Whether the first 16 bytes of a digest, big-endian, are at most `2^128 / difficulty`.
    fn is_met_by(&self, head: u128) -> bool {
        head <= self.target()
    }

    /// The largest head of a digest that solves it.
    fn target(&self) -> u128 {
        u128::MAX / u128::from(self.difficulty)
    }
}
