//! What people and scripts see: stdout carries the result, stderr everything else.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
use serde::Serialize;

/// Prints one JSON document.
pub fn print_json(document: &(impl Serialize + ?Sized)) -> Result<()> {
    let text = serde_json::to_string_pretty(document).context("the result cannot be JSON")?;
    print(&text)
}

/// A value as JSON writes it, on one line.
pub fn as_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).context("the result cannot be JSON")
}

/// Prints a text and a line end. A reader that went away is no failure of ours.
pub fn print(text: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to stdout"),
    }
}

/// Says something that is not the result.
pub fn say(text: &str) {
    // stderr may be closed; then nobody wants to know.
    writeln!(std::io::stderr(), "{text}").ok();
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

/// Text from outside, which must not command the terminal.
pub fn visible(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
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

    /// Adds a row; missing cells stay empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text; the header is bold where `colour` says so.
    pub fn render(&self, colour: bool) -> String {
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
        let mut lines = vec![if colour { format!("\u{1b}[1m{head}\u{1b}[0m") } else { head }];
        for row in &self.rows {
            lines.push(line(&|column| row.get(column).cloned().unwrap_or_default()));
        }
        lines.join("\n")
    }

    /// Prints the table on stdout.
    pub fn print(&self) -> Result<()> {
        print(&self.render(colours()))
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
        assert_eq!(table.render(false), "name     stake\npeer-0   1.500\nä       12.000");
    }

    #[test]
    fn text_from_outside_does_not_command_the_terminal() {
        assert_eq!(one_line("row 1:\n \u{1b}[2Jä\u{7}"), "row 1: \u{fffd}[2Jä\u{fffd}");
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
