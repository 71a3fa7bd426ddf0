//! Payments and the frontier of designs, drawn.

use muster_lab::figure::{Axis, Mark, Panel};

use super::report::{Found, FrontierPoint, FrontierReport};
use crate::calculator::plot::line;

/// The matrix of a design.
pub fn matrix(found: &Found) -> Vec<Panel> {
    let rows = &found.matrix;
    let width = rows.first().map_or(0, Vec::len);
    let names = |count: usize| (0..count).map(|type_| type_.to_string()).collect::<Vec<_>>();
    let middles = |count: usize| (0..count).map(|at| at as f64).collect::<Vec<_>>();
    let map = Mark::Heatmap {
        label: "payment".to_owned(),
        x: middles(width),
        y: middles(rows.len()),
        values: rows.iter().flatten().map(|&payment| Some(payment)).collect(),
        range: (-found.bound, found.bound),
    };
    vec![Panel::new(
        "Payments by report",
        Axis::categories("the other's report", names(width)),
        Axis::categories("own report", names(rows.len())),
        vec![map],
    )]
}

/// What wanted detection costs, and the designs that give it.
pub fn frontier(report: &FrontierReport) -> Vec<Panel> {
    let over_detection = |label: &str, of: fn(&FrontierPoint) -> f64| {
        let points = report.frontier.iter().map(|point| (point.detection_wanted, of(point)));
        let points = points.collect::<Vec<_>>();
        [line(label, points.clone()), Mark::Points { label: label.to_owned(), points }]
    };
    let cost = [
        over_detection("payments", |point| point.payments),
        over_detection("openings", |point| point.openings),
        over_detection("total", |point| point.total),
    ];
    let design = [
        over_detection("flag rate", |point| point.flag_rate),
        over_detection("sampling rate", |point| point.sampling_rate),
    ];
    let wanted = || Axis::linear("detection probability wanted");
    vec![
        Panel::new("Cost of a task", wanted(), Axis::linear("cost"), cost.concat()),
        Panel::new("Cheapest design", wanted(), Axis::linear("rate"), design.concat()),
    ]
}
