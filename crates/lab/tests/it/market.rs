//! Every experiment on the market at the quick scale: a verdict that changes fails here.

use muster_lab::experiment::Verdict::{self, Agrees, Answered, Differs};

use super::support::{self, quick};

#[track_caller]
fn check(name: &str, expected: &[Verdict]) {
    support::check(name, &quick(1), expected);
}

#[test]
fn two_parties_agree_to_the_last_digit() {
    check("market-two-party", &[Agrees]);
}

#[test]
fn the_cabal_of_a_hundred_decays_and_the_listing_sums_five_of_it() {
    check("market-cabal-network", &[Agrees, Differs]);
}

#[test]
fn scaling_makes_a_majority_where_there_is_none() {
    check("market-three-way", &[Agrees, Answered, Answered]);
}

#[test]
fn competition_finds_ranks_that_correlate_weakly() {
    check("market-competitive-ranks", &[Agrees, Differs, Agrees, Answered]);
}

#[test]
fn a_gradient_step_has_no_regret_beside_steps_of_its_length() {
    check("market-zero-regret", &[Agrees, Differs]);
}

#[test]
fn copying_pays_where_skills_do_not_change() {
    check("market-weight-copying", &[Answered, Differs, Answered]);
}

#[test]
fn leaks_give_cabals_the_market() {
    check("market-cabal-map", &[Agrees, Differs, Answered]);
}

#[test]
fn the_networks_rule_is_the_one_that_the_map_supports() {
    check("market-rules-map", &[Agrees, Answered, Answered]);
}

#[test]
fn clipping_twice_needs_a_threshold_to_spare_honest_minorities() {
    check("market-minorities", &[Answered, Differs, Agrees, Answered]);
}

#[test]
fn pay_per_peer_keeps_proportions() {
    check("market-emission", &[Agrees, Answered, Agrees]);
}
