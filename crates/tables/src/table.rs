//! What all readers fill, and why they refuse a file.

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
