//! Which colour a label has, and the legend.

use super::canvas::{Anchor, Canvas, Letters, Pen};
use super::{letters, palette};
use crate::figure::{Mark, Panel, Stroke};

const SIZE: f64 = 11.5;
const LINE: f64 = 19.0;
/// From the start of a sample to the start of its label, and after a label.
const SAMPLE: f64 = 30.0;
const SPACE: f64 = 20.0;

/// The dashes of a claim or bound.
const CLAIM: &str = "6 4";
/// Those of a series whose colour stood before.
const REPEATED: &str = "1.5 2.5";

/// One label and how it is drawn.
#[derive(Clone, Default, PartialEq)]
struct Entry {
    label: String,
    solid: bool,
    dashed: bool,
    points: bool,
    filled: bool,
}

/// All labels of a panel, or of a figure whose panels share them.
#[derive(Clone, Default, PartialEq)]
pub struct Series {
    entries: Vec<Entry>,
}

/// The label of a mark, unless it is none of a legend.
fn label(mark: &Mark) -> Option<&str> {
    let label = match mark {
        Mark::Line { label, .. }
        | Mark::Band { label, .. }
        | Mark::Points { label, .. }
        | Mark::Bars { label, .. }
        | Mark::Horizontal { label, .. }
        | Mark::Vertical { label, .. } => label,
        Mark::Heatmap { .. } => return None,
    };
    Some(label).filter(|label| !label.is_empty()).map(String::as_str)
}

/// One legend for all panels, where more than one panel has one and all have the same labels.
pub fn shared(panels: &[Panel]) -> Option<Series> {
    let names = |panel: &Panel| {
        let mut names = panel.marks.iter().filter_map(label).collect::<Vec<_>>();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut labelled = panels.iter().map(names).filter(|names| !names.is_empty());
    let first = labelled.next()?;
    let mut others = labelled.peekable();
    (others.peek().is_some() && others.all(|names| names == first)).then(|| Series::of(panels))
}

impl Series {
    /// The labels of panels, in the order of their first mark.
    pub fn of(panels: &[Panel]) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for mark in panels.iter().flat_map(|panel| &panel.marks) {
            let Some(label) = label(mark) else { continue };
            let at = entries.iter().position(|entry| entry.label == label);
            let at = at.unwrap_or_else(|| {
                entries.push(Entry { label: label.to_owned(), ..Entry::default() });
                entries.len() - 1
            });
            let entry = &mut entries[at];
            match mark {
                Mark::Line { stroke: Stroke::Solid, .. } => entry.solid = true,
                Mark::Line { .. } | Mark::Horizontal { .. } | Mark::Vertical { .. } => {
                    entry.dashed = true;
                }
                Mark::Points { .. } => entry.points = true,
                Mark::Band { .. } | Mark::Bars { .. } => entry.filled = true,
                Mark::Heatmap { .. } => {}
            }
        }
        Self { entries }
    }

    /// The number of a label; marks without one come last.
    pub fn index(&self, label: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.label == label)
    }

    /// The colour of a label. What has none is grey beside what has one.
    pub fn colour(&self, label: &str) -> &'static str {
        match self.index(label) {
            Some(index) => palette::series(index),
            None if self.entries.is_empty() => palette::series(0),
            None => super::canvas::SOFT,
        }
    }

    /// How its lines are drawn.
    pub fn pen(&self, label: &str, stroke: Stroke) -> Pen<'static> {
        let colour = self.colour(label);
        let repeats = self.index(label).is_some_and(palette::repeats);
        match stroke {
            Stroke::Dashed => Pen { colour, width: 1.6, dashes: CLAIM },
            Stroke::Solid if repeats => Pen { colour, width: 2.0, dashes: REPEATED },
            Stroke::Solid if self.index(label).is_none() && !self.entries.is_empty() => {
                Pen::solid(colour, 1.2)
            }
            Stroke::Solid => Pen::solid(colour, 2.0),
        }
    }

    /// A point of a series; shapes differ as well as colours.
    pub fn point(&self, canvas: &mut Canvas, label: &str, (x, y): (f64, f64), radius: f64) {
        let (colour, r) = (self.colour(label), radius * 1.15);
        let corners: &[(f64, f64)] = match self.index(label).unwrap_or_default() % 4 {
            0 => return canvas.circle((x, y), radius, colour),
            1 => &[(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
            2 => &[(0.0, -1.1), (1.0, 0.8), (-1.0, 0.8)],
            _ => &[(0.0, -1.1), (1.1, 0.0), (0.0, 1.1), (-1.1, 0.0)],
        };
        canvas.shape(corners.iter().map(|(dx, dy)| (x + r * dx, y + r * dy)), colour, 1.0);
    }

    /// The entries by line of the legend, each with its distance from the left.
    fn lines(&self, limit: f64) -> Vec<Vec<(f64, &Entry)>> {
        let mut lines: Vec<Vec<(f64, &Entry)>> = Vec::new();
        let mut x = 0.0;
        for entry in &self.entries {
            let width = SAMPLE + 1.05 * letters::width(&entry.label, SIZE, false);
            if lines.is_empty() || x + width > limit {
                lines.push(Vec::new());
                x = 0.0;
            }
            lines.last_mut().expect("there is a line").push((x, entry));
            x += width + SPACE;
        }
        lines
    }

    /// How high the legend is at a width.
    pub fn legend_height(&self, width: f64) -> f64 {
        let lines = self.lines(width).len() as f64;
        if lines > 0.0 { LINE * lines + 4.0 } else { 0.0 }
    }

    /// How wide the widest entry is.
    pub fn legend_width_least(&self) -> f64 {
        let widths =
            self.entries.iter().map(|e| SAMPLE + 1.05 * letters::width(&e.label, SIZE, false));
        widths.fold(0.0, f64::max)
    }

    /// Draws the legend with its left upper corner at a point.
    pub fn draw_legend(&self, canvas: &mut Canvas, left: f64, top: f64, width: f64) {
        for (row, line) in self.lines(width).iter().enumerate() {
            let y = top + LINE * (row as f64 + 0.5);
            for &(x, entry) in line {
                self.sample(canvas, entry, left + x, y);
                let at = (left + x + SAMPLE, y + 0.35 * SIZE);
                canvas.text(at, &entry.label, Letters::new(SIZE, Anchor::Start));
            }
        }
    }

    fn sample(&self, canvas: &mut Canvas, entry: &Entry, x: f64, y: f64) {
        let (from, to) = ((x, y), (x + SAMPLE - 7.0, y));
        let label = entry.label.as_str();
        if entry.filled {
            let lined = entry.solid || entry.dashed || entry.points;
            let corners = [(x, y - 5.0), (to.0, y - 5.0), (to.0, y + 5.0), (x, y + 5.0)];
            canvas.shape(corners, self.colour(label), if lined { 0.2 } else { 0.9 });
        }
        if entry.solid {
            canvas.line(from, to, self.pen(label, Stroke::Solid));
        } else if entry.dashed {
            canvas.line(from, to, self.pen(label, Stroke::Dashed));
        }
        if entry.points {
            self.point(canvas, label, ((x + to.0) / 2.0, y), 3.2);
        }
    }
}
