//! Every experiment on presence at the quick scale: what it says today, it must go on saying.

use muster_lab::experiment::Verdict::{self, Agrees, Answered, Differs};

use super::support::{self, quick};

#[track_caller]
fn check(name: &str, expected: &[Verdict]) {
    support::check(name, &quick(1), expected);
}

#[test]
fn what_the_papers_claim_of_presence() {
    check("presence-figure-1", &[Agrees; 3]);
    check("presence-propositions", &[Agrees, Agrees, Agrees, Agrees, Answered]);
    check("presence-race", &[Agrees; 2]);
    // Unequal rates do change the picture: a fast solution may tell of one fast machine.
    check("presence-unequal-rates", &[Differs, Answered, Agrees]);
    check("presence-joint-beliefs", &[Agrees, Agrees, Answered]);
}

#[test]
fn what_the_papers_leave_open_of_presence() {
    check("presence-best-deadline", &[Answered, Agrees, Answered, Answered]);
    check("presence-solutions", &[Answered; 2]);
    check("presence-prize", &[Answered; 3]);
}
