//! The figure of a run.

use std::path::Path;

use muster_lab::draw;
use muster_lab::figure::{Axis, Figure, Mark, Panel, Stroke};

use super::record::Sample;
use super::summary::Summary;
use crate::error::SiegeError;

/// Points of a line, at most: more are not seen.
const POINTS: usize = 300;

/// Draws it.
///
/// # Errors
/// [`SiegeError::Wrong`], where the file cannot be written or has another ending than `.svg` or
/// `.png`.
pub fn draw(summary: &Summary, path: &Path) -> Result<(), SiegeError> {
    let figure = Figure::new("soak", summary.caption(), panels(summary));
    draw::write(&figure, path).map_err(|error| SiegeError::Wrong(error.to_string()))
}

fn panels(summary: &Summary) -> Vec<Panel> {
    let minutes = || Axis::linear("minutes");
    let megabytes = |sample: &Sample| sample.usage.memory as f64 / 1e6;
    let panel =
        |title: &str, unit: &str, marks| Panel::new(title, minutes(), Axis::linear(unit), marks);
    let blocks = &summary.record.blocks;
    let begin = blocks.first().map_or(0, |block| block.time_ms);
    let intervals = blocks.windows(2).map(|pair| {
        let minutes = pair[1].time_ms.saturating_sub(begin) as f64 / 60_000.0;
        (minutes, pair[1].time_ms.saturating_sub(pair[0].time_ms) as f64 / 1e3, pair[1].round)
    });
    let (late, timely): (Vec<_>, Vec<_>) = intervals.partition(|(_, _, round)| *round > 0);
    let points = |list: Vec<(f64, f64, u32)>| list.into_iter().map(|(x, y, _)| (x, y));
    let faults = summary.record.faults.iter().map(|(at, _)| (at / 60.0, 0.0));
    vec![
        panel("Validators: memory", "MB", lines(summary, "validator", &megabytes)),
        panel("Peers: memory", "MB", lines(summary, "peer", &megabytes)),
        panel(
            "Validators: descriptors",
            "open",
            lines(summary, "validator", &|sample| sample.usage.descriptors as f64),
        ),
        panel(
            "Validators: disk",
            "MB",
            lines(summary, "validator", &|sample| sample.disk as f64 / 1e6),
        ),
        panel(
            "Peers: descriptors",
            "open",
            lines(summary, "peer", &|sample| sample.usage.descriptors as f64),
        ),
        panel(
            "Blocks",
            "seconds since the one before",
            vec![
                Mark::points("decided in round 0", points(timely)),
                Mark::points("after round 0", points(late)),
                Mark::points("faults and recoveries", faults),
            ],
        ),
    ]
}

/// A line for each process of a kind; where a process is gone, the line goes on when it is back.
fn lines(summary: &Summary, kind: &str, quantity: &dyn Fn(&Sample) -> f64) -> Vec<Mark> {
    let of_kind = summary.record.processes.iter().filter(|(name, _)| name.starts_with(kind));
    of_kind
        .map(|(name, samples)| {
            let step = samples.len().div_ceil(POINTS).max(1);
            let points = samples.iter().step_by(step);
            let points = points.map(|sample| (sample.at / 60.0, quantity(sample)));
            Mark::line(name, points, Stroke::Solid)
        })
        .collect()
}
