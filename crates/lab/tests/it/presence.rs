//! Every experiment on presence at the quick scale: what it says today, it must go on saying.

use muster_lab::experiment::Verdict;

use super::support::{quick, report};

#[track_caller]
fn check(name: &str, expected: &[Verdict]) {
    let report = report(name, &quick(1));
    let found = report.findings.iter().map(|finding| finding.verdict).collect::<Vec<_>>();
    assert_eq!(found, expected, "{:#?}", report.findings);
}

#[test]
fn what_the_papers_claim_of_presence() {
    use Verdict::{Agrees, Answered, Differs};
    check("presence-figure-1", &[Agrees; 3]);
    check("presence-propositions", &[Agrees, Agrees, Agrees, Agrees, Answered]);
    check("presence-race", &[Agrees; 2]);
    // Unequal rates do change the picture: a fast solution may tell of one fast machine.
    check("presence-unequal-rates", &[Differs, Answered, Agrees]);
    check("presence-joint-beliefs", &[Agrees, Agrees, Answered]);
}

#[test]
fn what_the_papers_leave_open_of_presence() {
    use Verdict::{Agrees, Answered};
    check("presence-best-deadline", &[Answered, Agrees, Answered, Answered]);
    check("presence-solutions", &[Answered; 2]);
    check("presence-prize", &[Answered; 3]);
}
