//! Figures of calculators' results: `--plot FILE.svg` or `FILE.png`.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use muster_lab::draw;
use muster_lab::figure::{Axis, Figure, Mark, Panel, Stroke};
use serde_json::Value;

use crate::output;

/// Where a figure goes.
#[derive(Clone, Debug, clap::Args)]
pub struct PlotOption {
    /// Draw the result into a file that ends with .svg or .png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl PlotOption {
    /// Refuses a file that cannot be drawn before anything is computed.
    pub fn check(&self) -> Result<()> {
        let Some(path) = &self.plot else { return Ok(()) };
        draw::Format::of(path).map(drop).map_err(|error| anyhow!("--plot {error}"))
    }

    /// Whether a figure is wanted.
    pub fn wanted(&self) -> bool {
        self.plot.is_some()
    }

    /// Draws one panel, if a figure is wanted.
    pub fn write(&self, panels: impl FnOnce() -> Vec<Panel>) -> Result<()> {
        let Some(path) = &self.plot else { return Ok(()) };
        let panels = panels();
        let caption =
            panels.iter().map(|panel| panel.title.as_str()).collect::<Vec<_>>().join("; ");
        let figure = Figure { name: "plot".to_owned(), caption, panels };
        draw::write(&figure, path).with_context(|| format!("--plot {}", path.display()))?;
        output::say(&format!("The figure: {}", path.display()));
        Ok(())
    }
}

