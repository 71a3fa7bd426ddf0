//! An epoch, drawn.

use muster_lab::figure::{Axis, Mark, Panel};
use muster_mechanism::market::Epoch;

/// Up to so many peers have bars.
const BARS_MAX: usize = 40;

/// Ranks, incentive and trust of all peers.
pub fn epoch(after: &Epoch) -> Vec<Panel> {
    let draw = |title: &str, unit: &str, columns: &[(&str, &[f64])]| {
        let marks = columns.iter().map(|&(label, values)| {
            let values = values.iter().enumerate().map(|(peer, &value)| (peer as f64, value));
            let values = values.collect::<Vec<_>>();
            let label = label.to_owned();
            match values.len() {
                0..=BARS_MAX => Mark::Bars { label, values },
                _ => Mark::Points { label, points: values },
            }
        });
        Panel::new(title, Axis::linear("peer"), Axis::linear(unit), marks.collect())
    };
    let prices = [("ranks", &*after.ranks), ("incentive", &after.incentive)];
    vec![
        draw("Ranks and incentive", "share", &prices),
        draw("Trust", "trust", &[("", &after.trust)]),
    ]
}
