//! Every experiment on verification at the quick scale: its findings must not change unnoticed.

use muster_lab::experiment::{Report, Scale, Setting, Table, Verdict};
use muster_lab::verification::EXPERIMENTS;

/// All cells of an experiment, and its report.
fn run(name: &str) -> Report {
    let setting = Setting { scale: Scale::Quick, seed: 1, data: None };
    let experiment = EXPERIMENTS.iter().find(|e| e.name() == name).expect("listed");
    let columns: Vec<String> = experiment.columns().iter().map(|&c| c.to_owned()).collect();
    let mut rows = Vec::new();
    for index in 0..experiment.cells(&setting) {
        for row in experiment.cell(&setting, index).expect("a cell of its own") {
            assert_eq!(row.len(), columns.len(), "{name}, cell {index}");
            rows.push(row);
        }
    }
    experiment.report(&setting, &Table { columns, rows }).expect("all rows")
}

/// Fails unless exactly the claims that begin with `differing` are contradicted.
#[track_caller]
fn check(name: &str, findings: usize, differing: &[&str]) {
    let report = run(name);
    assert_eq!(report.findings.len(), findings);
    assert!(!report.figures.is_empty());
    for finding in &report.findings {
        let expected = differing.iter().any(|claim| finding.claim.starts_with(claim));
        let differs = finding.verdict == Verdict::Differs;
        assert_eq!(differs, expected, "{}: {}", finding.claim, finding.measured);
    }
}

#[test]
fn tables() {
    check("verification-tables", 4, &[]);
}

#[test]
fn figure_2() {
    check("verification-figure-2", 3, &[]);
}

#[test]
fn appendix_13() {
    check("verification-appendix-13", 5, &[]);
}

#[test]
fn theorems() {
    check("verification-theorems", 12, &[]);
}

#[test]
fn collusion() {
    check("verification-collusion", 4, &[]);
}

#[test]
fn sybil() {
    check("verification-sybil", 3, &[]);
}

#[test]
fn frontier() {
    check("verification-frontier", 4, &[]);
}

#[test]
fn decision() {
    check("verification-decision", 3, &[]);
}
