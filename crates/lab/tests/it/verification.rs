//! Every experiment on verification at the quick scale: a verdict that changes fails here.

use muster_lab::experiment::Verdict::{self, Agrees, Answered};

use super::support::{self, quick};

#[track_caller]
fn check(name: &str, expected: &[Verdict]) {
    support::check(name, &quick(1), expected);
}

#[test]
fn the_tables_of_the_paper_are_met() {
    check("verification-tables", &[Agrees; 4]);
}

#[test]
fn a_margin_tolerates_dishonest_proofs_and_none_tolerates_none() {
    check("verification-figure-2", &[Agrees; 3]);
}

#[test]
fn a_wrong_prior_leaves_the_design_aligned_and_cheap() {
    check("verification-appendix-13", &[Agrees; 5]);
}

#[test]
fn every_theorem_holds_on_random_instances() {
    check("verification-theorems", &[Agrees; 12]);
}

#[test]
fn small_parties_gain_nothing_unless_they_share_what_they_see() {
    check("verification-collusion", &[Agrees; 4]);
}

#[test]
fn one_identity_earns_most_by_honesty_and_several_save_looks() {
    check("verification-sybil", &[Agrees, Answered, Answered]);
}

#[test]
fn detection_has_a_least_cost() {
    check("verification-frontier", &[Answered; 4]);
}

#[test]
fn decisions_err_as_often_as_was_enumerated() {
    check("verification-decision", &[Agrees, Answered, Answered]);
}
