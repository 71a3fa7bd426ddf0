//! What to run, and what becomes of it.

use std::path::PathBuf;

use super::error::Error;
use crate::experiment::{Experiment, ExperimentError, Setting};

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

    pub(super) fn check(self) -> Result<(), Error> {
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
