//! What all calculators' inputs share: one JSON document, read field by field.
//!
//! Every refusal names the field; a field that nobody knows is refused with the nearest known one.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};

use crate::output::nearest;

/// The fields of a document that have not been asked for yet.
pub struct Document {
    fields: Map<String, Value>,
}

/// Reads a file, or standard input where the path is `-`.
pub fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}

impl Document {
    /// Parses a document, or the one under `given` of a reference case. `known` are the fields
    /// that the calculator understands.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self> {
        let value: Value = serde_json::from_str(text).context("the input is not JSON")?;
        let Value::Object(mut fields) = value else { bail!("the input must be one JSON object") };
        if let Some(Value::Object(given)) = fields.get_mut("given") {
            fields = std::mem::take(given);
        }
        for field in fields.keys() {
            if !known.contains(&field.as_str()) {
                let hint = match nearest(field, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                bail!("unknown field `{field}`: {hint}");
            }
        }
        Ok(Self { fields })
    }

    /// Whether a field is given.
    pub fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| !value.is_null())
    }

    /// A number, or the default.
    pub fn number(&self, field: &str, default: f64) -> Result<f64> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => number(value).with_context(|| format!("field `{field}`")),
        }
    }

    /// A whole number of at least 0, if the field is given.
    pub fn count(&self, field: &str) -> Result<Option<u64>> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => whole(value).map(Some).with_context(|| format!("field `{field}`")),
        }
    }

    /// True or false, or the default.
    pub fn flag(&self, field: &str, default: bool) -> Result<bool> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => bail!("field `{field}`: {} is neither true nor false", short(other)),
        }
    }

    /// A word, or the default.
    pub fn word<'a>(&'a self, field: &str, default: &'a str) -> Result<&'a str> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::String(word)) => Ok(word),
            Some(other) => bail!("field `{field}`: {} is not a string", short(other)),
        }
    }

    /// A list of numbers, if the field is given.
    pub fn numbers(&self, field: &str) -> Result<Option<Vec<f64>>> {
        let Some(value) = self.fields.get(field).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let list = self.list(field, value)?;
        let numbers = list.iter().enumerate();
        numbers
            .map(|(at, value)| number(value).with_context(|| format!("field `{field}[{at}]`")))
            .collect::<Result<_>>()
            .map(Some)
    }

    /// A list of numbers, which must be given.
    pub fn list_of_numbers(&self, field: &str) -> Result<Vec<f64>> {
        self.numbers(field)?.ok_or_else(|| anyhow!("field `{field}` is missing"))
    }

    /// A number, which must be given.
    pub fn required(&self, field: &str) -> Result<f64> {
        ensure!(self.has(field), "field `{field}` is missing");
        self.number(field, 0.0)
    }

    /// A list of lists of numbers, which must be given.
    pub fn matrix(&self, field: &str) -> Result<Vec<Vec<f64>>> {
        let value = self.fields.get(field).ok_or_else(|| anyhow!("field `{field}` is missing"))?;
        let row = |(i, value): (usize, &Value)| {
            let row = self.list(&format!("{field}[{i}]"), value)?.iter().enumerate();
            row.map(|(j, value)| {
                number(value).with_context(|| format!("field `{field}[{i}][{j}]`"))
            })
            .collect::<Result<Vec<f64>>>()
        };
        self.list(field, value)?.iter().enumerate().map(row).collect()
    }

    /// A list of `[whole number, whole number, number]`, which must be given.
    pub fn triplets(&self, field: &str) -> Result<Vec<(usize, usize, f64)>> {
        let value = self.fields.get(field).ok_or_else(|| anyhow!("field `{field}` is missing"))?;
        let triplet = |value: &Value| {
            let entry = value.as_array().filter(|entry| entry.len() == 3);
            let entry =
                entry.ok_or_else(|| anyhow!("{} is not [from, to, number]", short(value)))?;
            let index = |value| Ok::<_, anyhow::Error>(usize::try_from(whole(value)?)?);
            Ok::<_, anyhow::Error>((index(&entry[0])?, index(&entry[1])?, number(&entry[2])?))
        };
        let list = self.list(field, value)?.iter().enumerate();
        list.map(|(at, value)| triplet(value).with_context(|| format!("field `{field}[{at}]`")))
            .collect()
    }

    fn list<'a>(&self, field: &str, value: &'a Value) -> Result<&'a [Value]> {
        let list = value.as_array();
        let list = list.ok_or_else(|| anyhow!("field `{field}`: {} is no list", short(value)))?;
        Ok(list)
    }
}

fn number(value: &Value) -> Result<f64> {
    let number = value.as_f64().ok_or_else(|| anyhow!("{} is not a number", short(value)))?;
    ensure!(number.is_finite(), "{} is too large for a number", short(value));
    Ok(number)
}

fn whole(value: &Value) -> Result<u64> {
    value.as_u64().ok_or_else(|| anyhow!("{} is not a whole number of at least 0", short(value)))
}

/// The beginning of a value, to show what was found.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
