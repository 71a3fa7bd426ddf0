//! What an experiment is: cells that can be computed in any order, on any machine, and a report
//! that is drawn from all of them.
//!
//! A cell is a pure function of the setting and its number. So a sweep gives the same numbers for
//! any number of threads, goes on where it stopped, and can be split between machines.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::figure::Figure;

/// How much to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Few seeds and coarse grids: the shape of every result, in minutes.
    Quick,
    /// The sizes and seeds that the documentation quotes.
    Full,
}

impl Scale {
    /// What belongs to this scale.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    /// As files and the page write it.
    pub fn name(self) -> &'static str {
        self.pick("quick", "full")
    }
}

/// What an experiment is run with. Together with the number of a cell it decides every result.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How much to compute.
    pub scale: Scale,
    /// From which every random number comes.
    pub seed: u64,
    /// Where the real data lies, for experiments that ask for a file of it.
    pub data: Option<PathBuf>,
}

/// One value of a row. In JSON a number, a string or null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A finite number. What has no value is [`Value::Absent`].
    Number(f64),
    /// A name.
    Text(String),
    /// Not defined for this row.
    Absent,
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Absent }
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as f64)
    }
}

impl From<bool> for Value {
    /// One where it holds, else zero: shares are means of such columns.
    fn from(holds: bool) -> Self {
        Self::Number(f64::from(u8::from(holds)))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// As many values as the experiment has columns.
pub type Row = Vec<Value>;

/// All rows of an experiment, in the order of its cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The names of the columns, in the words of the field, units last.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// A table with these names of columns.
    pub fn new(columns: &[&str], rows: Vec<Row>) -> Self {
        Self { columns: columns.iter().map(|&column| column.to_owned()).collect(), rows }
    }

    /// The rows, each with the names of its columns.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.rows.iter().map(|row| Record { columns: &self.columns, row })
    }

    /// The rows with this value in a column.
    ///
    /// # Panics
    /// For a name that is none of the experiment's own columns: its bug.
    pub fn with(&self, column: &str, value: impl Into<Value>) -> impl Iterator<Item = Record<'_>> {
        let (place, value) = (place(column, &self.columns), value.into());
        self.records().filter(move |record| record.row[place] == value)
    }
}

/// A row with the names of its columns.
#[derive(Debug, Clone, Copy)]
pub struct Record<'t> {
    columns: &'t [String],
    row: &'t [Value],
}

impl<'t> Record<'t> {
    /// The number in a column; NaN where there is none, so that no comparison with it holds.
    ///
    /// # Panics
    /// For a name that is none of the experiment's own columns: its bug.
    pub fn number(&self, column: &str) -> f64 {
        match self.value(column) {
            Value::Number(number) => *number,
            _ => f64::NAN,
        }
    }

    /// The text in a column; empty where there is none.
    ///
    /// # Panics
    /// For a name that is none of the experiment's own columns: its bug.
    pub fn text(&self, column: &str) -> &'t str {
        match self.value(column) {
            Value::Text(text) => text,
            _ => "",
        }
    }

    /// The values in these columns.
    ///
    /// # Panics
    /// For a name that is none of the experiment's own columns: its bug.
    pub fn values(&self, columns: &[&str]) -> Row {
        columns.iter().map(|column| self.value(column).clone()).collect()
    }

    fn value(&self, column: &str) -> &'t Value {
        &self.row[place(column, self.columns)]
    }
}

/// Where a column stands. A name that is not there is a typing error of an experiment, which must
/// not pass for a value that is absent.
fn place(column: &str, columns: &[impl AsRef<str>]) -> usize {
    let found = columns.iter().position(|name| name.as_ref() == column);
    found.unwrap_or_else(|| panic!("`{column}` is not one of the experiment's own columns"))
}

/// How a claim fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// What we measured agrees with it.
    Agrees,
    /// What we measured contradicts it.
    Differs,
    /// The source does not say; this is our answer.
    Answered,
}

/// A claim of a source beside what we measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What the source claims or leaves open, with its equation, table or theorem.
    pub claim: String,
    /// What we measured, with numbers.
    pub measured: String,
    /// How the two compare; computed, never written by hand.
    pub verdict: Verdict,
}

