//! Results of the lab that others computed: cells that are merged, reports that are shown.

use std::fs;

use muster_lab::experiment::{
    Experiment, ExperimentError, Finding, Part, Report, Row, Setting, Table, Value,
};
use muster_lab::output::page;
use muster_lab::run::{Observer, Outcome, Plan, Shard, merge, run as compute};

use super::{choose, chosen};
use crate::Target;

/// Results of the lab.
pub const TARGET: Target = Target {
    name: "lab",
    about: "cells and reports of the lab, from whoever computed them",
    bytes_max: 8 << 10,
    run,
    seeds,
};

/// Two cells of two rows.
const EXPERIMENT: Experiment = Experiment {
    part: &Part { heading: "Fuzz", about: "What is fuzzed.", sources: "fedcba9876543210" },
    name: "fuzzed",
    title: "An experiment",
    source: "nothing",
    columns: &["x", "word"],
    data_file: None,
    cells: |_| 2,
    cell,
    report,
};

fn cell(_: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let row = |word: &str| vec![Value::from(index as f64), Value::from(word)];
    Ok(vec![row("a, b"), row("<c>")])
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let rows = table.rows.len();
    Ok(Report {
        findings: vec![Finding::claim("there are rows", rows.to_string(), rows > 0)],
        figures: Vec::new(),
        tables: vec![("All.".to_owned(), table.clone())],
    })
}

struct Silent;

impl Observer for Silent {
    fn begin(&self, _: &Experiment, _: usize) {}
    fn cell(&self) {}
    fn end(&self, _: &Outcome) {}
}

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 2) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().join("there");
    fs::create_dir_all(there.join(EXPERIMENT.name)).expect("made");
    let name = ["cells.jsonl", "report.json"][usize::from(kind)];
    fs::write(there.join(EXPERIMENT.name).join(name), bytes).expect("written");
    if kind == 0 {
        let out = folder.path().join("out");
        let _ = merge(&[&EXPERIMENT], &[there], &out, None, &Silent);
    } else {
        let _ = page::write(&there, &[&EXPERIMENT]);
    }
}

/// Cells and report as the lab leaves them.
fn seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let setting = Setting { scale: muster_lab::experiment::Scale::Quick, seed: 7, data: None };
    let plan = Plan {
        experiments: vec![&EXPERIMENT],
        setting,
        out: folder.path().to_path_buf(),
        shard: Shard::WHOLE,
        fresh: true,
        other_sources: false,
    };
    compute(&plan, &Silent).expect("computed");
    let read =
        |name: &str| fs::read(folder.path().join(EXPERIMENT.name).join(name)).expect("there");
    vec![choose(0, read("cells.jsonl")), choose(1, read("report.json"))]
}
