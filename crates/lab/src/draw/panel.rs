//! One panel: where its parts lie, and everything but its marks.

use super::canvas::{Anchor, Canvas, GRID, INK, Letters, Pen, SOFT};
use super::letters;
use super::marks;
use super::palette;
use super::plot::Plot;
use super::scale::{Scale, Ticks};
use super::series::Series;
use crate::figure::{Axis, Division, Mark, Panel};

const TITLE: f64 = 13.0;
const TITLE_LINE: f64 = 17.0;
const LABEL: f64 = 12.0;
const NUMBER: f64 = 11.0;
/// Between a tick and its number, and between the parts beside an axis.
const SPACE: f64 = 6.0;
/// The width of a scale of colours.
const COLOURS: f64 = 13.0;

/// The scale of colours of a map.
struct Colours<'a> {
    label: &'a str,
    ticks: Ticks,
    scale: Scale,
    width: f64,
}

/// A panel whose parts have their sizes.
pub struct Layout<'a> {
    panel: &'a Panel,
    series: Series,
    with_legend: bool,
    x: Scale,
    y: Scale,
    x_ticks: Ticks,
    y_ticks: Ticks,
    title: Vec<String>,
    colours: Option<Colours<'a>>,
    plot_width: f64,
    plot_height: f64,
    /// What stands left of the plot.
    left: f64,
    /// What stands below it, without the legend.
    below: f64,
    /// Whether names along the horizontal axis are turned, for lack of room.
    turned: bool,
}

impl<'a> Layout<'a> {
    pub fn new(
        panel: &'a Panel,
        series: Series,
        with_legend: bool,
        plot_width: f64,
        plot_height: f64,
    ) -> Self {
        let (x, y) = marks::scales(panel);
        let x_ticks = ticks(&panel.x, &x, (plot_width / 75.0) as usize);
        let y_ticks = ticks(&panel.y, &y, (plot_height / 48.0) as usize);
        let (y_widest, x_widest) = (widest(&y_ticks), widest(&x_ticks));
        let each = plot_width / x_ticks.major.len().max(1) as f64;
        let turned = !panel.x.categories.is_empty() && x_widest + 8.0 > each;
        let names = if turned { 0.64 * x_widest + 14.0 } else { NUMBER + SPACE };
        let y_label = if axis_label(&panel.y, &y_ticks).is_empty() { 0.0 } else { LABEL + SPACE };
        // Turned names begin to the left of the place that they belong to.
        let overhang = if turned { (0.77 * x_widest - 0.5 * each).max(0.0) } else { 0.0 };
        let colours = panel.marks.iter().find_map(|mark| match mark {
            Mark::Heatmap { label, range, .. } => Some(colours(label, *range, plot_height)),
            _ => None,
        });
        Self {
            title: letters::wrap(&panel.title, TITLE, true, plot_width + 30.0),
            left: (y_widest + 2.0 * SPACE + y_label).max(overhang),
            below: names + SPACE + LABEL + SPACE,
            panel,
            series,
            with_legend,
            x,
            y,
            x_ticks,
            y_ticks,
            colours,
            plot_width,
            plot_height,
            turned,
        }
    }

    /// How wide the whole panel is.
    pub fn width(&self) -> f64 {
        let colours = self.colours.as_ref().map_or(SPACE, |colours| colours.width);
        let plain = self.left + self.plot_width + colours;
        if self.with_legend { plain.max(self.series.legend_width_least() + SPACE) } else { plain }
    }

    /// How high its title is.
    pub fn title_height(&self) -> f64 {
        TITLE_LINE * self.title.len() as f64 + SPACE
    }

    fn legend_height(&self) -> f64 {
        if self.with_legend { self.series.legend_height(self.width()) } else { 0.0 }
    }

    /// How high the whole panel is.
    pub fn height(&self) -> f64 {
        self.title_height() + self.plot_height + self.below + self.legend_height()
    }

