//! Large inputs from files, and bars that show how far long work is.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use muster_tables::{Labels, Table};

/// Parts of a bar.
const PARTS: u64 = 1000;

/// Reads a table, by the extension of its name; `-` is text from standard input.
pub fn read(path: &Path, labels: Labels) -> Result<Table> {
    let bar = Bar::of_parts("reading");
    let table = if path == Path::new("-") {
        muster_tables::read_text(std::io::stdin().lock(), labels, &|_| ())
    } else {
        muster_tables::read(path, labels, &|share| bar.set(share))
    };
    table.with_context(|| format!("{} is refused", path.display()))
}

/// A bar on stderr, if that is a terminal, which goes when it is dropped.
pub struct Bar(ProgressBar);

impl Bar {
    /// For work that knows how far it is.
    fn of_parts(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{msg} {bar:40} {percent:>3}% {elapsed}");
        Self::new(ProgressBar::new(PARTS), style.expect("a valid template"), what)
    }

    /// For work of unknown length.
    pub fn of_time(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        let bar = Self::new(ProgressBar::new_spinner(), style.expect("a valid template"), what);
        if !bar.0.is_hidden() {
            bar.0.enable_steady_tick(Duration::from_millis(200));
        }
        bar
    }

    fn new(bar: ProgressBar, style: ProgressStyle, what: &'static str) -> Self {
        bar.set_style(style);
        bar.set_message(what);
        Self(bar)
    }

    fn set(&self, share: f64) {
        self.0.set_position((share * PARTS as f64) as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
