//! Every experiment on verification at the quick scale: its findings must not change unnoticed.

use muster_lab::experiment::Verdict;

use super::support::{quick, report};

/// Fails unless exactly the claims that begin with `differing` are contradicted.
#[track_caller]
fn check(name: &str, findings: usize, differing: &[&str]) {
    let report = report(name, &quick(1));
    assert_eq!(report.findings.len(), findings);
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
