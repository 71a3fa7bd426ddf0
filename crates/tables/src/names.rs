//! Names of nodes, numbered in the order of their first appearance.

use std::collections::HashMap;

use crate::{Labels, NAME_MAX, TableError};

/// Looked up only, never walked: the order of a hash map must not reach a result.
#[derive(Default)]
pub struct Names {
    numbers: HashMap<String, u32>,
    list: Vec<String>,
}

/// Why a label names no node.
pub enum LabelError {
    /// The label; where it stands the caller knows.
    Wrong(String),
    TooMany(TableError),
}

impl Names {
    /// The node that a label names.
    pub fn label(&mut self, label: &str, labels: Labels) -> Result<u32, LabelError> {
        match labels {
            Labels::Any if label.is_empty() => Err(LabelError::Wrong("is empty".into())),
            Labels::Any if label.len() > NAME_MAX => {
                Err(LabelError::Wrong(format!("has more than {NAME_MAX} bytes")))
            }
            Labels::Any => self.number(label).map_err(LabelError::TooMany),
            Labels::Numbers => label.parse().map_err(|_| no_number(short(label))),
        }
    }

    fn number(&mut self, name: &str) -> Result<u32, TableError> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        let max = u32::MAX as usize;
        let number = u32::try_from(self.list.len())
            .map_err(|_| TableError::TooMany { what: "nodes", max })?;
        self.numbers.insert(name.to_owned(), number);
        self.list.push(name.to_owned());
        Ok(number)
    }

    /// All names, by number.
    pub fn into_list(self) -> Vec<String> {
        self.list
    }
}

/// A node that is named by its number.
pub fn whole(number: i128) -> Result<u32, LabelError> {
    u32::try_from(number).map_err(|_| no_number(number))
}

fn no_number(label: impl std::fmt::Display) -> LabelError {
    LabelError::Wrong(format!("`{label}` is not a whole number below 2^32"))
}

/// The beginning of what was found.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
