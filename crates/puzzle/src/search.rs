//! Looks for solutions: on one core, or on several.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::equihash::Solver;
use crate::sha256::{self, Tries};
use crate::{Puzzle, Solution, Work};

/// Tries of `sha256` between two looks whether to stop: a fifth of a millisecond.
const BATCH: u64 = 1 << 12;

/// What came of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// A solution, if one was found.
    pub solution: Option<Solution>,
    /// How many tries were made.
    pub tries: u64,
}

/// One core that searches, with the memory that it does so in.
pub struct Searcher {
    solver: Option<Box<Solver>>,
}

impl Searcher {
    /// Takes the memory that a puzzle needs, [`Puzzle::memory_bytes`].
    pub fn new(puzzle: Puzzle) -> Self {
        let solver = match puzzle {
            Puzzle::Sha256 => None,
            Puzzle::Equihash => Some(Box::new(Solver::new())),
        };
        Self { solver }
    }

    /// Tries numbers one after another until one solves the work, none is left, or `stop` says so.
    /// The same numbers give the same solution.
    pub fn search(&mut self, work: &Work, nonces: Range<u64>, stop: &dyn Fn() -> bool) -> Trial {
        match work.puzzle() {
            Puzzle::Sha256 => search_sha256(work, nonces, stop),
            Puzzle::Equihash => {
                let solver = self.solver.get_or_insert_with(|| Box::new(Solver::new()));
                search_equihash(solver, work, nonces, stop)
            }
        }
    }
}

fn search_sha256(work: &Work, nonces: Range<u64>, stop: &dyn Fn() -> bool) -> Trial {
    let mut tries = Tries::new(&work.message(0), work.target());
    let mut from = nonces.start;
    while from < nonces.end && !stop() {
        let to = nonces.end.min(from.saturating_add(BATCH));
        if let Some(nonce) = tries.first(from..to) {
            let solution = Some(Solution { nonce, proof: Vec::new() });
            return Trial { solution, tries: nonce - nonces.start + 1 };
        }
        from = to;
    }
    Trial { solution: None, tries: from.saturating_sub(nonces.start) }
}

fn search_equihash(
    solver: &mut Solver,
    work: &Work,
    nonces: Range<u64>,
    stop: &dyn Fn() -> bool,
) -> Trial {
    let mut tries = 0;
    for nonce in nonces {
        let message = work.message(nonce);
        let Some(proofs) = solver.run(&message, stop) else { break };
        for proof in proofs {
            tries += 1;
            if work.is_met_by(sha256::head(&message, &proof)) {
                return Trial { solution: Some(Solution { nonce, proof }), tries };
            }
        }
    }
    Trial { solution: None, tries }
}

/// The same on several cores, each of which takes the next numbers when it is done with its own.
/// All end when one has found a solution; which one that is depends on the machine.
pub fn search_on_cores(
    work: &Work,
    nonces: Range<u64>,
    cores: NonZeroUsize,
    stop: &(dyn Fn() -> bool + Sync),
) -> Trial {
    let step = match work.puzzle() {
        Puzzle::Sha256 => BATCH,
        Puzzle::Equihash => 1,
    };
    let (next, found) = (AtomicU64::new(nonces.start), AtomicBool::new(false));
    let total = Mutex::new(Trial::default());
    let stopped = || found.load(Ordering::Relaxed) || stop();
    let core = || {
        let mut searcher = Searcher::new(work.puzzle());
        while !stopped() {
            let from = next.fetch_add(step, Ordering::Relaxed);
            if from >= nonces.end {
                break;
            }
            let to = nonces.end.min(from.saturating_add(step));
            let trial = searcher.search(work, from..to, &stopped);
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.tries += trial.tries;
            if total.solution.is_none() && trial.solution.is_some() {
                total.solution = trial.solution;
                found.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        (0..cores.get()).for_each(|_| {
            scope.spawn(core);
        });
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}
