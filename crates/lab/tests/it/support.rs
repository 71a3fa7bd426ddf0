//! Runs an experiment without files.

use muster_lab::experiment::{Report, Scale, Setting, Table};
use rayon::prelude::*;

/// What an experiment says at the quick scale: all of its cells, and the report on them.
pub fn report(name: &str, setting: &Setting) -> Report {
    let experiment = *muster_lab::all()
        .iter()
        .find(|experiment| experiment.name() == name)
        .expect("an experiment of this name");
    let cells: Vec<_> = (0..experiment.cells(setting))
        .into_par_iter()
        .map(|index| experiment.cell(setting, index).expect("a cell"))
        .collect();
    let rows = cells.concat();
    assert!(
        rows.iter().all(|row| row.len() == experiment.columns().len()),
        "{name}: a row's length"
    );
    let report =
        experiment.report(setting, &Table::new(experiment.columns(), rows)).expect("a report");
    let drawn = !report.figures.is_empty();
    assert!(drawn && report.figures.iter().all(|figure| !figure.panels.is_empty()), "{name}");
    report
}

/// The quick scale without real data.
pub fn quick(seed: u64) -> Setting {
    Setting { scale: Scale::Quick, seed, data: None }
}
