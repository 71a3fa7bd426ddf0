//! Every experiment on the market at the quick scale: a verdict that changes fails here.

use muster_lab::experiment::{Experiment, Finding, Scale, Setting, Table, Verdict};
use muster_lab::market::EXPERIMENTS;
use rayon::prelude::*;

use Verdict::{Agrees, Answered, Differs};

fn findings(name: &str) -> Vec<Finding> {
    let experiment = EXPERIMENTS.iter().find(|experiment| experiment.name() == name);
    let experiment: &dyn Experiment = *experiment.expect("an experiment of this name");
    let setting = Setting { scale: Scale::Quick, seed: 1, data: None };
    let cells: Vec<_> = (0..experiment.cells(&setting))
        .into_par_iter()
        .map(|index| experiment.cell(&setting, index).expect("a cell"))
        .collect();
    let rows = cells.concat();
    let columns: Vec<String> = experiment.columns().iter().map(|&name| name.to_owned()).collect();
    assert!(rows.iter().all(|row| row.len() == columns.len()), "{name}: a row's length");
    let report = experiment.report(&setting, &Table { columns, rows }).expect("a report");
    assert!(!report.figures.is_empty(), "{name}: no figure");
    report.findings
}

fn check(name: &str, expected: &[Verdict]) {
    let findings = findings(name);
    let found: Vec<Verdict> = findings.iter().map(|finding| finding.verdict).collect();
    assert_eq!(found, expected, "{name}: {findings:#?}");
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
fn pay_per_peer_keeps_proportions() {
    check("market-emission", &[Agrees, Answered, Agrees]);
}
