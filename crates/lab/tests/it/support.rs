//! Runs an experiment without files.

use muster_lab::experiment::{Experiment, Report, Scale, Setting, Table, Verdict};
use rayon::prelude::*;

/// The experiment of this name.
pub fn named(name: &str) -> &'static Experiment {
    let known = muster_lab::all().into_iter().find(|experiment| experiment.name == name);
    known.expect("an experiment of this name")
}

/// What an experiment says at the quick scale: all of its cells, and the report on them.
pub fn report(name: &str, setting: &Setting) -> Report {
    let experiment = named(name);
    let cells: Vec<_> = (0..(experiment.cells)(setting))
        .into_par_iter()
        .map(|index| (experiment.cell)(setting, index).expect("a cell"))
        .collect();
    let rows = cells.concat();
    assert!(rows.iter().all(|row| row.len() == experiment.columns.len()), "{name}: a row's length");
    let table = Table::new(experiment.columns, rows);
    let report = (experiment.report)(setting, &table).expect("a report");
    let drawn = !report.figures.is_empty();
    assert!(drawn && report.figures.iter().all(|figure| !figure.panels.is_empty()), "{name}");
    report
}

/// The quick scale without real data.
pub fn quick(seed: u64) -> Setting {
    Setting { scale: Scale::Quick, seed, data: None }
}

/// Fails unless these are the verdicts on all findings, in order, and every number of them is one.
#[track_caller]
pub fn check(name: &str, setting: &Setting, expected: &[Verdict]) {
    let findings = report(name, setting).findings;
    for finding in &findings {
        let mut words = finding.measured.split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(!words.any(|word| word == "NaN" || word == "inf"), "{name}: {finding:#?}");
    }
    let found: Vec<Verdict> = findings.iter().map(|finding| finding.verdict).collect();
    assert_eq!(found, expected, "{name}: {findings:#?}");
}
