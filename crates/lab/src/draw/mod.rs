//! Draws figures as SVG with real text, and PNG from it with a font that is built in.
//!
//! Series have the colours of Okabe and Ito, maps those of viridis; claims and bounds are dashed;
//! legends stand below the axes, where they hide nothing.

mod canvas;
mod letters;
mod marks;
mod palette;
mod panel;
mod plot;
mod scale;
mod series;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

use crate::figure::Figure;
use crate::files::{FileError, write_whole};
use canvas::Canvas;
use panel::Layout;
use series::Series;

/// Why a figure cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The file's name does not say how to draw.
    #[error("{0}: the file's name must end with .svg or .png")]
    Extension(String),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The drawing is too large for a picture of pixels, or not well-formed: a bug.
    #[error("the drawing cannot be turned into pixels: {0}")]
    Pixels(String),
}

/// Around the page and between panels.
const GAP: f64 = 14.0;
/// Pixels of the PNG for one unit of the SVG.
const PIXELS: f32 = 2.0;

/// What a file of a figure holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Elements and text.
    Svg,
    /// Pixels.
    Png,
}

impl Format {
    /// By the ending of the file's name.
    ///
    /// # Errors
    /// [`DrawError::Extension`] for any ending but `.svg` and `.png`.
    pub fn of(path: &Path) -> Result<Self, DrawError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(DrawError::Extension(path.display().to_string())),
        }
    }
}

/// Draws a figure into a file, as SVG or PNG by the ending of its name.
///
/// # Errors
/// For any other ending, and where the file cannot be written.
pub fn write(figure: &Figure, path: &Path) -> Result<(), DrawError> {
    let content = match Format::of(path)? {
        Format::Svg => svg(figure).into_bytes(),
        Format::Png => png(figure)?,
    };
    Ok(write_whole(path, &content)?)
}

/// A figure as SVG.
pub fn svg(figure: &Figure) -> String {
    let columns = match figure.panels.len() {
        0 | 1 => 1,
        2 | 4 => 2,
        _ => 3,
    };
    let (plot_width, plot_height) = match columns {
        1 => (520.0, 320.0),
        2 => (350.0, 270.0),
        _ => (270.0, 230.0),
    };
    let shared = series::shared(&figure.panels);
    let panels = figure.panels.iter().map(|panel| {
        let series = shared.clone().unwrap_or_else(|| Series::of(std::slice::from_ref(panel)));
        Layout::new(panel, series, shared.is_none(), plot_width, plot_height)
    });
    let panels = panels.collect::<Vec<_>>();
    let width_of = |column: usize| {
        let widths = panels.iter().skip(column).step_by(columns).map(Layout::width);
        widths.fold(0.0, f64::max)
    };
    let widths = (0..columns).map(width_of).collect::<Vec<_>>();
    let inner = widths.iter().sum::<f64>() + GAP * (columns - 1) as f64;
    let rows = panels.chunks(columns).collect::<Vec<_>>();
    let heights = rows.iter().map(|row| row.iter().map(Layout::height).fold(0.0, f64::max));
    let heights = heights.collect::<Vec<_>>();
    let legend = shared.as_ref().map_or(0.0, |series| series.legend_height(inner));
    let height = heights.iter().map(|height| height + GAP).sum::<f64>() + GAP + legend;
    let mut canvas = Canvas::new(inner + 2.0 * GAP, height, &figure.caption);
    let mut y = GAP;
    for (row, height) in rows.iter().zip(&heights) {
        let (mut x, title) = (GAP, row.iter().map(Layout::title_height).fold(0.0, f64::max));
        for (panel, width) in row.iter().zip(&widths) {
            panel.draw(&mut canvas, x, y, title);
            x += width + GAP;
        }
        y += height + GAP;
    }
    if let Some(series) = shared {
        series.draw_legend(&mut canvas, GAP, y - 0.5 * GAP, inner);
    }
    canvas.finish()
}

/// A figure as PNG, two pixels for each unit of the SVG.
///
/// # Errors
/// [`DrawError::Pixels`] where the picture is too large for memory.
pub fn png(figure: &Figure) -> Result<Vec<u8>, DrawError> {
    let refuse = |error: &dyn std::fmt::Display| DrawError::Pixels(error.to_string());
    let options = usvg::Options {
        fontdb: fonts(),
        font_family: "DejaVu Sans".to_owned(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(&svg(figure), &options).map_err(|error| refuse(&error))?;
    let size = tree.size().to_int_size().scale_by(PIXELS);
    let size = size.ok_or_else(|| refuse(&"it has no size"))?;
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| refuse(&format!("{} x {} pixels", size.width(), size.height())))?;
    resvg::render(&tree, Transform::from_scale(PIXELS, PIXELS), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| refuse(&error))
}

/// The bundled fonts and no other, so that a picture is the same on every machine.
fn fonts() -> Arc<usvg::fontdb::Database> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    };
    FONTS.get_or_init(load).clone()
}
