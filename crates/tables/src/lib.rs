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
mod table;
mod text;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub use numpy::read_numpy;
pub use parquet::read_parquet;
pub use table::{ENTRIES_MAX, Labels, NAME_MAX, Table, TableError};
pub use text::read_text;

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
