//! What a panel shows: its marks, and the ranges of axes that they ask for.

use std::collections::BTreeMap;

use super::canvas::{Canvas, Pen};
use super::palette;
use super::plot::Plot;
use super::scale::Scale;
use super::series::Series;
use crate::figure::{Axis, Division, Mark, Panel, Stroke};

/// Whether a mark has nothing to draw.
pub fn is_empty(mark: &Mark) -> bool {
    match mark {
        Mark::Line { points, .. } | Mark::Points { points, .. } => points.is_empty(),
        Mark::Band { points, .. } => points.is_empty(),
        Mark::Bars { values, .. } => values.is_empty(),
        Mark::Heatmap { x, y, .. } => x.is_empty() || y.is_empty(),
        Mark::Horizontal { .. } | Mark::Vertical { .. } => false,
    }
}

/// The least and the largest of the values that an axis can show.
struct Extent {
    division: Division,
    low: f64,
    high: f64,
}

impl Extent {
    fn add(&mut self, value: f64) {
        let shown = value.is_finite() && (self.division == Division::Linear || value > 0.0);
        if shown {
            (self.low, self.high) = (self.low.min(value), self.high.max(value));
        }
    }
}

/// The scales of both axes: what the panel says, or what its marks need.
pub fn scales(panel: &Panel) -> (Scale, Scale) {
    let empty = |axis: &Axis| Extent {
        division: axis.division,
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
    };
    let (mut x, mut y) = (empty(&panel.x), empty(&panel.y));
    // A map fills its panel; what else is drawn lies over it.
    let is_map = |mark: &&Mark| matches!(mark, Mark::Heatmap { .. });
    let mapped = panel.marks.iter().any(|mark| is_map(&mark));
    for mark in panel.marks.iter().filter(|mark| !mapped || is_map(mark)) {
        extend(mark, panel, &mut x, &mut y);
    }
    let barred = panel.marks.iter().any(|mark| matches!(mark, Mark::Bars { .. }));
    let (x_margin, y_margin) = if mapped { (0.0, 0.0) } else { (0.02, 0.05) };
    let x = scale(&panel.x, &x, if barred { 0.0 } else { x_margin });
    let mut y = scale(&panel.y, &y, y_margin);
    // Bars stand on the axis.
    if barred && panel.y.range.is_none() && panel.y.division == Division::Linear && y.low < 0.0 {
        let lowest = panel.marks.iter().filter_map(bars).flatten();
        if lowest.fold(0.0, |low: f64, &(_, value)| low.min(value)) == 0.0 {
            y = Scale::new(Division::Linear, 0.0, y.high, 0.0);
        }
    }
    (x, y)
}

fn scale(axis: &Axis, extent: &Extent, margin: f64) -> Scale {
    match axis.range {
        Some((low, high)) => Scale::new(axis.division, low, high, 0.0),
        None if !axis.categories.is_empty() => {
            Scale::new(Division::Linear, -0.5, axis.categories.len() as f64 - 0.5, 0.0)
        }
        None => Scale::new(axis.division, extent.low, extent.high, margin),
    }
}

fn extend(mark: &Mark, panel: &Panel, x: &mut Extent, y: &mut Extent) {
    match mark {
        Mark::Line { points, .. } | Mark::Points { points, .. } => {
            for point in points {
                x.add(point.0);
                y.add(point.1);
            }
        }
        Mark::Band { points, .. } => {
            for point in points {
                x.add(point.0);
                y.add(point.1);
                y.add(point.2);
            }
        }
        Mark::Bars { values, .. } => {
            let half = 0.5 * group_width(panel);
            y.add(0.0);
            for value in values {
                x.add(value.0 - half);
                x.add(value.0 + half);
                y.add(value.1);
            }
        }
        Mark::Heatmap { x: columns, y: rows, .. } => {
            for edge in edges(columns, panel.x.division) {
                x.add(edge);
            }
            for edge in edges(rows, panel.y.division) {
                y.add(edge);
            }
        }
        Mark::Horizontal { y: at, .. } => y.add(*at),
        Mark::Vertical { x: at, .. } => x.add(*at),
    }
}

