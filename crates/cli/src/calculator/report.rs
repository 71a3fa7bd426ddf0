//! What all calculators' results share: one JSON document, or words and tables for people.

use anyhow::Result;
use serde::Serialize;

use crate::output;

/// A result. Its fields stand in the order of the alphabet, as they do in the document.
pub trait Report: Serialize {
    /// Prints it for people.
    fn print(&self) -> Result<()>;

    /// Prints it as was asked for.
    fn show(&self, json: bool) -> Result<()> {
        if json { output::print_json(self) } else { self.print() }
    }
}
