//! Reputation, drawn.

use muster_lab::figure::{Axis, Mark, Panel};

use super::report::RankReport;
use crate::calculator::plot::line;

/// Up to so many servers have bars.
const BARS_MAX: usize = 20;

/// The reputation of all servers, from the highest down.
pub fn reputation(report: &RankReport) -> Vec<Panel> {
    let mut sorted = report.reputation.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let points = sorted.into_iter().enumerate().map(|(at, value)| ((at + 1) as f64, value));
    let points = points.collect::<Vec<_>>();
    let title = "Reputation of servers, highest first";
    if points.len() <= BARS_MAX {
        let names = points.iter().map(|(place, _)| place.to_string()).collect();
        let values = points.iter().map(|&(place, value)| (place - 1.0, value)).collect();
        let bars = Mark::Bars { label: String::new(), values };
        return vec![Panel::new(
            title,
            Axis::categories("place", names),
            Axis::linear("reputation"),
            vec![bars],
        )];
    }
    let (x, y) = (Axis::logarithmic("place"), Axis::logarithmic("reputation"));
    vec![Panel::new(title, x, y, vec![line("", points)])]
}