fn bars(mark: &Mark) -> Option<&Vec<(f64, f64)>> {
    match mark {
        Mark::Bars { values, .. } => Some(values),
        _ => None,
    }
}

/// The width of the bars that stand at one place, and the gap to the next.
fn group_width(panel: &Panel) -> f64 {
    let values = panel.marks.iter().filter_map(bars).flatten();
    let mut places =
        values.map(|&(place, _)| place).filter(|place| place.is_finite()).collect::<Vec<_>>();
    places.sort_by(f64::total_cmp);
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]).filter(|&gap| gap > 0.0);
    let least = gaps.fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { 1.0 }
}

/// Where the cells of a map end, from the middles of its columns or rows.
fn edges(middles: &[f64], division: Division) -> Vec<f64> {
    let logarithmic = division == Division::Logarithmic;
    let to = |value: f64| if logarithmic { libm::log10(value) } else { value };
    let from = |value: f64| if logarithmic { libm::exp10(value) } else { value };
    let Some((&first, &last)) = middles.first().zip(middles.last()) else { return Vec::new() };
    let (first, last) = (to(first), to(last));
    let steps = (middles.len() - 1) as f64;
    let step = if steps > 0.0 { (last - first) / steps } else { 1.0 };
    (0..=middles.len()).map(|at| from(first + step * (at as f64 - 0.5))).collect()
}

/// Draws what ends at the edges of the plot; lines over a map get a light rim.
pub fn draw_within(canvas: &mut Canvas, plot: &Plot, panel: &Panel, series: &Series, mapped: bool) {
    for mark in &panel.marks {
        match mark {
            Mark::Heatmap { x, y, values, range, .. } => {
                heatmap(canvas, plot, panel, (x, y, values), *range);
            }
            Mark::Band { label, points } => band(canvas, plot, points, series.colour(label)),
            Mark::Bars { label, values } => draw_bars(canvas, plot, panel, label, values, series),
            _ => {}
        }
    }
    let line = |canvas: &mut Canvas, points: Vec<(f64, f64)>, pen: Pen<'_>| {
        if mapped {
            canvas.path(points.iter().copied(), Pen::solid("#ffffff", pen.width + 2.0));
        }
        canvas.path(points, pen);
    };
    for mark in &panel.marks {
        match mark {
            Mark::Line { label, points, stroke } => {
                for run in runs(plot, points) {
                    line(canvas, run, series.pen(label, *stroke));
                }
            }
            Mark::Horizontal { label, y } => {
                if let Some((_, y)) = plot.at(plot.x.low, *y) {
                    let ends = vec![(plot.left, y), (plot.left + plot.width, y)];
                    line(canvas, ends, series.pen(label, Stroke::Dashed));
                }
            }
            Mark::Vertical { label, x } => {
                if let Some((x, _)) = plot.at(*x, plot.y.low) {
                    let ends = vec![(x, plot.top), (x, plot.top + plot.height)];
                    line(canvas, ends, series.pen(label, Stroke::Dashed));
                }
            }
            _ => {}
        }
    }
}

/// Draws points, and lines of a single point, whole even at the edges of the plot.
pub fn draw_points(canvas: &mut Canvas, plot: &Plot, panel: &Panel, series: &Series) {
    let shown = |&(x, y): &(f64, f64)| plot.x.holds(x) && plot.y.holds(y);
    for mark in &panel.marks {
        let (label, points) = match mark {
            Mark::Points { label, points } => (label, points),
            Mark::Line { label, points, .. } if points.len() == 1 => (label, points),
            _ => continue,
        };
        let radius = if points.len() > 400 { 1.8 } else { 3.2 };
        for &(x, y) in points.iter().filter(|point| shown(point)) {
            if let Some(at) = plot.at(x, y) {
                series.point(canvas, label, at, radius);
            }
        }
    }
}

