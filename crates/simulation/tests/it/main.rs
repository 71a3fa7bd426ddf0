//! Seeds that hold, seeds that repeat themselves, and faults that are found.

mod mutations;
mod seeds;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_simulation::mutation::Mutation;
use muster_simulation::plan::Plan;
use muster_simulation::run::{Report, run};

/// How many runs go on at once.
const THREADS: usize = 2;

/// Runs the seeds from `first`, in order as far as threads go, until `enough` says so.
fn runs(
    first: u64,
    count: u64,
    mutation: Option<Mutation>,
    enough: impl Fn(&Report) -> bool + Sync,
) -> Vec<Report> {
    let next = AtomicU64::new(first);
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let report = run(Plan::new(seed), mutation, false);
                    if enough(&report) {
                        next.store(first + count, Ordering::Relaxed);
                    }
                    reports.lock().expect("no run fails a thread").push(report);
                }
            });
        }
    });
    let mut reports = reports.into_inner().expect("no run fails a thread");
    reports.sort_by_key(|report| report.plan.seed);
    reports
}