    /// Draws the panel with its left upper corner at a point; plots of a row begin at one height.
    pub fn draw(&self, canvas: &mut Canvas, x: f64, y: f64, title_height: f64) {
        let plot = Plot {
            left: x + self.left,
            top: y + title_height,
            width: self.plot_width,
            height: self.plot_height,
            x: self.x,
            y: self.y,
        };
        let middle = plot.left + 0.5 * plot.width;
        for (row, line) in self.title.iter().rev().enumerate() {
            let at = (middle, plot.top - SPACE - 3.0 - TITLE_LINE * row as f64);
            canvas.text(at, line, Letters { bold: true, ..Letters::new(TITLE, Anchor::Middle) });
        }
        let mapped = self.colours.is_some();
        if !mapped {
            self.grid(canvas, &plot);
        }
        // Wide enough for the whole width of a line along an edge.
        let (rim, both) = (1.5, 3.0);
        canvas.clip(plot.left - rim, plot.top - rim, plot.width + both, plot.height + both);
        marks::draw_within(canvas, &plot, self.panel, &self.series, mapped);
        canvas.unclip();
        self.axes(canvas, &plot);
        marks::draw_points(canvas, &plot, self.panel, &self.series);
        if self.panel.marks.iter().all(marks::is_empty) {
            let at = (middle, plot.top + 0.5 * plot.height);
            let letters = Letters { colour: SOFT, ..Letters::new(LABEL, Anchor::Middle) };
            canvas.text(at, "no data", letters);
        }
        self.labels(canvas, &plot);
        if let Some(colours) = &self.colours {
            draw_colours(canvas, &plot, colours);
        }
        if self.with_legend {
            let top = plot.top + plot.height + self.below;
            self.series.draw_legend(canvas, x + SPACE, top, self.width() - SPACE);
        }
    }

    fn grid(&self, canvas: &mut Canvas, plot: &Plot) {
        let (bottom, right) = (plot.top + plot.height, plot.left + plot.width);
        for tick in &self.x_ticks.major {
            if let (Some((x, _)), true) = (plot.at(tick.value, plot.y.low), numbered(&self.panel.x))
            {
                canvas.line((x, plot.top), (x, bottom), Pen::solid(GRID, 1.0));
            }
        }
        for tick in &self.y_ticks.major {
            if let Some((_, y)) = plot.at(plot.x.low, tick.value) {
                canvas.line((plot.left, y), (right, y), Pen::solid(GRID, 1.0));
            }
        }
    }

    /// The frame, ticks and their numbers.
    fn axes(&self, canvas: &mut Canvas, plot: &Plot) {
        let (bottom, right) = (plot.top + plot.height, plot.left + plot.width);
        let pen = Pen::solid(INK, 1.0);
        canvas.path([(plot.left, plot.top), (plot.left, bottom), (right, bottom)], pen);
        for &value in &self.x_ticks.minor {
            if let Some((x, _)) = plot.at(value, plot.y.low) {
                canvas.line((x, bottom), (x, bottom + 2.5), pen);
            }
        }
        for &value in &self.y_ticks.minor {
            if let Some((_, y)) = plot.at(plot.x.low, value) {
                canvas.line((plot.left - 2.5, y), (plot.left, y), pen);
            }
        }
        for tick in &self.x_ticks.major {
            let Some((x, _)) = plot.at(tick.value, plot.y.low) else { continue };
            canvas.line((x, bottom), (x, bottom + 4.5), pen);
            let middle = Letters::new(NUMBER, Anchor::Middle);
            if self.turned {
                let letters = Letters { anchor: Anchor::End, turned: -40.0, ..middle };
                canvas.text((x + 4.0, bottom + SPACE + 9.0), &tick.label, letters);
            } else {
                canvas.text((x, bottom + SPACE + NUMBER), &tick.label, middle);
            }
        }
        for tick in &self.y_ticks.major {
            let Some((_, y)) = plot.at(plot.x.low, tick.value) else { continue };
            canvas.line((plot.left - 4.5, y), (plot.left, y), pen);
            let at = (plot.left - SPACE - 1.0, y + 0.36 * NUMBER);
            canvas.text(at, &tick.label, Letters::new(NUMBER, Anchor::End));
        }
    }

