//! Figures of calculators' results: `--plot FILE.svg` or `FILE.png`.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use muster_lab::draw;
use muster_lab::figure::{Figure, Mark, Panel, Stroke};

use crate::output;

/// Where a figure goes.
#[derive(Clone, Debug, clap::Args)]
pub struct PlotOption {
    /// Draw the result into a file that ends with .svg or .png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl PlotOption {
    /// Refuses a file that cannot be drawn before anything is computed.
    pub fn check(&self) -> Result<()> {
        let Some(path) = &self.plot else { return Ok(()) };
        draw::Format::of(path).map(drop).map_err(|error| anyhow!("--plot {error}"))
    }

    /// Whether a figure is wanted.
    pub fn wanted(&self) -> bool {
        self.plot.is_some()
    }

    /// Draws one panel, if a figure is wanted.
    pub fn write(&self, panels: impl FnOnce() -> Vec<Panel>) -> Result<()> {
        let Some(path) = &self.plot else { return Ok(()) };
        let panels = panels();
        let caption =
            panels.iter().map(|panel| panel.title.as_str()).collect::<Vec<_>>().join("; ");
        let figure = Figure { name: "plot".to_owned(), caption, panels };
        draw::write(&figure, path).with_context(|| format!("--plot {}", path.display()))?;
        output::say(&format!("The figure: {}", path.display()));
        Ok(())
    }
}

/// A solid line.
pub fn line(label: &str, points: Vec<(f64, f64)>) -> Mark {
    Mark::line(label, points, Stroke::Solid)
}

/// The text of a figure as it would be drawn into a file.
#[cfg(test)]
pub fn drawn(panels: Vec<Panel>) -> String {
    draw::svg(&Figure { name: String::new(), caption: String::new(), panels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_refused_before_anything_is_computed() {
        let option = |name: &str| PlotOption { plot: Some(name.into()) };
        assert!(option("a.svg").check().is_ok() && option("b/c.png").check().is_ok());
        for name in ["a.pdf", "svg", "a.PNG", ""] {
            let error = option(name).check().expect_err("refused").to_string();
            assert!(error.contains("must end with .svg or .png"), "{error}");
        }
    }
}
