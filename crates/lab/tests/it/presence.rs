//! Every experiment on presence at the quick scale: what it says today, it must go on saying.

use muster_lab::experiment::{Report, Scale, Setting, Table, Verdict};
use muster_lab::presence::EXPERIMENTS;
use rayon::prelude::*;

fn report(name: &str) -> Report {
    let experiment = EXPERIMENTS.iter().find(|experiment| experiment.name() == name);
    let experiment = experiment.expect("a known name");
    let setting = Setting { scale: Scale::Quick, seed: 1, data: None };
    let cells = (0..experiment.cells(&setting)).into_par_iter();
    let rows = cells.map(|cell| experiment.cell(&setting, cell).expect("it runs"));
    let rows = rows.flatten_iter().collect();
    let columns = experiment.columns().iter().map(|&name| name.to_owned()).collect();
    experiment.report(&setting, &Table { columns, rows }).expect("a report")
}

#[track_caller]
fn check(name: &str, expected: &[Verdict]) {
    let report = report(name);
    let found = report.findings.iter().map(|finding| finding.verdict).collect::<Vec<_>>();
    assert_eq!(found, expected, "{:#?}", report.findings);
    assert!(report.figures.iter().all(|figure| !figure.panels.is_empty()));
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
