//! Of what finished cells are: the head of their file, and of all that is made of them.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::experiment::{Experiment, ExperimentError, Scale, Setting};

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
    /// The digest of the sources of its part.
    pub sources: String,
}

impl Head {
    /// The head of an experiment under a setting.
    ///
    /// # Errors
    /// Where the experiment's real data is not there or cannot be read.
    pub fn new(experiment: &Experiment, setting: &Setting) -> Result<Self, ExperimentError> {
        Ok(Self {
            experiment: experiment.name.to_owned(),
            scale: setting.scale,
            seed: setting.seed,
            cells: (experiment.cells)(setting),
            columns: experiment.columns.iter().map(|&column| column.to_owned()).collect(),
            data: experiment.data_file.map(|file| digest(setting, file)).transpose()?,
            sources: experiment.part.sources.to_owned(),
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
