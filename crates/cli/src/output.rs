//! What people and scripts see: stdout carries the result, stderr everything else.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
pub use muster_lab::words::{is_seen, visible};
use serde::Serialize;

/// Prints one JSON document. What is not seen as itself stands in it as JSON's escapes, which are
/// the same text to a program.
pub fn print_json(document: &(impl Serialize + ?Sized)) -> Result<()> {
    let text = serde_json::to_string_pretty(document).context("the result cannot be JSON")?;
    write_out(&escaped(&text))
}

/// A value as JSON writes it, on one line.
pub fn as_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).context("the result cannot be JSON")
}

/// JSON in which every character is seen; outside of strings it has none that is not.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || is_seen(character) {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// Prints a text and a line end. Whatever it holds, it commands no terminal: of what is not seen
/// as itself, line ends alone stay.
pub fn print(text: &str) -> Result<()> {
    write_out(&lines(text))
}

/// Prints a heading, bold where that is wanted, and what stands under it.
pub fn print_under(heading: &str, text: &str) -> Result<()> {
    let heading = visible(heading);
    let heading = if colours() { format!("\u{1b}[1m{heading}\u{1b}[0m") } else { heading };
    let end = if text.is_empty() { "" } else { "\n" };
    write_out(&format!("{heading}{end}{}", lines(text)))
}

/// The one way to stdout. A reader that went away is no failure of ours.
fn write_out(text: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to stdout"),
    }
}

/// Says something that is not the result.
pub fn say(text: &str) {
    // stderr may be closed; then nobody wants to know.
    writeln!(std::io::stderr(), "{}", lines(text)).ok();
}

/// Shows how far something is on a line of its own, on a terminal; nothing clears the line.
pub fn progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let text = visible(text);
        write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush()).ok();
    }
}

/// Text whose line ends are ours.
fn lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Whether colours may be used on stdout.
pub fn colours() -> bool {
    std::io::stdout().is_terminal() && colours_wanted()
}

/// Whether the user has not asked for no colours (<https://no-color.org>).
pub fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
}

/// One line without line ends, for errors.
pub fn one_line(text: &str) -> String {
    visible(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table of plain text: a header, rows, columns as wide as they need.
pub struct Table {
    header: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. Numbers stand to the right.
    pub fn new(header: &[(&'static str, Align)]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; missing cells stay empty. A cell is one line, whoever wrote it.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| visible(cell)).collect());
    }

    /// The lines of the table, the header's first.
    fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(self.header[column].0.chars().count())
        };
        let widths = (0..self.header.len()).map(width).collect::<Vec<_>>();
        let line = |cells: &dyn Fn(usize) -> String| {
            let mut text = String::new();
            for (column, (_, align)) in self.header.iter().enumerate() {
                let cell = cells(column);
                let space = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                let gap = if column == 0 { "" } else { "  " };
                match align {
                    Align::Left => text.extend([gap, &cell, &space]),
                    Align::Right => text.extend([gap, &space, &cell]),
                }
            }
            text.trim_end().to_owned()
        };
        let head = line(&|column| self.header[column].0.to_owned());
        let mut lines = vec![head];
        for row in &self.rows {
            lines.push(line(&|column| row.get(column).cloned().unwrap_or_default()));
        }
        lines
    }

    /// Prints the table on stdout.
    pub fn print(&self) -> Result<()> {
        let mut rows = self.lines();
        let head = rows.remove(0);
        print_under(&head, &rows.join("\n"))
    }
}

/// A number with `digits` decimals, or a dash where there is none.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

/// Grains as MST with three decimals, for tables.
pub fn mst(grains: u64) -> String {
    let thousandths = (u128::from(grains) + 500_000) / 1_000_000;
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

/// Bytes in the largest unit that leaves a number of at least one.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// The known word that is nearest to an unknown one, if any is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("name", Align::Left), ("stake", Align::Right)]);
        table.row(vec!["peer-0".into(), "1.500".into()]);
        table.row(vec!["ä".into(), "12.000".into()]);
        assert_eq!(table.lines(), ["name     stake", "peer-0   1.500", "ä       12.000"]);
    }

    #[test]
    fn text_from_outside_does_not_command_the_terminal() {
        assert_eq!(one_line("row 1:\n \u{1b}[2Jä\u{7}"), "row 1: \u{fffd}[2Jä\u{fffd}");
        assert_eq!(
            lines("a\nb\r\u{9b}2J\u{202e}c\u{200b}"),
            format!("a\nb{0}{0}2J{0}c{0}", '\u{fffd}')
        );
        let mut table = Table::new(&[("name", Align::Left), ("stake", Align::Right)]);
        table.row(vec!["x\n9  9\u{1b}]0;t\u{7}".into(), "1".into()]);
        assert_eq!(table.lines().len(), 2, "a cell is one line");
        assert!(table.lines().iter().flat_map(|line| line.chars()).all(is_seen));
    }

    #[test]
    fn json_with_text_from_outside_is_the_same_to_a_program() {
        let hostile = "a\u{1b}[2J\u{9b}\u{202e}\u{200b}\u{e0041}ä\"\n";
        let text = serde_json::to_string_pretty(&[hostile]).expect("JSON");
        let written = escaped(&text);
        assert!(written.chars().all(|sign| sign == '\n' || is_seen(sign)), "{written:?}");
        let read: Vec<String> = serde_json::from_str(&written).expect("JSON");
        assert_eq!(read, [hostile]);
    }

    #[test]
    fn amounts_are_rounded_to_the_nearest_thousandth() {
        for (grains, expected) in [(0, "0.000"), (1_500_000_000, "1.500"), (999_999_999, "1.000")] {
            assert_eq!(mst(grains), expected);
        }
        assert_eq!(mst(u64::MAX), "18446744073.710");
    }

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("behavior", ["behaviour", "count", "text"]), Some("behaviour"));
        assert_eq!(nearest("zzz", ["behaviour", "count", "text"]), None);
    }
}
