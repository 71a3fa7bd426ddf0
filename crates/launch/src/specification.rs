//! What everybody who takes part holds: one JSON document.

use muster_api::presence::Design;
use muster_ledger::genesis::Genesis;
use serde::{Deserialize, Serialize};

/// Longest specification that is read, bytes.
const BYTES_MAX: usize = 64 << 20;

/// How a network is to begin, if enough of it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specification {
    /// How the chain begins. Its time is when the round opens.
    pub genesis: Genesis,
    /// The round.
    pub round: Design,
    /// How far the clocks of honest machines may be apart, milliseconds.
    #[serde(default = "tolerance_ms")]
    pub tolerance_ms: u64,
    /// Where boards are read, as URLs. No part of what is agreed: each may know others besides.
    #[serde(default)]
    pub boards: Vec<String>,
}

fn tolerance_ms() -> u64 {
    2_000
}

/// Why something is no specification.
#[derive(Debug, thiserror::Error)]
pub enum SpecificationError {
    /// Too long.
    #[error("it has {0} bytes, a specification has at most {BYTES_MAX}")]
    Length(usize),
    /// Not the document.
    #[error("it is not a specification: {0}")]
    Form(#[from] serde_json::Error),
}

impl Specification {
    /// Reads one.
    ///
    /// # Errors
    /// See [`SpecificationError`].
    pub fn parse(text: &str) -> Result<Self, SpecificationError> {
        if text.len() > BYTES_MAX {
            return Err(SpecificationError::Length(text.len()));
        }
        Ok(serde_json::from_str(text)?)
    }
}
