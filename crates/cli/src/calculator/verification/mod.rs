//! `muster verification`: payments to verifiers, designed, checked and compared.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use muster_mechanism::verification::{
    Baseline, DesignGrid, Metrics, ProtocolModel, ScoringMatrix, VerificationError,
    VerificationGame,
};
use serde_json::{Value, json};

use super::document::{self, Document};
use super::plot::{self, PlotOption};
use crate::output::{self, Align, Table};

/// Design and check payments to verifiers
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// The canonical matrix of the smallest payments with a margin
    Design(DrawnInput),
    /// The margin that a given `matrix` has, and what limits it
    Audit(Input),
    /// The design beside simple agreement, logarithmic, mutual-information and determinant rules
    Compare(Input),
    /// The cheapest flag rate, flags and sampling rate for wanted detection probabilities
    Frontier(DrawnInput),
}

#[derive(clap::Args)]
struct Input {
    /// A JSON document, or a file with one under `given`; `-` reads standard input
    file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct DrawnInput {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    plot: PlotOption,
}

const FIELDS: [&str; 5] = ["prior", "observation", "cost", "margin", "matrix"];
const FRONTIER_FIELDS: [&str; 9] = [
    "verifiers",
    "replay_cost",
    "opening_cost",
    "mistaken",
    "flag_rates",
    "flags",
    "sampling_rates",
    "compactness",
    "detection",
];

/// The most points of a design grid.
const POINTS_MAX: usize = 100_000;

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    let (report, json) = match &options.verb {
        Verb::Design(DrawnInput { input, plot }) => {
            plot.check()?;
            let report = design(&read(&input.file, &FIELDS)?)?;
            if report["feasible"] == json!(true) {
                plot.write(|| plot::matrix(&report))?;
            } else if plot.wanted() {
                output::say("muster: there is no matrix to draw");
            }
            (report, input.json)
        }
        Verb::Audit(input) => (audit(&read(&input.file, &FIELDS)?)?, input.json),
        Verb::Compare(input) => (compare(&read(&input.file, &FIELDS)?)?, input.json),
        Verb::Frontier(DrawnInput { input, plot }) => {
            plot.check()?;
            let report = frontier(&read(&input.file, &FRONTIER_FIELDS)?)?;
            plot.write(|| plot::frontier(&report))?;
            (report, input.json)
        }
    };
    if json {
        return output::print_json(&report);
    }
    match options.verb {
        Verb::Design(_) => print_design(&report),
        Verb::Audit(_) => output::print(&format!(
            "Incentive-aligned up to a margin of {}; {} limits it.",
            report["margin_achieved"],
            report["binding"].as_str().unwrap_or_default()
        )),
        Verb::Compare(_) => print_rows(&report["rules"], &RULE_COLUMNS),
        Verb::Frontier(_) => print_rows(&report["frontier"], &FRONTIER_COLUMNS),
    }
}

const RULE_COLUMNS: [&str; 7] =
    ["rule", "budget", "deviation", "bound", "honest", "lazy", "adversarial"];
const FRONTIER_COLUMNS: [&str; 8] =
    ["detection", "flag_rate", "flags", "sampling_rate", "margin", "bound", "payments", "total"];

fn read(file: &Path, fields: &[&str]) -> Result<Document> {
    Document::parse(&document::read(file)?, fields)
        .with_context(|| format!("{} is refused", file.display()))
}

fn game(document: &Document) -> Result<VerificationGame> {
    Ok(VerificationGame::new(
        document.list_of_numbers("prior")?,
        document.matrix("observation")?,
        document.list_of_numbers("cost")?,
    )?)
}

fn design(document: &Document) -> Result<Value> {
    let game = game(document)?;
    let margin = document.required("margin")?;
    let design = match game.design(margin) {
        Ok(design) => design,
        Err(error @ VerificationError::Infeasible { .. }) => {
            return Ok(json!({ "feasible": false, "reason": error.to_string() }));
        }
        Err(error) => return Err(error.into()),
    };
    let mut report = json!({
        "feasible": true,
        "matrix": design.matrix.rows(),
        "bound": design.matrix.bound(),
        "compactness": design.compactness,
        "margin": margin,
    });
    add_metrics(&mut report, &design.metrics);
    if let Some(bound) = game.theoretical_bound() {
        report["theoretical_bound"] = json!(bound.at(margin));
    }
    Ok(report)
}

fn add_metrics(report: &mut Value, metrics: &Metrics) {
    for (field, value) in [
        ("budget", metrics.budget),
        ("deviation", metrics.deviation),
        ("honest", metrics.honest),
        ("lazy", metrics.lazy),
        ("adversarial", metrics.adversarial),
    ] {
        report[field] = finite(value);
    }
}

/// JSON has no infinity: such a number is given as text.
fn finite(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}

fn audit(document: &Document) -> Result<Value> {
    let game = game(document)?;
    let matrix = ScoringMatrix::new(document.matrix("matrix")?)?;
    let audit = game.audit(&matrix)?;
    let robustness = game.robustness(&matrix)?;
    let mut report = json!({
        "margin_achieved": audit.margin,
        "binding": audit.binding.to_string(),
        "bound": matrix.bound(),
        "compactness": audit.compactness,
        "prior_distance_max": robustness.prior_distance_max(),
        "belief_distance_max": robustness.belief_distance_max(),
    });
    if document.has("margin") {
        // What a dozen digits of input and a product can tell.
        let slack = 1e-9 * (1.0 + matrix.bound());
        report["aligned"] = json!(audit.margin >= document.required("margin")? - slack);
    }
    add_metrics(&mut report, &game.metrics(&matrix)?);
    Ok(report)
}

