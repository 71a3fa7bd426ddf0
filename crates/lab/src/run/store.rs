//! The file of an experiment's finished cells, from which a sweep goes on and shards are merged.
//!
//! The first line says of which setting the cells are; then one line a cell, in the order in which
//! they were finished. A last line without its end was torn by a crash and counts as not computed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::experiment::Row;
use crate::files::FileError;
use crate::head::Head;

/// Its name in the experiment's directory.
pub const FILE: &str = "cells.jsonl";

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    cell: usize,
    rows: Vec<Row>,
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
