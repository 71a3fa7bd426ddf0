//! Faults built into honest nodes are found, each within a stated number of seeds.

use muster_simulation::mutation::Mutation;
use muster_simulation::run::{run, shorten};

use crate::runs;

/// Seeds within which each fault is found.
const WITHIN: [(Mutation, u64); 8] = [
    (Mutation::LogNotSynced, 100),
    (Mutation::LogForgotten, 100),
    (Mutation::ProposalsNotSynced, 100),
    (Mutation::DecisionsNotSynced, 100),
    (Mutation::QuorumOfOneThird, 100),
    (Mutation::ValidityIgnored, 100),
    (Mutation::CertificatesUnchecked, 300),
    (Mutation::SignaturesUnchecked, 100),
];

#[test]
fn every_fault_that_is_built_in_is_found() {
    assert_eq!(WITHIN.map(|(mutation, _)| mutation), Mutation::ALL);
    for (mutation, seeds) in WITHIN {
        let reports = runs(0, seeds, Some(mutation), |report| report.violation.is_some());
        let found = reports.iter().find(|report| report.violation.is_some());
        let found = found.unwrap_or_else(|| panic!("{mutation:?} is not found in {seeds} seeds"));
        if mutation == Mutation::LogForgotten {
            // A shortened plan still fails, with fewer things that go wrong.
            let kept = shorten(&found.plan, Some(mutation));
            let shorter = found.plan.keep(&kept);
            assert!(shorter.faults.len() <= found.plan.faults.len());
            assert!(run(shorter, Some(mutation), false).violation.is_some());
        }
    }
}
