//! Runs seeds: `simulate --seeds 10000`, or one again: `simulate --seed 17 --trace`.
#![allow(clippy::print_stdout, reason = "what it finds is its result")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use muster_simulation::mutation::Mutation;
use muster_simulation::plan::Plan;
use muster_simulation::run::{Report, run, shorten};
use muster_simulation::trace::Tally;

/// How often it says how far it is, seconds.
const PROGRESS_SECONDS: u64 = 10;

/// Simulates validators with everything that goes wrong, by seeds.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed: goes on where another run ended.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Runs this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Keeps only these faults of the seed's plan, by their place.
    #[arg(long, value_delimiter = ',', requires = "seed")]
    keep: Option<Vec<usize>>,
    /// Prints the seed's plan and every event.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Builds a fault into the honest nodes, to see how it is found.
    #[arg(long)]
    mutation: Option<Mutation>,
    /// How many seeds run at once.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    }
}

fn one(seed: u64, arguments: &Arguments) -> ExitCode {
    let plan = Plan::new(seed);
    let plan = arguments.keep.as_ref().map_or_else(|| plan.clone(), |places| plan.keep(places));
    if arguments.trace {
        for (place, fault) in plan.faults.iter().enumerate() {
            println!("fault {place}: {fault}");
        }
    }
    let report = run(plan, arguments.mutation, arguments.trace);
    report.lines.iter().for_each(|line| println!("{line}"));
    println!("{report}");
    if report.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn many(arguments: &Arguments) -> ExitCode {
    let begin = Instant::now();
    let (next, end) = (AtomicU64::new(arguments.start), arguments.start + arguments.seeds);
    let failures = Mutex::new(BTreeMap::<u64, Report>::new());
    let tally = Mutex::new(Tally::default());
    let totals = [(); 3].map(|()| AtomicU64::new(0));
    let said = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let report = run(Plan::new(seed), arguments.mutation, false);
                    for (total, value) in
                        totals.iter().zip([1, report.height, report.virtual_ms / 1_000])
                    {
                        total.fetch_add(value, Ordering::Relaxed);
                    }
                    let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    *tally = tally.and(report.tally);
                    drop(tally);
                    if report.violation.is_some() {
                        eprintln!("{report}");
                        let mut failures =
                            failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        failures.insert(seed, report);
                    }
                    let elapsed = begin.elapsed().as_secs() / PROGRESS_SECONDS;
                    if said.fetch_max(elapsed, Ordering::Relaxed) < elapsed {
                        let done = totals[0].load(Ordering::Relaxed);
                        eprintln!(
                            "{done} of {} seeds; go on from here with --start {seed}",
                            arguments.seeds
                        );
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let tally = tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let [runs, heights, seconds] = totals.map(AtomicU64::into_inner);
    println!(
        "{runs} seeds from {}, {heights} blocks, {seconds} virtual seconds, in {:.0} s: {} broken",
        arguments.start,
        begin.elapsed().as_secs_f64(),
        failures.len()
    );
    println!("{tally}");
    for (seed, report) in &failures {
        let kept = shorten(&report.plan, arguments.mutation);
        let kept = kept.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        println!("replay: cargo xtask simulate --seed {seed} --keep {kept} --trace");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