    fn labels(&self, canvas: &mut Canvas, plot: &Plot) {
        let x_label = axis_label(&self.panel.x, &self.x_ticks);
        let below = plot.top + plot.height + self.below - SPACE - 2.0;
        let letters = Letters::new(LABEL, Anchor::Middle);
        canvas.text((plot.left + 0.5 * plot.width, below), &x_label, letters);
        let y_label = axis_label(&self.panel.y, &self.y_ticks);
        let from_axis = 3.0 * SPACE + widest(&self.y_ticks) - 2.0;
        let at = (plot.left - from_axis, plot.top + 0.5 * plot.height);
        canvas.text(at, &y_label, Letters { turned: -90.0, ..letters });
    }
}

/// Whether an axis has numbers: lines between names would say nothing.
fn numbered(axis: &Axis) -> bool {
    axis.categories.is_empty()
}

/// The ticks of an axis: its names, or numbers.
fn ticks(axis: &Axis, scale: &Scale, about: usize) -> Ticks {
    if axis.categories.is_empty() {
        return scale.ticks(about);
    }
    let names = axis
        .categories
        .iter()
        .enumerate()
        .map(|(at, name)| super::scale::Tick { value: at as f64, label: name.clone() });
    let major = names.filter(|tick| scale.holds(tick.value)).collect();
    Ticks { major, ..Ticks::default() }
}

fn widest(ticks: &Ticks) -> f64 {
    let widths = ticks.major.iter().map(|tick| letters::width(&tick.label, NUMBER, false));
    widths.fold(0.0, f64::max)
}

fn axis_label(axis: &Axis, ticks: &Ticks) -> String {
    with_factor(&axis.label, ticks)
}

fn with_factor(label: &str, ticks: &Ticks) -> String {
    match &ticks.factor {
        Some(factor) => format!("{label} ({factor})").trim_start().to_owned(),
        None => label.to_owned(),
    }
}

fn colours(label: &str, range: (f64, f64), height: f64) -> Colours<'_> {
    let scale = Scale::new(Division::Linear, range.0, range.1, 0.0);
    let ticks = scale.ticks((height / 48.0) as usize);
    let width = SPACE + COLOURS + SPACE + widest(&ticks) + SPACE + LABEL + SPACE;
    Colours { label, ticks, scale, width: width + SPACE }
}

/// The scale of colours, right of a map.
fn draw_colours(canvas: &mut Canvas, plot: &Plot, colours: &Colours) {
    const STEPS: u8 = 64;
    let left = plot.left + plot.width + SPACE + 4.0;
    let each = plot.height / f64::from(STEPS);
    for step in 0..STEPS {
        let y = plot.top + plot.height - each * f64::from(step + 1);
        let colour = palette::map(palette::step((f64::from(step) + 0.5) / f64::from(STEPS)));
        // A little higher than its share, so that no seam is seen.
        let height = if step + 1 < STEPS { each + 0.6 } else { each };
        let top = if step + 1 < STEPS { y - 0.6 } else { y };
        canvas.rectangle(left, top, COLOURS, height, &colour);
    }
    let right = left + COLOURS;
    for tick in &colours.ticks.major {
        let Some(place) = colours.scale.place(tick.value) else { continue };
        let y = plot.top + (1.0 - place) * plot.height;
        canvas.line((right, y), (right + 3.5, y), Pen::solid(INK, 1.0));
        let at = (right + SPACE, y + 0.36 * NUMBER);
        canvas.text(at, &tick.label, Letters::new(NUMBER, Anchor::Start));
    }
    let label = with_factor(colours.label, &colours.ticks);
    let at = (right + 2.0 * SPACE + widest(&colours.ticks) + LABEL, plot.top + 0.5 * plot.height);
    canvas.text(at, &label, Letters { turned: -90.0, ..Letters::new(LABEL, Anchor::Middle) });
}
