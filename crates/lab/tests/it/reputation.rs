//! The reputation experiments at quick scale: what they say of the papers' claims.

use std::path::PathBuf;

use muster_lab::experiment::Setting;
use muster_lab::experiment::Verdict::{self, Agrees, Answered, Differs};

use super::support::{self, named, quick};

const SEED: u64 = 7;

/// Where the real data lies beside the checkout, if it does.
fn data() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let directory = root.join("../shared/data");
    directory.is_dir().then_some(directory)
}

#[track_caller]
fn check(name: &str, expected: &[Verdict]) {
    let setting = Setting { data: data(), ..quick(SEED) };
    match (named(name).data_file, &setting.data) {
        (Some(file), None) => eprintln!("skipped: {name} needs {file}"),
        _ => support::check(name, &setting, expected),
    }
}

#[test]
fn equilibrium_is_unique_and_decoded() {
    check("reputation-equilibrium", &[Agrees, Agrees, Agrees, Agrees, Answered]);
}

#[test]
fn fresh_users_do_not_disturb() {
    check("reputation-hierarchical", &[Agrees, Agrees, Agrees, Agrees, Answered]);
}

#[test]
fn noise_costs_less_than_the_bound() {
    // Read for each draw, Theorem 7.1 does not hold: its approximation hides a term.
    check("reputation-noisy", &[Agrees, Answered, Answered, Agrees, Differs, Agrees, Agrees]);
}

#[test]
fn lying_does_not_pay() {
    check("reputation-audit", &[Agrees, Agrees, Answered, Agrees, Answered]);
}

#[test]
fn misinformation_tips_where_computed() {
    check("reputation-misinformation", &[Agrees, Answered, Answered, Agrees]);
}

#[test]
fn reputation_follows_drift() {
    check("reputation-repeated", &[Agrees, Agrees, Answered, Answered]);
}

#[test]
fn updates_are_certified() {
    check("reputation-incremental", &[Agrees, Answered, Answered]);
}

#[test]
fn the_best_committee_is_the_safest() {
    check("reputation-committee", &[Agrees, Agrees, Answered, Answered]);
}

#[test]
fn a_real_web_of_trust() {
    check("reputation-bitcoin-otc", &[Answered; 4]);
}
