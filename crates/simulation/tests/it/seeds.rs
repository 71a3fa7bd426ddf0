//! Every rule holds in every seed, and a seed gives the same events again.

use std::collections::BTreeSet;

use muster_simulation::plan::{Fault, Plan};
use muster_simulation::run::run;
use muster_simulation::trace::Tally;

use crate::runs;

/// How many seeds the ordinary tests run; `cargo xtask simulate` runs more.
const SEEDS: u64 = 200;

#[test]
fn every_rule_holds_in_every_seed() {
    let reports = runs(0, SEEDS, None, |_| false);
    assert_eq!(reports.len() as u64, SEEDS);
    let broken: Vec<String> = reports
        .iter()
        .filter(|report| report.violation.is_some())
        .map(|report| {
            format!("{report}\n  replay: cargo xtask simulate --seed {} --trace", report.plan.seed)
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    // The seeds do what they are for: blocks are decided, and every kind of fault was there.
    let blocks: u64 = reports.iter().map(|report| report.height).sum();
    assert!(blocks > 5 * SEEDS, "{blocks}");
    let tally = reports.iter().fold(Tally::default(), |sum, report| sum.and(report.tally));
    let Tally { restarts, replayed, synced, rounds, dishonest, transactions } = tally;
    let least = [restarts, replayed, synced, rounds, dishonest, transactions].into_iter().min();
    assert!(least >= Some(SEEDS), "{tally}");
    let kinds: BTreeSet<_> = reports
        .iter()
        .flat_map(|report| {
            report.plan.faults.iter().map(std::mem::discriminant::<Fault>).map(|d| format!("{d:?}"))
        })
        .collect();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
}

/// Seeds beyond the first that once broke a rule.
#[test]
fn what_was_mended_stays_mended() {
    // A node lost power between the two steps in which the engine begins the log of a height.
    for seed in [740, 2209, 3910] {
        let report = run(Plan::new(seed), None, false);
        assert!(report.violation.is_none(), "{report}");
    }
}

#[test]
fn a_seed_gives_the_same_events_again() {
    for seed in [1, 2, 3, 5, 8, 13, 21, 34] {
        let [first, second] = [(); 2].map(|()| run(Plan::new(seed), None, true));
        let differ = first.lines.iter().zip(&second.lines).find(|(a, b)| a != b);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!((first.events, first.digest), (second.events, second.digest), "seed {seed}");
        assert!(first.events > 1_000);
    }
}