/// Points that follow each other without a value that cannot be shown.
fn runs(plot: &Plot, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for &(x, y) in points {
        match plot.at(x, y) {
            Some(at) => runs.last_mut().expect("there is a run").push(at),
            None => runs.push(Vec::new()),
        }
    }
    runs.into_iter().filter(|run| run.len() > 1).collect()
}

fn band(canvas: &mut Canvas, plot: &Plot, points: &[(f64, f64, f64)], colour: &str) {
    // On an axis of powers of ten, a bound at zero or below lies beyond the lower edge.
    let lower = |x: f64, low: f64| {
        plot.at(x, low).or_else(|| plot.at(x, plot.y.low).filter(|_| low <= 0.0))
    };
    let sides = points
        .iter()
        .filter_map(|&(x, low, high)| Some((lower(x, low)?, plot.at(x, high)?)))
        .collect::<Vec<_>>();
    let (below, above): (Vec<_>, Vec<_>) = sides.into_iter().unzip();
    if below.len() > 1 {
        canvas.shape(above.into_iter().chain(below.into_iter().rev()), colour, 0.2);
    } else if let (Some(&low), Some(&high)) = (below.first(), above.first()) {
        canvas.line(low, high, Pen { colour, width: 3.0, dashes: "" });
    }
}

fn draw_bars(
    canvas: &mut Canvas,
    plot: &Plot,
    panel: &Panel,
    label: &str,
    values: &[(f64, f64)],
    series: &Series,
) {
    let mut labels = Vec::new();
    for mark in &panel.marks {
        if let Mark::Bars { label, .. } = mark
            && !labels.contains(label)
        {
            labels.push(label.clone());
        }
    }
    let place = labels.iter().position(|other| other == label).unwrap_or_default();
    let group = 0.8 * group_width(panel);
    let each = group / labels.len().max(1) as f64;
    let base = if plot.y.holds(0.0) { 0.0 } else { plot.y.low };
    for &(x, height) in values {
        let left = x - 0.5 * group + each * place as f64;
        let corners = (plot.at(left, base), plot.at(left + 0.94 * each, height));
        if let (Some((left, bottom)), Some((right, top))) = corners {
            let (high, low) = (top.min(bottom), top.max(bottom));
            canvas.rectangle(left, high, right - left, low - high, series.colour(label));
        }
    }
}

type Map<'a> = (&'a [f64], &'a [f64], &'a [Option<f64>]);

/// Draws a map colour by colour; neighbours in a row that have one colour are one rectangle.
fn heatmap(canvas: &mut Canvas, plot: &Plot, panel: &Panel, map: Map, range: (f64, f64)) {
    let (columns, rows, values) = map;
    let (x_edges, y_edges) = (edges(columns, panel.x.division), edges(rows, panel.y.division));
    let scale = Scale::new(Division::Linear, range.0, range.1, 0.0);
    let step = |row: usize, column: usize| {
        let value = values.get(row * columns.len() + column).copied().flatten();
        value.and_then(|value| scale.place(value)).map(palette::step)
    };
    let mut by_colour: BTreeMap<Option<u8>, Vec<[f64; 4]>> = BTreeMap::new();
    for row in 0..rows.len() {
        let mut first = 0;
        while first < columns.len() {
            let colour = step(row, first);
            let same = (first..columns.len()).take_while(|&column| step(row, column) == colour);
            let end = first + same.count();
            let corners =
                plot.at(x_edges[first], y_edges[row]).zip(plot.at(x_edges[end], y_edges[row + 1]));
            if let Some(((left, bottom), (right, top))) = corners {
                let place = [left, top, right - left, bottom - top];
                by_colour.entry(colour).or_default().push(place);
            }
            first = end;
        }
    }
    for (colour, places) in by_colour {
        let colour = colour.map_or(palette::NO_VALUE.to_owned(), palette::map);
        canvas.rectangles(&places, &colour);
    }
}
