//! Comma-separated text: `source,target,weight` with a header, comments after `#`, further columns
//! ignored.
//!
//! One line is one record, so that every refusal names its line and an unclosed quotation mark ends
//! with the line instead of swallowing the file.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use crate::names::{LabelError, Names, short};
use crate::{ENTRIES_MAX, Labels, Table, TableError};

/// The longest line, in bytes.
const LINE_MAX: usize = 1 << 16;
/// Progress is told this often.
const LINES_PER_REPORT: u64 = 1 << 16;

/// Reads text. `progress` hears the number of bytes that have been read.
///
/// # Errors
/// [`TableError::Line`] with the number of the line, [`TableError::TooMany`], [`TableError::Read`].
pub fn read_text(
    input: impl Read,
    labels: Labels,
    progress: &dyn Fn(u64),
) -> Result<Table, TableError> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut table = Table::default();
    let mut names = Names::default();
    let (mut line, mut bytes, mut header) = (0u64, 0u64, true);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let read = input.by_ref().take(LINE_MAX as u64 + 1).read_until(b'\n', &mut buffer)?;
        if read == 0 {
            break;
        }
        (line, bytes) = (line + 1, bytes + read as u64);
        let fail = |reason: String| TableError::Line { line, reason };
        if read > LINE_MAX {
            return Err(fail(format!("it has more than {LINE_MAX} bytes")));
        }
        if line % LINES_PER_REPORT == 0 {
            progress(bytes);
        }
        let text = std::str::from_utf8(&buffer).map_err(|_| fail("it is not UTF-8".into()))?;
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut cells = Cells { rest: Some(text) };
        let (Some(source), Some(target), Some(weight)) = (cells.next(), cells.next(), cells.next())
        else {
            return Err(fail(format!("`{}` is not source,target,weight", short(text))));
        };
        if std::mem::take(&mut header) {
            if weight.parse::<f64>().is_ok() {
                return Err(fail("a header such as source,target,weight must come first".into()));
            }
            continue;
        }
        let weight = weight_of(&weight).map_err(fail)?;
        let mut node = |field, label: &str| {
            names.label(label, labels).map_err(|error| match error {
                LabelError::Wrong(reason) => fail(format!("{field} {reason}")),
                LabelError::TooMany(error) => error,
            })
        };
        let source = node("source", &source)?;
        let target = node("target", &target)?;
        if table.entries.len() == ENTRIES_MAX {
            return Err(TableError::TooMany { what: "entries", max: ENTRIES_MAX });
        }
        table.entries.push((source, target, weight));
    }
    table.names = names.into_list();
    Ok(table)
}

fn weight_of(cell: &str) -> Result<f64, String> {
    let weight: f64 =
        cell.parse().map_err(|_| format!("weight `{}` is not a number", short(cell)))?;
    if weight.is_finite() { Ok(weight) } else { Err(format!("weight {weight} is not finite")) }
}

/// The cells of a line, without the space around them. A cell in quotation marks may hold commas,
/// and quotation marks that are doubled.
struct Cells<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let rest = self.rest?.trim_start();
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut quotes = quoted.match_indices('"').map(|(at, _)| at).peekable();
            while let Some(at) = quotes.next() {
                if quotes.next_if_eq(&(at + 1)).is_some() {
                    continue;
                }
                self.rest = quoted[at + 1..].trim_start().strip_prefix(',');
                let cell = &quoted[..at];
                let doubled = cell.contains('"');
                return Some(if doubled { cell.replace("\"\"", "\"").into() } else { cell.into() });
            }
            self.rest = None;
            return None;
        }
        let (cell, after) = match rest.split_once(',') {
            Some((cell, after)) => (cell, Some(after)),
            None => (rest, None),
        };
        self.rest = after;
        Some(cell.trim_end().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], labels: Labels) -> Result<Table, TableError> {
        read_text(text, labels, &|_| ())
    }

    #[test]
    fn names_and_numbers() {
        let text =
            b"source,target,rating,time\n# a comment\n a , \"b, c\" ,3,1\na,\"d\"\"e\",-1e-3,2\n\n";
        let table = read(text, Labels::Any).expect("valid");
        assert_eq!(table.names, ["a", "b, c", "d\"e"]);
        assert_eq!(table.entries, [(0, 1, 3.0), (0, 2, -1e-3)]);
        let table = read(b"s,t,w\r\n7,0,0.5\r\n", Labels::Numbers).expect("valid");
        assert_eq!((table.entries, table.names), (vec![(7, 0, 0.5)], Vec::new()));
    }

    #[test]
    fn refusals_name_the_line() {
        let long = [b"s,t,w\n\"".as_slice(), &vec![b'x'; 1 << 18]].concat();
        let wide = [b"s,t,w\n".as_slice(), &vec![b'x'; 2000], b",b,1\n"].concat();
        for (text, words) in [
            (b"a,b,1\n".as_slice(), "line 1: a header"),
            (b"s,t,w\na,b\n", "line 2: `a,b` is not source,target,weight"),
            (b"s,t,w\n\n# c\na,b,x\n", "line 4: weight `x` is not a number"),
            (b"s,t,w\na,b,inf\n", "line 2: weight inf is not finite"),
            (b"s,t,w\na,b,NaN\n", "line 2: weight NaN is not finite"),
            (b"s,t,w\n,b,1\n", "line 2: source is empty"),
            (b"s,t,w\n\"a,b,1\nc,d,1\n", "line 2: `\"a,b,1` is not source,target,weight"),
            (b"s,t,w\na,\xff,1\n", "line 2: it is not UTF-8"),
            (&wide, "line 2: source has more than 1024 bytes"),
            (&long, "line 2: it has more than 65536 bytes"),
        ] {
            let error = read(text, Labels::Any).expect_err(words).to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        for text in [b"s,t,w\n-1,0,1\n".as_slice(), b"s,t,w\n4294967296,0,1\n"] {
            let error = read(text, Labels::Numbers).expect_err("no number").to_string();
            assert!(error.contains("line 2: source"), "{error}");
        }
    }
}
