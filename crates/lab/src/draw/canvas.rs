//! The elements of an SVG drawing that figures need, with coordinates in hundredths of a unit.

use std::fmt::{self, Display, Write};

use crate::words::is_seen;

/// The ink of axes and text.
pub const INK: &str = "#22272b";
/// The ink of what matters less.
pub const SOFT: &str = "#5b6570";
/// Lines that help the eye.
pub const GRID: &str = "#e4e8eb";

/// Families with the widths of the bundled one, then any.
const FAMILIES: &str = "DejaVu Sans, Verdana, Segoe UI, sans-serif";

/// A growing drawing.
pub struct Canvas {
    text: String,
}

/// How a line is drawn.
#[derive(Clone, Copy)]
pub struct Pen<'a> {
    pub colour: &'a str,
    pub width: f64,
    /// Lengths of dashes and gaps; empty for a line without gaps.
    pub dashes: &'a str,
}

impl<'a> Pen<'a> {
    pub fn solid(colour: &'a str, width: f64) -> Self {
        Self { colour, width, dashes: "" }
    }
}

/// Where a text lies relative to its point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is written.
#[derive(Clone, Copy)]
pub struct Letters<'a> {
    pub size: f64,
    pub anchor: Anchor,
    pub bold: bool,
    pub colour: &'a str,
    /// Degrees, clockwise, around its point.
    pub turned: f64,
}

impl<'a> Letters<'a> {
    pub fn new(size: f64, anchor: Anchor) -> Self {
        Self { size, anchor, bold: false, colour: INK, turned: 0.0 }
    }
}

/// A number with two decimals at most.
struct Short(f64);

impl Display for Short {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let hundredths = (self.0 * 100.0).round();
        // Not minus zero.
        let rounded = if hundredths == 0.0 { 0.0 } else { hundredths / 100.0 };
        write!(out, "{rounded}")
    }
}

/// Text for XML: signs escaped, what is not seen as itself left out.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                // XML may not hold the last two.
                other if !is_seen(other) || matches!(other, '\u{fffe}' | '\u{ffff}') => {
                    out.write_char(' ')?;
                }
                other => out.write_char(other)?,
            }
        }
        Ok(())
    }
}

impl Canvas {
    /// A white page, and what is seen on it in words.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let (w, h, title) = (Short(width), Short(height), Escaped(title));
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" \
             width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" font-family=\"{FAMILIES}\" \
             role=\"img\">\n<title>{title}</title>\n<rect width=\"{w}\" height=\"{h}\" \
             fill=\"#ffffff\"/>\n"
        );
        Self { text }
    }

    /// The finished document.
    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn add(&mut self, element: fmt::Arguments) {
        self.text.write_fmt(element).expect("a string takes everything");
    }

    /// What follows is drawn within a rectangle, in the coordinates of the page.
    pub fn clip(&mut self, x: f64, y: f64, width: f64, height: f64) {
        let (x, y, w, h) = (Short(x), Short(y), Short(width), Short(height));
        self.add(format_args!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" viewBox=\"{x} {y} {w} {h}\">\n"
        ));
    }

    /// The end of [`Self::clip`].
    pub fn unclip(&mut self) {
        self.text.push_str("</svg>\n");
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), pen: Pen) {
        self.path([from, to], pen);
    }

    /// A line through points.
    pub fn path(&mut self, points: impl IntoIterator<Item = (f64, f64)>, pen: Pen) {
        let mut way = String::new();
        for (at, (x, y)) in points.into_iter().enumerate() {
            let step = if at == 0 { 'M' } else { 'L' };
            write!(way, "{step}{} {}", Short(x), Short(y)).expect("a string takes everything");
        }
        if way.is_empty() {
            return;
        }
        let Pen { colour, width, dashes } = pen;
        let gaps = if dashes.is_empty() { "" } else { " stroke-dasharray=\"" };
        let end = if dashes.is_empty() { "" } else { "\"" };
        self.add(format_args!(
            "<path d=\"{way}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\" \
             stroke-linejoin=\"round\"{gaps}{dashes}{end}/>\n",
            Short(width)
        ));
    }

    /// A filled shape with corners.
    pub fn shape(
        &mut self,
        points: impl IntoIterator<Item = (f64, f64)>,
        colour: &str,
        opacity: f64,
    ) {
        let mut corners = String::new();
        for (x, y) in points {
            write!(corners, "{},{} ", Short(x), Short(y)).expect("a string takes everything");
        }
        let (corners, opacity) = (corners.trim_end(), Short(opacity));
        self.add(format_args!(
            "<polygon points=\"{corners}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>\n"
        ));
    }

    /// A filled rectangle with sharp edges.
    pub fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        self.rectangles(&[[x, y, width, height]], colour);
    }

    /// Rectangles of one colour, each (x, y, width, height), with sharp edges.
    pub fn rectangles(&mut self, all: &[[f64; 4]], colour: &str) {
        let mut way = String::new();
        for &[x, y, width, height] in all {
            let (x, y, w, h, back) =
                (Short(x), Short(y), Short(width), Short(height), Short(-width));
            write!(way, "M{x} {y}h{w}v{h}h{back}z").expect("a string takes everything");
        }
        self.add(format_args!(
            "<path d=\"{way}\" fill=\"{colour}\" shape-rendering=\"crispEdges\"/>\n"
        ));
    }

    pub fn circle(&mut self, (x, y): (f64, f64), radius: f64, colour: &str) {
        let (x, y, r) = (Short(x), Short(y), Short(radius));
        self.add(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{colour}\"/>\n"));
    }

    pub fn text(&mut self, (x, y): (f64, f64), content: &str, letters: Letters) {
        let Letters { size, anchor, bold, colour, turned } = letters;
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, size, content) = (Short(x), Short(y), Short(size), Escaped(content));
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        self.add(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" \
             fill=\"{colour}\"{weight}"
        ));
        if turned != 0.0 {
            self.add(format_args!(" transform=\"rotate({} {x} {y})\"", Short(turned)));
        }
        self.add(format_args!(">{content}</text>\n"));
    }
}
