//! The file of an experiment's finished cells, from which a sweep goes on and shards are merged.
//!
//! The first line says of which setting the cells are; then one line a cell, in the order in which
//! they were finished. A last line without its end was torn by a crash and counts as not computed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::experiment::{Experiment, ExperimentError, Row, Scale, Setting};
use crate::files::FileError;

/// Its name in the experiment's directory.
pub const FILE: &str = "cells.jsonl";

/// Of what the cells are. Cells of equal heads may stand in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The experiment's name.
    pub experiment: String,
    /// How much was computed.
    pub scale: Scale,
    /// From which every random number comes.
    pub seed: u64,
    /// How many cells there are in all shards.
    pub cells: usize,
    /// The columns of the rows.
    pub columns: Vec<String>,
    /// The digest of the real data, for experiments that read some.
    pub data: Option<String>,
    /// The digest of the sources of mechanisms and experiments.
    pub sources: String,
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    cell: usize,
    rows: Vec<Row>,
}

impl Head {
    /// The head of an experiment under a setting.
    pub fn new(experiment: &dyn Experiment, setting: &Setting) -> Result<Self, ExperimentError> {
        Ok(Self {
            experiment: experiment.name().to_owned(),
            scale: setting.scale,
            seed: setting.seed,
            cells: experiment.cells(setting),
            columns: experiment.columns().iter().map(|&column| column.to_owned()).collect(),
            data: experiment.data_file().map(|file| digest(setting, file)).transpose()?,
            sources: env!("MUSTER_LAB_SOURCES").to_owned(),
        })
    }

    /// What differs first, as (what, here, there). The sources are compared only where asked.
    pub fn difference(
        &self,
        other: &Self,
        sources: bool,
    ) -> Option<(&'static str, String, String)> {
        let data = |head: &Self| head.data.clone().unwrap_or_else(|| "none".to_owned());
        let pairs = [
            ("the experiment", self.experiment.clone(), other.experiment.clone()),
            ("the scale", self.scale.name().to_owned(), other.scale.name().to_owned()),
            ("the seed", self.seed.to_string(), other.seed.to_string()),
            ("the columns", self.columns.join(", "), other.columns.join(", ")),
            ("the number of cells", self.cells.to_string(), other.cells.to_string()),
            ("the data", data(self), data(other)),
            ("the program's sources", self.sources.clone(), other.sources.clone()),
        ];
        let compared = if sources { pairs.len() } else { pairs.len() - 1 };
        pairs.into_iter().take(compared).find(|(_, here, there)| here != there)
    }
}

/// The digest of a file of real data.
fn digest(setting: &Setting, file: &'static str) -> Result<String, ExperimentError> {
    let folder = setting.data.as_deref().ok_or(ExperimentError::DataMissing { file })?;
    let path = folder.join(file);
    if !path.is_file() {
        return Err(ExperimentError::DataMissing { file });
    }
    let content = fs::read(&path).map_err(|error| ExperimentError::Data {
        file: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(blake3::hash(&content).to_hex()[..16].to_owned())
}

/// Finished cells, and the place for more.
pub struct Store {
    path: PathBuf,
    file: File,
}

/// The rows of finished cells.
pub type Cells = BTreeMap<usize, Vec<Row>>;

/// What a file held.
pub type Content = (Head, Cells);

/// Reads a file of cells; `None` where there is no file, or no whole head in it. The length of
/// what is whole comes along.
pub fn read(path: &Path) -> Result<Option<(Content, u64)>, Error> {
    let mut text = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened
            .and_then(|mut file| file.read_to_end(&mut text))
            .map_err(FileError::on("read", path))?,
    };
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].split_inclusive(|&byte| byte == b'\n').enumerate();
    let damaged = |line: usize, reason: String| Error::Cells {
        path: path.to_path_buf(),
        line: line + 1,
        reason,
    };
    let Some((_, first)) = lines.next() else { return Ok(None) };
    let head: Head =
        serde_json::from_slice(first).map_err(|error| damaged(0, error.to_string()))?;
    let mut cells = BTreeMap::new();
    for (at, line) in lines {
        let Line { cell, rows } =
            serde_json::from_slice(line).map_err(|error| damaged(at, error.to_string()))?;
        if cell >= head.cells {
            return Err(damaged(at, format!("there is no cell {cell}, only {}", head.cells)));
        }
        if let Some(row) = rows.iter().find(|row| row.len() != head.columns.len()) {
            let (found, wanted) = (row.len(), head.columns.len());
            return Err(damaged(at, format!("a row has {found} values, not {wanted}")));
        }
        cells.insert(cell, rows);
    }
    Ok(Some(((head, cells), whole as u64)))
}

impl Store {
    /// Opens the file of an experiment, with what it holds of the same head; `fresh` empties it.
    pub fn open(
        folder: &Path,
        head: &Head,
        fresh: bool,
        other_sources: bool,
    ) -> Result<(Self, Cells), Error> {
        let path = folder.join(FILE);
        fs::create_dir_all(folder).map_err(FileError::on("make", folder))?;
        let found = if fresh { None } else { read(&path)? };
        let (cells, whole) = match found {
            None => (BTreeMap::new(), 0),
            Some(((there, cells), whole)) => {
                if let Some((what, found, wanted)) = there.difference(head, !other_sources) {
                    return Err(Error::OtherSetting { path, what, found, wanted });
                }
                (cells, whole)
            }
        };
        let mut options = OpenOptions::new();
        let mut file =
            options.create(true).append(true).open(&path).map_err(FileError::on("write", &path))?;
        file.set_len(whole).map_err(FileError::on("write", &path))?;
        if whole == 0 {
            write_line(&mut file, head).map_err(FileError::on("write", &path))?;
        }
        Ok((Self { path, file }, cells))
    }

    /// Adds a finished cell, in one write.
    pub fn add(&mut self, cell: usize, rows: &[Row]) -> Result<(), Error> {
        let line = Line { cell, rows: rows.to_vec() };
        Ok(write_line(&mut self.file, &line).map_err(FileError::on("write", &self.path))?)
    }
}

fn write_line(file: &mut File, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}
