//! What a figure shows, apart from how it is drawn.

use crate::statistics::Spread;

/// One figure: panels beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name of its files.
    pub name: String,
    /// One sentence below it: what is seen, with sizes and seeds.
    pub caption: String,
    /// From left to right; drawn in rows of at most three.
    pub panels: Vec<Panel>,
}

impl Figure {
    /// A figure of these parts.
    pub fn new(name: impl Into<String>, caption: impl Into<String>, panels: Vec<Panel>) -> Self {
        Self { name: name.into(), caption: caption.into(), panels }
    }
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Its heading.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, first to last.
    pub marks: Vec<Mark>,
}

impl Panel {
    /// A panel of these parts.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis, marks: Vec<Mark>) -> Self {
        Self { title: title.into(), x, y, marks }
    }
}

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// Evenly.
    Linear,
    /// By powers of ten; values must be above zero.
    Logarithmic,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The quantity, with its unit: `deadline (s)`.
    pub label: String,
    /// How it is divided.
    pub division: Division,
    /// From where to where; by default from the data.
    pub range: Option<(f64, f64)>,
    /// Names at 0, 1, 2, .. instead of numbers.
    pub categories: Vec<String>,
}

impl Axis {
    /// An evenly divided axis, its range from the data.
    pub fn linear(label: impl Into<String>) -> Self {
        let (division, range) = (Division::Linear, None);
        Self { label: label.into(), division, range, categories: Vec::new() }
    }

    /// An axis divided by powers of ten, its range from the data.
    pub fn logarithmic(label: impl Into<String>) -> Self {
        Self { division: Division::Logarithmic, ..Self::linear(label) }
    }

    /// An axis of names.
    pub fn categories(label: impl Into<String>, names: Vec<String>) -> Self {
        Self { categories: names, ..Self::linear(label) }
    }

    /// The same axis from `low` to `high`.
    pub fn within(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Without gaps: what was measured or computed.
    Solid,
    /// With gaps: a claim, a bound, a comparison.
    Dashed,
}

/// Something that is drawn. Marks with the same label share a colour and one line of the legend; an
/// empty label has no line in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// Its line in the legend.
        label: String,
        /// Points (x, y), x ascending.
        points: Vec<(f64, f64)>,
        /// How it is drawn.
        stroke: Stroke,
    },
    /// The area between two lines: a confidence interval, a spread over seeds.
    Band {
        /// The label of the line that it belongs to.
        label: String,
        /// Points (x, low, high), x ascending.
        points: Vec<(f64, f64, f64)>,
    },
    /// Single points.
    Points {
        /// Their line in the legend.
        label: String,
        /// Points (x, y).
        points: Vec<(f64, f64)>,
    },
    /// Bars from zero, those of several labels beside each other.
    Bars {
        /// Their line in the legend.
        label: String,
        /// (place on the horizontal axis, height).
        values: Vec<(f64, f64)>,
    },
    /// A map of colours.
    Heatmap {
        /// What the colour says, with its unit: stands beside the scale of colours.
        label: String,
        /// Middles of the columns, ascending and evenly spaced.
        x: Vec<f64>,
        /// Middles of the rows, ascending and evenly spaced.
        y: Vec<f64>,
        /// Row by row from the lowest y; `None` where there is no value.
        values: Vec<Option<f64>>,
        /// The values of the first and the last colour.
        range: (f64, f64),
    },
    /// A horizontal line across the panel.
    Horizontal {
        /// Its line in the legend.
        label: String,
        /// Where.
        y: f64,
    },
    /// A vertical line across the panel.
    Vertical {
        /// Its line in the legend.
        label: String,
        /// Where.
        x: f64,
    },
}

impl Mark {
    /// A line through points (x, y).
    pub fn line(
        label: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
        stroke: Stroke,
    ) -> Self {
        Self::Line { label: label.into(), points: points.into_iter().collect(), stroke }
    }

    /// The area between two lines through points (x, low, high).
    pub fn band(
        label: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64, f64)>,
    ) -> Self {
        Self::Band { label: label.into(), points: points.into_iter().collect() }
    }

    /// Single points (x, y).
    pub fn points(label: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::Points { label: label.into(), points: points.into_iter().collect() }
    }

    /// Bars (place, height).
    pub fn bars(label: impl Into<String>, values: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::Bars { label: label.into(), values: values.into_iter().collect() }
    }

    /// A line across the panel at a height.
    pub fn horizontal(label: impl Into<String>, y: f64) -> Self {
        Self::Horizontal { label: label.into(), y }
    }

    /// A line up the panel at a place.
    pub fn vertical(label: impl Into<String>, x: f64) -> Self {
        Self::Vertical { label: label.into(), x }
    }

    /// A line through medians.
    pub fn medians(label: impl Into<String>, spreads: &[Spread], stroke: Stroke) -> Self {
        Self::line(label, spreads.iter().map(|s| (s.x, s.median)), stroke)
    }

    /// The area between the 10% and the 90% quantile.
    pub fn spread(label: impl Into<String>, spreads: &[Spread]) -> Self {
        Self::band(label, spreads.iter().map(|s| (s.x, s.low, s.high)))
    }
}
