//! What an experiment leaves in its directory: `data.csv`, `data.json`, figures as SVG and PNG, and
//! `report.json`, from which the page is made.

pub mod page;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::draw::{self, DrawError};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Scale, Setting, Table, Value,
};
use crate::files::{FileError, write_whole};
use crate::head::Head;

/// Why results cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A file cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A report cannot be read back.
    #[error("{} is damaged: {reason}; delete it and run the experiment again", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A figure cannot be drawn.
    #[error("the figure {name}: {source}")]
    Draw {
        /// The figure.
        name: String,
        /// Why.
        source: DrawError,
    },
    /// Results cannot be put into words: a bug.
    #[error("the results cannot be encoded: {0}")]
    Encode(String),
}

/// The document `report.json`: all that the page says of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The experiment's name.
    pub experiment: String,
    /// Its heading.
    pub title: String,
    /// Paper, and the place in it.
    pub source: String,
    /// How much was computed.
    pub scale: Scale,
    /// From which every random number came.
    pub seed: u64,
    /// How many cells were computed.
    pub cells: usize,
    /// The version of this program.
    pub version: String,
    /// The digest of the sources of its part.
    pub sources: String,
    /// The file of real data, for experiments that read one.
    pub data_file: Option<String>,
    /// Why there is nothing else, for an experiment that was skipped.
    pub skipped: Option<String>,
    /// Claims beside measurements.
    pub findings: Vec<Finding>,
    /// Figures: name of the files, and caption.
    pub figures: Vec<FigureEntry>,
    /// Small tables with their captions.
    pub tables: Vec<TableEntry>,
}

/// One figure of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureEntry {
    /// Its files are `NAME.svg` and `NAME.png`.
    pub name: String,
    /// What is seen.
    pub caption: String,
}

/// One table of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableEntry {
    /// What it says.
    pub caption: String,
    /// The table.
    pub table: Table,
}

/// The document `data.json`.
#[derive(Serialize)]
struct Data<'a> {
    experiment: &'a str,
    scale: Scale,
    seed: u64,
    version: &'a str,
    sources: &'a str,
    columns: &'a [String],
    rows: &'a [Vec<Value>],
}

impl Document {
    fn new(experiment: &Experiment, scale: Scale, seed: u64) -> Self {
        Self {
            experiment: experiment.name.to_owned(),
            title: experiment.title.to_owned(),
            source: experiment.source.to_owned(),
            scale,
            seed,
            cells: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sources: experiment.part.sources.to_owned(),
            data_file: experiment.data_file.map(str::to_owned),
            skipped: None,
            findings: Vec::new(),
            figures: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// The command that repeats the experiment.
    pub fn command(&self) -> String {
        let quick = if self.scale == Scale::Quick { " --quick" } else { "" };
        let data = if self.data_file.is_some() { " --data DIR" } else { "" };
        format!("muster lab run {} --seed {}{quick}{data}", self.experiment, self.seed)
    }
}

/// Writes everything that an experiment shows into its directory; the report last.
///
/// # Errors
/// Where a file cannot be written or a figure cannot be drawn.
pub fn write(
    folder: &Path,
    experiment: &Experiment,
    head: &Head,
    table: &Table,
    report: &Report,
) -> Result<(), OutputError> {
    let data = Data {
        experiment: experiment.name,
        scale: head.scale,
        seed: head.seed,
        version: env!("CARGO_PKG_VERSION"),
        sources: &head.sources,
        columns: &table.columns,
        rows: &table.rows,
    };
    write_whole(&folder.join("data.csv"), &to_csv(table)?)?;
    write_whole(&folder.join("data.json"), &to_json(&data)?)?;
    for figure in &report.figures {
        for extension in ["svg", "png"] {
            let path = folder.join(format!("{}.{extension}", figure.name));
            draw::write(figure, &path)
                .map_err(|source| OutputError::Draw { name: figure.name.clone(), source })?;
        }
    }
    let entry = |figure: &crate::figure::Figure| FigureEntry {
        name: figure.name.clone(),
        caption: figure.caption.clone(),
    };
    let table_entry = |(caption, table): &(String, Table)| TableEntry {
        caption: caption.clone(),
        table: table.clone(),
    };
    let document = Document {
        cells: head.cells,
        sources: head.sources.clone(),
        findings: report.findings.clone(),
        figures: report.figures.iter().map(entry).collect(),
        tables: report.tables.iter().map(table_entry).collect(),
        ..Document::new(experiment, head.scale, head.seed)
    };
    Ok(write_whole(&folder.join("report.json"), &to_json(&document)?)?)
}

/// Says in the directory why an experiment did not run.
pub(crate) fn write_skipped(
    folder: &Path,
    experiment: &Experiment,
    setting: &Setting,
    reason: &ExperimentError,
) -> Result<(), OutputError> {
    let document = Document {
        skipped: Some(reason.to_string()),
        ..Document::new(experiment, setting.scale, setting.seed)
    };
    Ok(write_whole(&folder.join("report.json"), &to_json(&document)?)?)
}

/// Forgets the report of an earlier run.
pub(crate) fn remove_report(folder: &Path) -> Result<(), OutputError> {
    let path = folder.join("report.json");
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError { action: "delete", path, source }.into())
        }
        _ => Ok(()),
    }
}

fn to_json(document: &impl Serialize) -> Result<Vec<u8>, OutputError> {
    let mut text = serde_json::to_vec_pretty(document)
        .map_err(|error| OutputError::Encode(error.to_string()))?;
    text.push(b'\n');
    Ok(text)
}

/// Comma-separated values with a header; numbers to the last digit, nothing where there is none.
fn to_csv(table: &Table) -> Result<Vec<u8>, OutputError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let encode = |error: csv::Error| OutputError::Encode(error.to_string());
    writer.write_record(&table.columns).map_err(encode)?;
    for row in &table.rows {
        let cells = row.iter().map(|value| match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::Absent => String::new(),
        });
        writer.write_record(cells).map_err(encode)?;
    }
    writer.into_inner().map_err(|error| OutputError::Encode(error.to_string()))
}
