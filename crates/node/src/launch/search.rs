//! A machine's work in a round: on a thread of its own, at the rate that the round was designed for
//! and no faster, so that one machine counts as one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use muster_launch::{Plan, Solved, Statement};
use muster_ledger::crypto::Hash;
use muster_puzzle::{Pace, Searcher, Work};
use tokio::sync::mpsc;

/// A search that ends when it is dropped.
pub struct Search {
    stop: Arc<AtomicBool>,
}

impl Drop for Search {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Search {
    /// Begins to search; what is found is sent.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        plan: Arc<Plan>,
        openings: Vec<Statement>,
        solver: Hash,
        found: mpsc::UnboundedSender<Solved>,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let run = move || {
            let Some(work) = plan.work(&openings, &solver) else { return };
            let rate = plan.design.tries_per_second.get();
            let stopped = || stopped.load(Ordering::Relaxed);
            search(&work, rate, &stopped, |solution| {
                let solved = Solved { openings: openings.clone(), solver, solution };
                // Nobody listens any more when the round is over.
                let _ = found.send(solved);
            });
        };
        std::thread::Builder::new().name("search".to_owned()).spawn(run)?;
        Ok(Self { stop })
    }
}

/// Searches until it is told to stop, at most `rate` tries a second.
fn search(
    work: &Work,
    rate: f64,
    stopped: &dyn Fn() -> bool,
    mut found: impl FnMut(muster_puzzle::Solution),
) {
    let mut searcher = Searcher::new(work.puzzle());
    let (mut pace, begun) = (Pace::new(work.puzzle(), rate), Instant::now());
    let (mut nonce, mut lost) = (0u64, 0.0);
    while !stopped() {
        let step = pace.due(begun.elapsed());
        if step == 0 {
            std::thread::sleep(Pace::PAUSE);
            continue;
        }
        if pace.lost() > lost {
            lost = pace.lost();
            tracing::warn!("this machine does not make the tries that the round reckons with");
        }
        let trial = searcher.search(work, nonce..nonce.saturating_add(step), stopped);
        pace.made(trial.tries);
        nonce = match trial.solution {
            Some(solution) => {
                let next = solution.nonce.saturating_add(1);
                found(solution);
                next
            }
            None => nonce.saturating_add(step),
        };
    }
}