fn line(label: &str, points: Vec<(f64, f64)>) -> Mark {
    Mark::line(label, points, Stroke::Solid)
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn numbers(list: &Value) -> Vec<f64> {
    rows(list).map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

/// A column of a list of documents over another.
fn columns(list: &Value, x: &str, y: &str) -> Vec<(f64, f64)> {
    rows(list).filter_map(|row| row[x].as_f64().zip(row[y].as_f64())).collect()
}

/// The rows of `presence curve`, with what `presence solve` found.
pub fn presence(curve: &Value, solution: &Value) -> Vec<Panel> {
    let time = || Axis::logarithmic("deadline T (s)");
    let mut payoff = vec![line("acting once solved", columns(curve, "deadline", "payoff"))];
    let mut welfare = vec![line("welfare U(T)", columns(curve, "deadline", "welfare"))];
    for marks in [&mut payoff, &mut welfare] {
        if let Some(y) = solution["null_payoff"].as_f64() {
            marks.push(Mark::Horizontal { label: "staying, W*".to_owned(), y });
        }
        for (field, label) in [("deadline_max", "T*, largest"), ("deadline_best", "T°, best")] {
            if let Some(x) = solution[field].as_f64() {
                marks.push(Mark::Vertical { label: label.to_owned(), x });
            }
        }
    }
    let solved = vec![line("solved", columns(curve, "deadline", "solved"))];
    vec![
        Panel::new("Expected payoff", time(), Axis::linear("payoff"), payoff),
        Panel::new("Welfare of a present player", time(), Axis::linear("payoff"), welfare),
        Panel::new(
            "Chance of a solution",
            time(),
            Axis::linear("probability").within(0.0, 1.02),
            solved,
        ),
    ]
}

/// The result of `market epoch`.
pub fn epoch(report: &Value) -> Vec<Panel> {
    const BARS_MAX: usize = 40;
    let draw = |title: &str, unit: &str, fields: &[&str]| {
        let marks = fields.iter().map(|&field| {
            let values = numbers(&report[field]).into_iter().enumerate();
            let values = values.map(|(peer, value)| (peer as f64, value)).collect::<Vec<_>>();
            let label = if fields.len() > 1 { field.to_owned() } else { String::new() };
            match values.len() {
                0..=BARS_MAX => Mark::Bars { label, values },
                _ => Mark::Points { label, points: values },
            }
        });
        Panel::new(title, Axis::linear("peer"), Axis::linear(unit), marks.collect())
    };
    vec![
        draw("Ranks and incentive", "share", &["ranks", "incentive"]),
        draw("Trust", "trust", &["trust"]),
    ]
}

/// The reputation of `reputation rank`, from the highest down.
pub fn reputation(report: &Value) -> Vec<Panel> {
    const BARS_MAX: usize = 20;
    let mut sorted = numbers(&report["reputation"]);
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

/// The matrix of `verification design`.
pub fn matrix(report: &Value) -> Vec<Panel> {
    let rows = rows(&report["matrix"]).map(numbers).collect::<Vec<_>>();
    let bound = report["bound"].as_f64().unwrap_or(1.0);
    let width = rows.first().map_or(0, Vec::len);
    let names = |count: usize| (0..count).map(|type_| type_.to_string()).collect::<Vec<_>>();
    let middles = |count: usize| (0..count).map(|at| at as f64).collect::<Vec<_>>();
    let map = Mark::Heatmap {
        label: "payment".to_owned(),
        x: middles(width),
        y: middles(rows.len()),
        values: rows.iter().flatten().map(|&payment| Some(payment)).collect(),
        range: (-bound, bound),
    };
    vec![Panel::new(
        "Payments by report",
        Axis::categories("the other's report", names(width)),
        Axis::categories("own report", names(rows.len())),
        vec![map],
    )]
}

/// The result of `verification frontier`.
pub fn frontier(report: &Value) -> Vec<Panel> {
    let wanted = || Axis::linear("detection probability wanted");
    let draw = |title: &str, y: Axis, fields: &[&str]| {
        let marks = fields.iter().flat_map(|&field| {
            let label = field.replace('_', " ");
            let points = columns(&report["frontier"], "detection_wanted", field);
            [line(&label, points.clone()), Mark::Points { label, points }]
        });
        Panel::new(title, wanted(), y, marks.collect())
    };
    vec![
        draw("Cost of a task", Axis::linear("cost"), &["payments", "openings", "total"]),
        draw("Cheapest design", Axis::linear("rate"), &["flag_rate", "sampling_rate"]),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(panels: Vec<Panel>) -> String {
        let figure = Figure { name: String::new(), caption: String::new(), panels };
        draw::svg(&figure)
    }

    #[test]
    fn figures_show_what_was_computed() {
        let curve = json!([
            { "deadline": 0.1, "payoff": 2.0, "welfare": 1.2, "solved": 0.1 },
            { "deadline": 1.0, "payoff": 1.5, "welfare": 1.3, "solved": 0.7 },
        ]);
        let solution = json!({ "null_payoff": 1.2, "deadline_max": 0.8, "deadline_best": null });
        let text = drawn(presence(&curve, &solution));
        assert!(text.contains("T*, largest") && !text.contains("T°, best"));
        let market = json!({ "ranks": [0.2, 0.8], "trust": [1.0, 1.0], "incentive": [0.2, 0.8] });
        assert!(drawn(epoch(&market)).contains("incentive"));
        assert!(!drawn(reputation(&json!({ "reputation": [0.1, 0.9] }))).contains("no data"));
        let design = json!({ "matrix": [[1.0, -1.0], [-1.0, 1.0]], "bound": 1.0 });
        assert!(drawn(matrix(&design)).contains("payment"));
        let points = json!([{ "detection_wanted": 0.9, "payments": 3.0, "openings": 1.0,
            "total": 4.0, "flag_rate": 0.2, "sampling_rate": 0.5 }]);
        assert!(drawn(frontier(&json!({ "frontier": points }))).contains("sampling rate"));
    }

    #[test]
    fn a_file_of_another_kind_is_refused_before_anything_is_computed() {
        let option = |name: &str| PlotOption { plot: Some(name.into()) };
        assert!(option("a.svg").check().is_ok() && option("b/c.png").check().is_ok());
        for name in ["a.pdf", "svg", "a.PNG", ""] {
            let error = option(name).check().expect_err("refused").to_string();
            assert!(error.contains("must end with .svg or .png"), "{error}");
        }
    }
}
