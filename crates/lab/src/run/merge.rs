//! Unites the shards of a sweep.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::error::Error;
use super::plan::{Observer, Outcome, Status};
use super::store::{self, Cells, Content, FILE, Store};
use super::sweep::{on_page, report};
use crate::experiment::{Experiment, Setting};
use crate::head::Head;
use crate::output;

/// Unites the cells that lie in `from`, directories of runs with `--shard`, and reports as if all
/// had been computed in `out`. `data` is where real data lies.
///
/// # Errors
/// Where cells are of different settings, contradict each other, or are missing.
pub fn merge(
    experiments: &[&Experiment],
    from: &[PathBuf],
    out: &Path,
    data: Option<PathBuf>,
    observer: &dyn Observer,
) -> Result<Vec<Outcome>, Error> {
    let mut found = Vec::new();
    // Everything is checked before anything is written.
    for &experiment in experiments {
        if let Some((head, cells)) = unite(experiment, from)? {
            found.push((experiment, head, cells));
        }
    }
    if found.is_empty() {
        return Err(Error::NothingToMerge);
    }
    let mut outcomes = Vec::new();
    for (experiment, head, cells) in found {
        let start = Instant::now();
        observer.begin(experiment, 0);
        let folder = out.join(experiment.name);
        let (mut store, _) = Store::open(&folder, &head, true, false)?;
        for (&cell, rows) in &cells {
            store.add(cell, rows)?;
        }
        let setting = Setting { scale: head.scale, seed: head.seed, data: data.clone() };
        let count = cells.len();
        let status = report(&folder, experiment, &setting, &head, cells);
        let outcome = Outcome {
            experiment: experiment.name.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
            cells: count,
            resumed: count,
            status: status.unwrap_or_else(Status::Failed),
        };
        observer.end(&outcome);
        outcomes.push(outcome);
    }
    output::page::write(out, &on_page(experiments))?;
    Ok(outcomes)
}

fn unite(experiment: &Experiment, from: &[PathBuf]) -> Result<Option<Content>, Error> {
    let name = experiment.name;
    let refuse = |reason: String| Error::Merge { experiment: name.to_owned(), reason };
    let mut united: Option<(Head, Cells, PathBuf)> = None;
    for folder in from {
        let path = folder.join(name).join(FILE);
        let Some(((head, cells), _)) = store::read(&path)? else { continue };
        let Some((first, all, first_path)) = &mut united else {
            united = Some((head, cells, path));
            continue;
        };
        if let Some((what, here, there)) = first.difference(&head, true) {
            let (first_path, path) = (first_path.display(), path.display());
            return Err(refuse(format!(
                "{first_path} and {path} do not belong together: {what} is {here} in the one and \
                 {there} in the other"
            )));
        }
        for (cell, rows) in cells {
            if *all.entry(cell).or_insert_with(|| rows.clone()) != rows {
                let path = path.display();
                return Err(refuse(format!(
                    "{path} has other rows for cell {cell} than before it"
                )));
            }
        }
    }
    let Some((head, cells, path)) = united else { return Ok(None) };
    let setting = Setting { scale: head.scale, seed: head.seed, data: None };
    if head.columns != experiment.columns || head.cells != (experiment.cells)(&setting) {
        let path = path.display();
        return Err(refuse(format!(
            "{path} was computed by a program whose experiment has other cells or columns: merge \
             with that program"
        )));
    }
    if let Some(missing) = (0..head.cells).find(|cell| !cells.contains_key(cell)) {
        let (there, all) = (cells.len(), head.cells);
        return Err(refuse(format!(
            "only {there} of {all} cells are there, cell {missing} is not: run the missing shard"
        )));
    }
    Ok(Some((head, cells)))
}
