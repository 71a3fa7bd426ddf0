//! Large graphs and matrices from files: text, Parquet and the sparse matrices of NumPy.
//!
//! A file is a list of `(source, target, weight)`. Whatever it declares about its own size is
//! compared with what a computer can hold before memory is taken, and memory grows with what was
//! really read; a damaged or hostile file gives a [`TableError`] and never a panic.
//!
//! ```
//! use muster_tables::{Labels, read_text};
//! let text = "source,target,weight\nalice,bob,2\n# a comment\nbob,carol,1\n";
//! let table = read_text(text.as_bytes(), Labels::Any, &|_| ())?;
//! assert_eq!(table.entries, [(0, 1, 2.0), (1, 2, 1.0)]);
//! assert_eq!(table.names, ["alice", "bob", "carol"]);
//! # Ok::<(), muster_tables::TableError>(())
//! ```

mod names;
mod numpy;
mod parquet;
mod text;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub use numpy::read_numpy;
pub use parquet::read_parquet;
pub use text::read_text;

/// The most entries of a table, and rows of a matrix: 2 GiB of entries.
pub const ENTRIES_MAX: usize = 1 << 27;

/// The longest name of a node, in bytes.
pub const NAME_MAX: usize = 1024;

/// What the first two columns of a file hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Any names, which are numbered in the order of their first appearance.
    Any,
    /// Numbers that are taken as they are.
    Numbers,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// (source, target, weight), in the order of the file. Weights are finite and may be negative.
    pub entries: Vec<(u32, u32, f64)>,
    /// The names of the nodes; empty where the file numbers them.
    pub names: Vec<String>,
    /// Rows and columns, where the file says.
    pub shape: Option<(usize, usize)>,
}

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// A line of text is wrong.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An array of a NumPy archive is wrong.
    #[error("array `{array}`: {reason}")]
    Array {
        /// Its name in the archive.
        array: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is no archive of arrays.
    #[error("is no archive as scipy.sparse.save_npz writes it: {reason}")]
    Archive {
        /// What is wrong with it.
        reason: String,
    },
    /// A column of a Parquet file is wrong.
    #[error("column `{column}`: {reason}")]
    Column {
        /// Its name.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is no Parquet file, or a damaged one.
    #[error("cannot be read as Parquet: {reason}")]
    Parquet {
        /// What is wrong with it.
        reason: String,
    },
    /// More than can be held.
    #[error("has more than {max} {what}: split it")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        max: usize,
    },
}

/// Reads a file by its extension: `.npz` as [`read_numpy`] does, `.parquet` as [`read_parquet`]
/// does, anything else as [`read_text`] does. `progress` hears the share of the file that has been
/// read.
///
/// # Errors
/// Whatever is wrong with the file, with its place.
pub fn read(path: &Path, labels: Labels, progress: &dyn Fn(f64)) -> Result<Table, TableError> {
    let file = File::open(path)?;
    let is = |wanted: &str| path.extension().is_some_and(|end| end.eq_ignore_ascii_case(wanted));
    if is("npz") {
        return read_numpy(BufReader::new(file), progress);
    }
    if is("parquet") {
        return read_parquet(file, labels, progress);
    }
    let length = file.metadata()?.len();
    let share = |bytes: u64| {
        if length > 0 {
            progress(bytes as f64 / length as f64)
        }
    };
    read_text(file, labels, &share)
}
