//! `muster verification`: payments to verifiers, designed, checked and compared.

mod figure;
mod report;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use muster_mechanism::verification::{
    Baseline, DesignGrid, Metrics, ProtocolModel, ScoringMatrix, VerificationError,
    VerificationGame,
};

use self::report::{
    AuditReport, ComparisonReport, DesignReport, Exact, Found, FrontierPoint, FrontierReport, Paid,
    Refused, Rule,
};
use super::document::{self, Document};
use super::plot::PlotOption;
use super::report::Report;
use crate::output;

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
    match &options.verb {
        Verb::Design(DrawnInput { input, plot }) => {
            plot.check()?;
            let report = design(&read(&input.file, &FIELDS)?)?;
            match &report {
                DesignReport::Found(found) => plot.write(|| figure::matrix(found))?,
                DesignReport::Refused(_) if plot.wanted() => {
                    output::say("muster: there is no matrix to draw");
                }
                DesignReport::Refused(_) => {}
            }
            report.show(input.json)
        }
        Verb::Audit(input) => audit(&read(&input.file, &FIELDS)?)?.show(input.json),
        Verb::Compare(input) => compare(&read(&input.file, &FIELDS)?)?.show(input.json),
        Verb::Frontier(DrawnInput { input, plot }) => {
            plot.check()?;
            let report = frontier(&read(&input.file, &FRONTIER_FIELDS)?)?;
            plot.write(|| figure::frontier(&report))?;
            report.show(input.json)
        }
    }
}

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

fn design(document: &Document) -> Result<DesignReport> {
    let game = game(document)?;
    let margin = document.required("margin")?;
    let design = match game.design(margin) {
        Ok(design) => design,
        Err(error @ VerificationError::Infeasible { .. }) => {
            let reason = error.to_string();
            return Ok(DesignReport::Refused(Refused { feasible: false, reason }));
        }
        Err(error) => return Err(error.into()),
    };
    let metrics = design.metrics;
    Ok(DesignReport::Found(Found {
        adversarial: Exact(metrics.adversarial),
        bound: design.matrix.bound(),
        budget: Exact(metrics.budget),
        compactness: design.compactness,
        deviation: Exact(metrics.deviation),
        feasible: true,
        honest: Exact(metrics.honest),
        lazy: Exact(metrics.lazy),
        margin,
        matrix: design.matrix.rows().to_vec(),
        theoretical_bound: game.theoretical_bound().map(|bound| bound.at(margin)),
    }))
}

fn audit(document: &Document) -> Result<AuditReport> {
    let game = game(document)?;
    let matrix = ScoringMatrix::new(document.matrix("matrix")?)?;
    let audit = game.audit(&matrix)?;
    let robustness = game.robustness(&matrix)?;
    let aligned = if document.has("margin") {
        // What a dozen digits of input and a product can tell.
        let slack = 1e-9 * (1.0 + matrix.bound());
        Some(audit.margin >= document.required("margin")? - slack)
    } else {
        None
    };
    let metrics = game.metrics(&matrix)?;
    Ok(AuditReport {
        adversarial: Exact(metrics.adversarial),
        aligned,
        belief_distance_max: robustness.belief_distance_max(),
        binding: audit.binding.to_string(),
        bound: matrix.bound(),
        budget: Exact(metrics.budget),
        compactness: audit.compactness,
        deviation: Exact(metrics.deviation),
        honest: Exact(metrics.honest),
        lazy: Exact(metrics.lazy),
        margin_achieved: audit.margin,
        prior_distance_max: robustness.prior_distance_max(),
    })
}

fn compare(document: &Document) -> Result<ComparisonReport> {
    let game = game(document)?;
    let margin = document.number("margin", 0.0)?;
    let design = game.design(margin).map(|d| (Some(d.matrix.bound()), d.metrics));
    let mut rules = vec![rule("design", design)?];
    for baseline in Baseline::ALL {
        let aligned = game.baseline(baseline, margin);
        rules.push(rule(
            baseline.name(),
            aligned.map(|aligned| (Some(aligned.matrix.bound()), aligned.metrics)),
        )?);
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
            (None, metrics)
        });
        rules.push(rule(&format!("determinant, {tasks} tasks"), dmi)?);
    }
    Ok(ComparisonReport { margin, rules })
}

/// The bound of a rule, if it has one, and its metrics; or why it cannot have the margin.
fn rule(name: &str, outcome: Result<(Option<f64>, Metrics), VerificationError>) -> Result<Rule> {
    match outcome {
        Ok((bound, metrics)) => Ok(Rule::Paid(Paid {
            adversarial: Exact(metrics.adversarial),
            bound: bound.map(Exact),
            budget: Exact(metrics.budget),
            deviation: Exact(metrics.deviation),
            honest: Exact(metrics.honest),
            lazy: Exact(metrics.lazy),
            rule: name.to_owned(),
        })),
        Err(
            error @ (VerificationError::Infeasible { .. }
            | VerificationError::BaselineInfeasible { .. }
            | VerificationError::Types { .. }),
        ) => Ok(Rule::Infeasible { infeasible: error.to_string(), rule: name.to_owned() }),
        Err(error) => Err(error.into()),
    }
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

fn frontier(document: &Document) -> Result<FrontierReport> {
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
    let points = detections.iter().zip(choices).map(|(&wanted, c)| FrontierPoint {
        bound: c.bound,
        detection: c.detection,
        detection_wanted: wanted,
        flag_rate: c.flag_rate,
        flags: c.flags,
        margin: c.margin,
        openings: c.openings,
        payments: c.payments,
        sampling_rate: c.sampling_rate,
        total: c.total,
    });
    Ok(FrontierReport { compactness, frontier: points.collect() })
}
