//! The reputation experiments at quick scale: what they say of the papers' claims.

use std::path::PathBuf;

use muster_lab::experiment::{Setting, Verdict};

use super::support::{quick, report};

const SEED: u64 = 7;

/// Where the real data lies beside the checkout, if it does.
fn data() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let directory = root.join("../shared/data");
    directory.is_dir().then_some(directory)
}

/// The verdicts on all findings of one experiment, in order.
fn verdicts(name: &str) -> Option<Vec<Verdict>> {
    let setting = Setting { data: data(), ..quick(SEED) };
    let file = muster_lab::all().iter().find(|e| e.name() == name).and_then(|e| e.data_file());
    if let (Some(file), None) = (file, &setting.data) {
        eprintln!("skipped: {name} needs {file}");
        return None;
    }
    let report = report(name, &setting);
    for finding in &report.findings {
        eprintln!("{:?}: {}\n    {}", finding.verdict, finding.claim, finding.measured);
        let words = finding.measured.split(|c: char| !c.is_alphanumeric());
        let undefined = words.into_iter().any(|word| word == "NaN" || word == "inf");
        assert!(!undefined, "{name}: {}", finding.measured);
    }
    Some(report.findings.iter().map(|finding| finding.verdict).collect())
}

use Verdict::{Agrees, Answered, Differs};

#[test]
fn equilibrium_is_unique_and_decoded() {
    assert_eq!(
        verdicts("reputation-equilibrium"),
        Some(vec![Agrees, Agrees, Agrees, Agrees, Answered])
    );
}

#[test]
fn fresh_users_do_not_disturb() {
    let wanted = vec![Agrees, Agrees, Agrees, Agrees, Answered];
    assert_eq!(verdicts("reputation-hierarchical"), Some(wanted));
}

#[test]
fn noise_costs_less_than_the_bound() {
    // Read for each draw, Theorem 7.1 does not hold: its approximation hides a term.
    let wanted = vec![Agrees, Answered, Answered, Agrees, Differs, Agrees, Agrees];
    assert_eq!(verdicts("reputation-noisy"), Some(wanted));
}

#[test]
fn lying_does_not_pay() {
    let wanted = vec![Agrees, Agrees, Answered, Agrees, Answered];
    assert_eq!(verdicts("reputation-audit"), Some(wanted));
}

#[test]
fn misinformation_tips_where_computed() {
    let wanted = vec![Agrees, Answered, Answered, Agrees];
    assert_eq!(verdicts("reputation-misinformation"), Some(wanted));
}

#[test]
fn reputation_follows_drift() {
    let wanted = vec![Agrees, Agrees, Answered, Answered];
    assert_eq!(verdicts("reputation-repeated"), Some(wanted));
}

#[test]
fn updates_are_certified() {
    let wanted = vec![Agrees, Answered, Answered];
    assert_eq!(verdicts("reputation-incremental"), Some(wanted));
}

#[test]
fn the_best_committee_is_the_safest() {
    let wanted = vec![Agrees, Agrees, Answered, Answered];
    assert_eq!(verdicts("reputation-committee"), Some(wanted));
}

#[test]
fn a_real_web_of_trust() {
    if let Some(verdicts) = verdicts("reputation-bitcoin-otc") {
        assert_eq!(verdicts, vec![Answered; 4]);
    }
}