fn compare(document: &Document) -> Result<Value> {
    let game = game(document)?;
    let margin = document.number("margin", 0.0)?;
    let mut rules = Vec::new();
    let mut add = |name: &str, outcome: Result<(f64, Metrics), VerificationError>| -> Result<()> {
        let mut rule = json!({ "rule": name });
        match outcome {
            Ok((bound, metrics)) => {
                if !bound.is_nan() {
                    rule["bound"] = finite(bound);
                }
                add_metrics(&mut rule, &metrics);
            }
            Err(
                error @ (VerificationError::Infeasible { .. }
                | VerificationError::BaselineInfeasible { .. }
                | VerificationError::Types { .. }),
            ) => rule["infeasible"] = json!(error.to_string()),
            Err(error) => return Err(error.into()),
        }
        rules.push(rule);
        Ok(())
    };
    add("design", game.design(margin).map(|d| (d.matrix.bound(), d.metrics)))?;
    for baseline in Baseline::ALL {
        let aligned = game.baseline(baseline, margin);
        add(baseline.name(), aligned.map(|a| (a.matrix.bound(), a.metrics)))?;
    }
    for tasks in [4, 8, 16] {
        let dmi = game.determinant_mechanism(tasks, margin).map(|dmi| {
            let metrics = Metrics {
                budget: dmi.budget,
                honest: dmi.adversarial,
                deviation: dmi.deviation,
                lazy: dmi.lazy,
                adversarial: dmi.adversarial,
            };
            // Its scores grow with the number of tasks: there is no bound per task.
            (f64::NAN, metrics)
        });
        add(&format!("determinant, {tasks} tasks"), dmi)?;
    }
    Ok(json!({ "margin": margin, "rules": rules }))
}

/// Numbers of flags, which are whole.
fn whole(flags: &[f64]) -> Result<Vec<usize>> {
    let whole = |(at, &count): (usize, &f64)| {
        let fits = count.fract() == 0.0 && (1.0..=62.0).contains(&count);
        anyhow::ensure!(fits, "field `flags[{at}]`: {count} is not a whole number from 1 to 62");
        Ok(count as usize)
    };
    flags.iter().enumerate().map(whole).collect()
}

fn frontier(document: &Document) -> Result<Value> {
    let verifiers = document.count("verifiers")?.unwrap_or(4);
    let model = ProtocolModel {
        verifiers: usize::try_from(verifiers)?,
        replay_cost: document.number("replay_cost", 1.0)?,
        opening_cost: document.number("opening_cost", 0.0)?,
        mistaken: document.number("mistaken", 0.0)?,
    };
    let tenths = |from: u32| (from..=9).map(|k| f64::from(k) / 10.0).collect::<Vec<_>>();
    let flags = document.numbers("flags")?.unwrap_or_else(|| vec![1.0, 2.0, 3.0]);
    let grid = DesignGrid {
        flag_rates: document.numbers("flag_rates")?.unwrap_or_else(|| tenths(1)),
        flags: whole(&flags)?,
        sampling_rates: document
            .numbers("sampling_rates")?
            .unwrap_or_else(|| [tenths(1), vec![1.0]].concat()),
    };
    let points = grid.flag_rates.len() * grid.flags.len() * grid.sampling_rates.len();
    anyhow::ensure!(points <= POINTS_MAX, "the grid has {points} points: at most {POINTS_MAX}");
    let compactness = document.number("compactness", 0.02)?;
    let detections =
        document.numbers("detection")?.unwrap_or_else(|| vec![0.5, 0.8, 0.9, 0.95, 0.99]);
    let choices = model.frontier(&grid, compactness, &detections)?;
    let rows = detections.iter().zip(choices).map(|(wanted, c)| {
        json!({
            "detection_wanted": wanted,
            "detection": c.detection,
            "flag_rate": c.flag_rate,
            "flags": c.flags,
            "sampling_rate": c.sampling_rate,
            "margin": c.margin,
            "bound": c.bound,
            "payments": c.payments,
            "openings": c.openings,
            "total": c.total,
        })
    });
    Ok(json!({ "compactness": compactness, "frontier": rows.collect::<Vec<_>>() }))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            format!("{:.6}", number.as_f64().unwrap_or_default())
        }
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

fn print_rows(rows: &Value, columns: &[&'static str]) -> Result<()> {
    let mut table = Table::new(
        &columns
            .iter()
            .map(|&c| (c, if c == "rule" { Align::Left } else { Align::Right }))
            .collect::<Vec<_>>(),
    );
    for row in rows.as_array().into_iter().flatten() {
        table.row(columns.iter().map(|&c| cell(&row[c])).collect());
    }
    table.print()
}

fn print_design(report: &Value) -> Result<()> {
    if report["feasible"] == json!(false) {
        return output::print(report["reason"].as_str().unwrap_or_default());
    }
    for row in report["matrix"].as_array().into_iter().flatten() {
        let cells = row.as_array().into_iter().flatten();
        output::print(&cells.map(|v| format!("{:>12}", cell(v))).collect::<String>())?;
    }
    for field in ["bound", "compactness", "budget", "deviation", "honest", "lazy", "adversarial"] {
        output::print(&format!("{field:>12} {}", cell(&report[field])))?;
    }
    Ok(())
}