impl Finding {
    /// A claim of the source, which agrees with what we measured or does not.
    pub fn claim(claim: impl Into<String>, measured: impl Into<String>, holds: bool) -> Self {
        let verdict = if holds { Verdict::Agrees } else { Verdict::Differs };
        Self { claim: claim.into(), measured: measured.into(), verdict }
    }

    /// What the source leaves open, and our answer.
    pub fn answer(question: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { claim: question.into(), measured: measured.into(), verdict: Verdict::Answered }
    }

    /// The same, where the answer rests on something that may not hold.
    pub fn answer_if(
        question: impl Into<String>,
        measured: impl Into<String>,
        holds: bool,
    ) -> Self {
        let answer = Self::answer(question, measured);
        if holds { answer } else { Self { verdict: Verdict::Differs, ..answer } }
    }
}

/// What an experiment shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Claims beside measurements.
    pub findings: Vec<Finding>,
    /// Figures, drawn as SVG and PNG.
    pub figures: Vec<Figure>,
    /// Small tables for the page, each with its caption.
    pub tables: Vec<(String, Table)>,
}

impl Report {
    /// A report without tables.
    pub fn new(findings: Vec<Finding>, figures: Vec<Figure>) -> Self {
        Self { findings, figures, tables: Vec::new() }
    }
}

/// Why an experiment could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// A file of real data is not there.
    #[error("needs {file}, which is not in the data directory; give --data DIR")]
    DataMissing {
        /// The name of the file.
        file: &'static str,
    },
    /// A file of real data cannot be read.
    #[error("cannot read {file}: {reason}")]
    Data {
        /// The file, and the line where there is one.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A mechanism refused what the experiment gave it.
    #[error("{0}")]
    Mechanism(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// For `map_err`: what a mechanism refused.
pub fn refused(error: impl std::error::Error + Send + Sync + 'static) -> ExperimentError {
    ExperimentError::Mechanism(Box::new(error))
}

/// One of the mechanisms: a part of the page, with sources of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Its heading.
    pub heading: &'static str,
    /// What the mechanism is for, in one sentence.
    pub about: &'static str,
    /// The digest of the sources that decide its numbers.
    pub sources: &'static str,
}

/// One experiment: what it says of itself, and three pure functions.
#[derive(Debug, Clone, Copy)]
pub struct Experiment {
    /// The part to which it belongs.
    pub part: &'static Part,
    /// The name on the command line and of the directory: `presence-figure-1`.
    pub name: &'static str,
    /// A heading for people.
    pub title: &'static str,
    /// Paper, and the figure, table, theorem or question in it.
    pub source: &'static str,
    /// The columns of the rows that cells give, in the words of the field, units last.
    pub columns: &'static [&'static str],
    /// The file of real data without which it cannot run.
    pub data_file: Option<&'static str>,
    /// How many cells there are.
    pub cells: fn(&Setting) -> usize,
    /// The rows of the cell of this number. A cell takes seconds, not minutes; what it computes
    /// inside uses one thread.
    pub cell: fn(&Setting, usize) -> Result<Vec<Row>, ExperimentError>,
    /// What all rows show.
    pub report: fn(&Setting, &Table) -> Result<Report, ExperimentError>,
}

impl Experiment {
    /// A row with a value for every column, each by its name.
    ///
    /// # Panics
    /// Where the names are not the experiment's own columns: its bug.
    pub fn row<const N: usize>(&self, values: [(&str, Value); N]) -> Row {
        assert_eq!(N, self.columns.len(), "{}: a row has a value for every column", self.name);
        self.row_of(values)
    }

    /// A row with these values, and nothing in the other columns.
    ///
    /// # Panics
    /// Where a name is none of the experiment's own columns, or stands twice: its bug.
    pub fn row_of<'n>(&self, values: impl IntoIterator<Item = (&'n str, Value)>) -> Row {
        let mut row = vec![None; self.columns.len()];
        for (column, value) in values {
            let before = row[place(column, self.columns)].replace(value);
            assert!(before.is_none(), "{}: `{column}` stands twice in a row", self.name);
        }
        row.into_iter().map(|value| value.unwrap_or(Value::Absent)).collect()
    }
}
