//! Computes the cells of experiments on all cores, and reports.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use super::error::Error;
use super::plan::{Observer, Outcome, Plan, Shard, Status};
use super::store::{Cells, Store};
use crate::experiment::{Experiment, ExperimentError, Row, Setting, Table, Value, Verdict};
use crate::head::Head;
use crate::output;

/// Runs all experiments of a plan on the threads of the current rayon pool, and writes the page.
/// An experiment that fails does not stop the others.
///
/// # Errors
/// Where the shard does not exist or the page cannot be written.
pub fn run(plan: &Plan, observer: &dyn Observer) -> Result<Vec<Outcome>, Error> {
    plan.shard.check()?;
    let mut outcomes = Vec::new();
    for experiment in &plan.experiments {
        let start = Instant::now();
        let mut outcome = Outcome {
            experiment: experiment.name.to_owned(),
            seconds: 0.0,
            cells: 0,
            resumed: 0,
            status: Status::Partial { finished: 0 },
        };
        outcome.status = match one(plan, experiment, observer, &mut outcome) {
            Ok(status) => status,
            Err(error) => Status::Failed(error),
        };
        outcome.seconds = start.elapsed().as_secs_f64();
        observer.end(&outcome);
        outcomes.push(outcome);
    }
    output::page::write(&plan.out, &on_page(&plan.experiments))?;
    Ok(outcomes)
}

/// Whose reports the page shows: all experiments of this program, and those that were asked for.
pub(super) fn on_page<'a>(asked: &[&'a Experiment]) -> Vec<&'a Experiment> {
    let mut known = crate::all();
    known.extend(asked.iter().filter(|one| !crate::all().iter().any(|all| all.name == one.name)));
    known
}

fn one(
    plan: &Plan,
    experiment: &Experiment,
    observer: &dyn Observer,
    outcome: &mut Outcome,
) -> Result<Status, Error> {
    let folder = plan.out.join(experiment.name);
    let head = match Head::new(experiment, &plan.setting) {
        Err(reason @ ExperimentError::DataMissing { .. }) => {
            output::write_skipped(&folder, experiment, &plan.setting, &reason)?;
            return Ok(Status::Skipped(reason));
        }
        other => {
            other.map_err(|source| Error::Experiment { place: "the data".to_owned(), source })?
        }
    };
    // A page that is written before this run has ended must not show an older one's report.
    output::remove_report(&folder)?;
    let (store, mut cells) = Store::open(&folder, &head, plan.fresh, plan.other_sources)?;
    (outcome.cells, outcome.resumed) = (head.cells, cells.len());
    let Shard { index, of } = plan.shard;
    let todo = (index..head.cells).step_by(of).filter(|cell| !cells.contains_key(cell));
    let todo = todo.collect::<Vec<_>>();
    observer.begin(experiment, todo.len());
    cells.extend(compute(experiment, &plan.setting, &todo, store, observer)?);
    if cells.len() < head.cells {
        return Ok(Status::Partial { finished: cells.len() });
    }
    report(&folder, experiment, &plan.setting, &head, cells)
}

/// Computes cells in parallel and keeps each as soon as it is finished. After the first failure no
/// new cell begins.
fn compute(
    experiment: &Experiment,
    setting: &Setting,
    todo: &[usize],
    store: Store,
    observer: &dyn Observer,
) -> Result<Vec<(usize, Vec<Row>)>, Error> {
    let (store, failed) = (Mutex::new(store), AtomicBool::new(false));
    let wanted = experiment.columns.len();
    let cell = |&cell: &usize| {
        if failed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut rows = (experiment.cell)(setting, cell)
            .map_err(|source| Error::Experiment { place: format!("cell {cell}"), source })?;
        if let Some(row) = rows.iter().find(|row| row.len() != wanted) {
            return Err(Error::Row { cell, found: row.len(), wanted });
        }
        for value in rows.iter_mut().flatten() {
            // JSON knows no other numbers, and a resumed run must see what the first one saw.
            if matches!(value, Value::Number(number) if !number.is_finite()) {
                *value = Value::Absent;
            }
        }
        let mut store = store.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        store.add(cell, &rows)?;
        observer.cell();
        Ok(Some((cell, rows)))
    };
    let finished = todo.par_iter().with_max_len(1).map(|index| {
        let outcome = cell(index);
        failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
        outcome
    });
    let finished = finished.collect::<Vec<_>>();
    // The first in the order of cells, so that the same failure is told each time.
    finished.into_iter().filter_map(Result::transpose).collect()
}

/// Puts the table together and writes everything that it shows.
pub(super) fn report(
    folder: &Path,
    experiment: &Experiment,
    setting: &Setting,
    head: &Head,
    cells: Cells,
) -> Result<Status, Error> {
    let rows = cells.into_values().flatten().collect();
    let table = Table { columns: head.columns.clone(), rows };
    let report = (experiment.report)(setting, &table)
        .map_err(|source| Error::Experiment { place: "the report".to_owned(), source })?;
    output::write(folder, experiment, head, &table, &report)?;
    let count = |verdict| report.findings.iter().filter(|found| found.verdict == verdict).count();
    Ok(Status::Reported {
        agrees: count(Verdict::Agrees),
        differs: count(Verdict::Differs),
        answered: count(Verdict::Answered),
    })
}
