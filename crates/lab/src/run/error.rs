//! Why a run or a merge cannot go on.

use std::path::PathBuf;

use crate::experiment::ExperimentError;
use crate::files::FileError;
use crate::output::OutputError;

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
