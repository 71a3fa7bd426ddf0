//! `muster presence`: deadlines, curves and prizes of a headcount by proof-of-work.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use muster_mechanism::presence::{
    Beliefs, Game, JointBeliefs, Outcome, Payoffs, Rate, RateEstimate, Seconds,
};
use serde_json::{Value, json};

use super::document::{self, Document};
use super::plot::{self, PlotOption};
use crate::output::{self, Align, Table};

/// Tell how many are present from how fast a puzzle is solved
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Which deadlines make coordination an equilibrium, and which is best
    Solve {
        /// A JSON document, or a file with one under `given`; `-` reads standard input
        file: PathBuf,
        /// Deadlines in seconds at which to print the expected payoff
        #[arg(long, value_delimiter = ',', default_values_t = [0.01, 0.1, 1.0, 10.0])]
        curve: Vec<f64>,
        #[command(flatten)]
        plot: PlotOption,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Expected payoff, chance of a solution and welfare over a range of deadlines
    Curve {
        /// A JSON document as for `solve`; `-` reads standard input
        file: PathBuf,
        /// The shortest deadline in seconds
        #[arg(long, default_value_t = 0.01)]
        from: f64,
        /// The longest deadline in seconds
        #[arg(long, default_value_t = 100.0)]
        to: f64,
        /// How many deadlines, spaced evenly on a logarithmic scale
        #[arg(long, default_value_t = 25)]
        points: usize,
        #[command(flatten)]
        plot: PlotOption,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// The smallest prize for the first solution that makes working worthwhile
    Prize {
        /// A JSON document as for `solve`, with `cost`; `-` reads standard input
        file: PathBuf,
        /// The deadline in seconds; without one, the prize is paid whenever a solution comes
        #[arg(long)]
        deadline: Option<f64>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Measure how fast this machine guesses, and choose a difficulty
    Calibrate {
        /// How long to measure, in seconds
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        /// Solutions per second that one machine shall make
        #[arg(long, default_value_t = 0.01)]
        rate: f64,
        /// Coverage of the interval
        #[arg(long, default_value_t = 0.95)]
        confidence: f64,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

const FIELDS: [&str; 8] =
    ["players", "malicious", "payoff", "null_payoff", "rate", "joint", "solutions", "cost"];

/// The most deadlines of a curve.
const POINTS_MAX: usize = 100_000;

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    match &options.verb {
        Verb::Solve { file, curve, plot, json } => {
            plot.check()?;
            let game = game(&read(file)?)?;
            let report = solve(&game, curve)?;
            draw_solution(plot, &game, &report)?;
            if *json { output::print_json(&report) } else { print_solution(&report) }
        }
        Verb::Curve { file, from, to, points, plot, json } => {
            plot.check()?;
            let game = game(&read(file)?)?;
            let report = curve(&game, *from, *to, *points)?;
            let solution = solve(&game, &[])?;
            plot.write(|| plot::presence(&report["curve"], &solution))?;
            if *json { output::print_json(&report) } else { print_curve(&report) }
        }
        Verb::Prize { file, deadline, json } => {
            let report = prize(&read(file)?, *deadline)?;
            let text = format!(
                "A prize of {} pays for the work: a player finds the first solution with \
                 probability {}.",
                report["prize"], report["first_probability"]
            );
            if *json { output::print_json(&report) } else { output::print(&text) }
        }
        Verb::Calibrate { seconds, rate, confidence, json } => {
            let report = calibrate(*seconds, *rate, *confidence)?;
            let text = format!(
                "{:.0} guesses a second (between {:.0} and {:.0}); {:.0} guesses a solution give \
                 {rate} solutions a second.",
                report["guesses_per_second"].as_f64().unwrap_or_default(),
                report["low"].as_f64().unwrap_or_default(),
                report["high"].as_f64().unwrap_or_default(),
                report["difficulty"].as_f64().unwrap_or_default(),
            );
            if *json { output::print_json(&report) } else { output::print(&text) }
        }
    }
}

fn read(file: &std::path::Path) -> Result<Document> {
    Document::parse(&document::read(file)?, &FIELDS)
        .with_context(|| format!("{} is refused", file.display()))
}

fn game(document: &Document) -> Result<Game> {
    let payoffs =
        Payoffs::new(document.list_of_numbers("payoff")?, document.required("null_payoff")?)?;
    let rate = Rate::per_second(document.required("rate")?)?;
    let game = if document.has("joint") {
        for field in ["players", "malicious"] {
            ensure!(!document.has(field), "give either `joint` or `{field}`, not both");
        }
        JointBeliefs::new(document.matrix("joint")?)?.game(payoffs, rate)?
    } else {
        let beliefs = Beliefs::new(
            document.list_of_numbers("players")?,
            document.list_of_numbers("malicious")?,
        )?;
        Game::new(beliefs, payoffs, rate)?
    };
    let solutions = document.count("solutions")?.unwrap_or(1);
    Ok(game.with_solutions(u32::try_from(solutions).unwrap_or(u32::MAX))?)
}

fn seconds(list: &[f64]) -> Result<Vec<Seconds>> {
    list.iter().map(|&t| Ok(Seconds::new(t)?)).collect()
}

fn solve(game: &Game, curve: &[f64]) -> Result<Value> {
    let payoffs = game.curve(&seconds(curve)?);
    let mut report = json!({
        "payoff_at_zero": game.payoff_at_zero(),
        "payoff_at_infinity": game.payoff_at_infinity(),
        "null_payoff": game.payoffs().null(),
        "solutions": game.solutions(),
        "curve": curve.iter().zip(payoffs).collect::<Vec<_>>(),
        "deadline_max": null,
        "deadline_best": null,
    });
    let mut set = |field: &str, value: Value| report[field] = value;
    match game.solve() {
        Outcome::Impossible => set("outcome", json!("impossible")),
        Outcome::Unneeded { best } => {
            set("outcome", json!("unneeded"));
            set("deadline_best", json!(best.get()));
            set("welfare_best", json!(game.welfare(best)));
        }
        Outcome::Deadline { maximum, best, solved_probability_at_max } => {
            set("outcome", json!("deadline"));
            set("deadline_max", json!(maximum.get()));
            set("deadline_best", json!(best.get()));
            set("solved_probability_at_max", json!(solved_probability_at_max));
            set("solved_probability_at_best", json!(game.solved_probability(best)));
            set("welfare_best", json!(game.welfare(best)));
        }
    }
    Ok(report)
}

/// The deadlines that matter, from a hundredth of the shorter to a hundred times the longer; where
/// none does, around the mean time to a solution.
fn draw_solution(plot: &PlotOption, game: &Game, report: &Value) -> Result<()> {
    if !plot.wanted() {
        return Ok(());
    }
    let known = ["deadline_best", "deadline_max"].map(|field| report[field].as_f64());
    let known = known.into_iter().flatten().collect::<Vec<_>>();
    let middle = likely_time(game)?;
    let shortest = known.iter().copied().fold(middle, f64::min) / 100.0;
    let longest = known.iter().copied().fold(middle, f64::max) * 100.0;
    let curve = curve(game, shortest, longest, 300)?;
    plot.write(|| plot::presence(&curve["curve"], report))
}

/// A power of two in seconds by which a solution is about as likely as not.
fn likely_time(game: &Game) -> Result<f64> {
    let mut time = 1.0;
    let likely =
        |time: f64| Ok::<_, anyhow::Error>(game.solved_probability(Seconds::new(time)?) > 0.5);
    while time < 1e100 && !likely(time)? {
        time *= 2.0;
    }
    while time > 1e-100 && likely(time)? {
        time /= 2.0;
    }
    Ok(time)
}

fn curve(game: &Game, from: f64, to: f64, points: usize) -> Result<Value> {
    ensure!((2..=POINTS_MAX).contains(&points), "--points must be from 2 to {POINTS_MAX}");
    let (low, high) = (Seconds::new(from)?.get().ln(), Seconds::new(to)?.get().ln());
    ensure!(low < high, "--from must be below --to");
    let at = |k: usize| (low + (high - low) * k as f64 / (points - 1) as f64).exp();
    let deadlines = seconds(&(0..points).map(at).collect::<Vec<_>>())?;
    let payoffs = game.curve(&deadlines);
    let rows = deadlines.iter().zip(payoffs).map(|(&t, payoff)| {
        json!({
            "deadline": t.get(),
            "payoff": payoff,
            "solved": game.solved_probability(t),
            "welfare": game.welfare(t),
        })
    });
    Ok(json!({ "curve": rows.collect::<Vec<_>>() }))
}

fn prize(document: &Document, deadline: Option<f64>) -> Result<Value> {
    let game = game(document)?;
    let deadline = deadline.map(Seconds::new).transpose()?;
    let cost = document.required("cost")?;
    Ok(json!({
        "cost": cost,
        "first_probability": game.first_probability(deadline),
        "prize": game.prize(cost, deadline)?,
    }))
}

/// Guesses for a while as a solver of the SHA-256 puzzle does: one hash of a challenge and a
/// nonce each.
fn calibrate(duration: f64, rate: f64, confidence: f64) -> Result<Value> {
    ensure!((0.01..=3600.0).contains(&duration), "--seconds must be from 0.01 to 3600");
    let (limit, start) = (Duration::from_secs_f64(duration), Instant::now());
    let (mut guesses, mut nonce) = (0u64, [0u8; 32]);
    while start.elapsed() < limit {
        for _ in 0..256 {
            nonce = muster_ledger::crypto::hash("presence calibration", &[&nonce]).0;
        }
        guesses += 256;
    }
    let estimate = RateEstimate::from_count(guesses, start.elapsed().as_secs_f64(), confidence)?;
    Ok(json!({
        "guesses_per_second": estimate.rate,
        "low": estimate.low,
        "high": estimate.high,
        "confidence": confidence,
        "wanted_rate": rate,
        "difficulty": estimate.difficulty(Rate::per_second(rate)?),
    }))
}

fn print_solution(report: &Value) -> Result<()> {
    let number = |field: &str| report[field].as_f64().unwrap_or_default();
    output::print(&match report["outcome"].as_str() {
        Some("impossible") => format!(
            "Coordination is impossible: acting is worth at most {:.6}, staying {:.6}.",
            number("payoff_at_zero"),
            number("null_payoff")
        ),
        Some("unneeded") => format!(
            "No puzzle is needed: acting is worth {:.6} anyway, staying {:.6}. A puzzle with the \
             deadline {:.6} s would still raise welfare to {:.6}.",
            number("payoff_at_infinity"),
            number("null_payoff"),
            number("deadline_best"),
            number("welfare_best")
        ),
        _ => format!(
            "Act if the puzzle is solved within {:.6} s at most (chance {:.4}); the best deadline \
             is {:.6} s (chance {:.4}, welfare {:.6}).",
            number("deadline_max"),
            number("solved_probability_at_max"),
            number("deadline_best"),
            number("solved_probability_at_best"),
            number("welfare_best")
        ),
    })?;
    let mut table =
        Table::new(&[("deadline (s)", Align::Right), ("expected payoff", Align::Right)]);
    for point in report["curve"].as_array().into_iter().flatten() {
        let cell = |k: usize| point[k].as_f64().unwrap_or_default();
        table.row(vec![cell(0).to_string(), format!("{:.6}", cell(1))]);
    }
    table.print()
}

fn print_curve(report: &Value) -> Result<()> {
    let columns = ["deadline", "payoff", "solved", "welfare"];
    let header = ["deadline (s)", "expected payoff", "solved", "welfare"];
    let mut table = Table::new(&header.map(|name| (name, Align::Right)));
    for point in report["curve"].as_array().into_iter().flatten() {
        let cell = |name: &str| format!("{:.6}", point[name].as_f64().unwrap_or_default());
        table.row(columns.map(cell).to_vec());
    }
    table.print()
}
