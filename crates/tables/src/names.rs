//! Names of nodes, numbered in the order of their first appearance.

use std::collections::HashMap;

use crate::TableError;

/// Looked up only, never walked: the order of a hash map must not reach a result.
#[derive(Default)]
pub struct Names {
    numbers: HashMap<String, u32>,
    list: Vec<String>,
}

impl Names {
    pub fn number(&mut self, name: &str) -> Result<u32, TableError> {
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

    pub fn into_list(self) -> Vec<String> {
        self.list
    }
}
