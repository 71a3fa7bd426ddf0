//! Runs experiments: their cells on all cores, resumable, divisible between machines.
//!
//! The rows of a cell depend on the setting and its number alone, and tables are put together in
//! the order of cells. So the files that come out are the same to the byte for any number of
//! threads, of shards, and of interruptions.

mod merge;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

pub use merge::merge;

use crate::experiment::{Experiment, ExperimentError, Row, Setting, Table, Value, Verdict};
use crate::files::FileError;
use crate::head::Head;
use crate::output::{self, OutputError};
use store::{Cells, Store};

/// Why a run or a merge cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A shard that does not exist.
    #[error("there is no shard {index} of {of}: give i/n with i below n")]
    Shard {
        /// Which was asked for.
        index: usize,
        /// Of how many.
        of: usize,
    },
    /// A file or directory cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of cells is damaged.
    #[error(
        "{}, line {line}: {reason}; delete the file, or run with --fresh to compute it anew",
        path.display()
    )]
    Cells {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of cells was made with another setting.
    #[error(
        "{} was computed with another setting ({what}: {found}, now {wanted}): choose another --out, \
         or run with --fresh to compute it anew",
        path.display()
    )]
    OtherSetting {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the file says.
        found: String,
        /// What this run says.
        wanted: String,
    },
    /// A cell, or the report, was refused.
    #[error("{place}: {source}")]
    Experiment {
        /// `cell 17` or `report`.
        place: String,
        /// Why.
        source: ExperimentError,
    },
    /// An experiment gave a row of the wrong length: its bug.
    #[error("cell {cell} gave a row of {found} values for {wanted} columns")]
    Row {
        /// The cell.
        cell: usize,
        /// Values in the row.
        found: usize,
        /// Columns.
        wanted: usize,
    },
    /// Results cannot be written or drawn.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// There is nothing to merge.
    #[error("no directory given holds the cells of any known experiment")]
    NothingToMerge,
    /// Shards do not belong together, or are not all there.
    #[error("{experiment}: {reason}")]
    Merge {
        /// The experiment.
        experiment: String,
        /// What does not fit.
        reason: String,
    },
}

/// One of `of` equal parts of a sweep: the cells whose number leaves the remainder `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: usize,
    /// At least 1.
    pub of: usize,
}

impl Shard {
    /// The whole sweep.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    fn check(self) -> Result<(), Error> {
        let Self { index, of } = self;
        if index < of { Ok(()) } else { Err(Error::Shard { index, of }) }
    }
}

/// What to run, and where results go.
#[derive(Clone)]
pub struct Plan<'a> {
    /// In the order in which they run.
    pub experiments: Vec<&'a Experiment>,
    /// With which setting.
    pub setting: Setting,
    /// The directory of results, one directory an experiment.
    pub out: PathBuf,
    /// Which part of each sweep.
    pub shard: Shard,
    /// Whether finished cells are computed again.
    pub fresh: bool,
    /// Whether to go on from cells that were computed by other sources of this program.
    pub other_sources: bool,
}

/// How an experiment ended.
#[derive(Debug)]
pub enum Status {
    /// All of it is there: how many findings agree, differ, answer.
    Reported {
        /// Findings that agree with their source.
        agrees: usize,
        /// Findings that contradict it.
        differs: usize,
        /// Answers to what the source leaves open.
        answered: usize,
    },
    /// The cells of this shard are there; others are missing, so there is no report.
    Partial {
        /// Cells that are there.
        finished: usize,
    },
    /// It needs a file of real data that is not there.
    Skipped(ExperimentError),
    /// It failed; the others ran.
    Failed(Error),
}

/// What became of an experiment.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub experiment: String,
    /// Seconds on the clock, for cells and report.
    pub seconds: f64,
    /// Cells of all shards.
    pub cells: usize,
    /// Of them, those that were there already.
    pub resumed: usize,
    /// How it ended.
    pub status: Status,
}

/// Is told how a run goes on.
pub trait Observer: Sync {
    /// An experiment begins: `todo` cells are to be computed.
    fn begin(&self, experiment: &Experiment, todo: usize);
    /// One of them is finished.
    fn cell(&self);
    /// The experiment has ended.
    fn end(&self, outcome: &Outcome);
}

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
    output::page::write(&plan.out)?;
    Ok(outcomes)
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
fn report(
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
