//! `muster presence`: deadlines, curves and prizes of a headcount by proof-of-work.

mod calibration;
mod figure;
mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use muster_mechanism::presence::{Beliefs, Game, JointBeliefs, Outcome, Payoffs, Rate, Seconds};
use muster_puzzle::Puzzle;

use self::calibration::{Proposal, Settings};
use self::report::{Case, Curve, Point, Prize, Solution};
use super::document::{self, Document};
use super::plot::PlotOption;
use super::report::Report;
use crate::output;

/// What can be computed without a network.
#[derive(clap::Subcommand)]
pub enum Verb {
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
    /// Measure how fast this machine tries, and propose difficulty, deadline and number of
    /// solutions
    Calibrate {
        /// Beliefs and payoffs as for `solve`, for which a round is proposed; `-` reads standard
        /// input
        file: Option<PathBuf>,
        /// What is tried: sha256 or equihash
        #[arg(long, value_name = "PUZZLE", default_value = "sha256")]
        puzzle: String,
        /// How long to measure, in seconds: on one core, and again on all
        #[arg(long, default_value_t = 4.0)]
        seconds: f64,
        /// Solutions per second that one core shall make, where no FILE says what is needed
        #[arg(long, default_value_t = 0.01)]
        rate: f64,
        /// With FILE: the deadline, in seconds, that is to be the best one
        #[arg(long, default_value_t = 60.0)]
        deadline: f64,
        /// Coverage of the intervals
        #[arg(long, default_value_t = 0.95)]
        confidence: f64,
        #[command(flatten)]
        plot: PlotOption,
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
pub fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Solve { file, curve, plot, json } => {
            plot.check()?;
            let game = game(&read(file)?)?;
            let solution = solve(&game, curve)?;
            draw_solution(plot, &game, &solution)?;
            solution.show(*json)
        }
        Verb::Curve { file, from, to, points, plot, json } => {
            plot.check()?;
            let game = game(&read(file)?)?;
            let curve = curve(&game, *from, *to, *points)?;
            let solution = solve(&game, &[])?;
            plot.write(|| figure::presence(&curve, &solution))?;
            curve.show(*json)
        }
        Verb::Prize { file, deadline, json } => prize(&read(file)?, *deadline)?.show(*json),
        Verb::Calibrate { file, puzzle, seconds, rate, deadline, confidence, plot, json } => {
            plot.check()?;
            ensure!(file.is_some() || !plot.wanted(), "--plot draws a proposal: give a FILE");
            let puzzle = named(puzzle)?;
            let game = file.as_deref().map(|file| believed(&read(file)?)).transpose()?;
            let (seconds, rate, deadline) = (*seconds, *rate, *deadline);
            let settings = Settings { puzzle, seconds, confidence: *confidence, rate, deadline };
            let found = calibration::calibrate(&settings, game.as_ref())?;
            plot.write(|| found.proposal.as_ref().map(Proposal::figure).unwrap_or_default())?;
            found.show(*json)
        }
    }
}

fn read(file: &std::path::Path) -> Result<Document> {
    Document::parse(&document::read(file)?, &FIELDS)
        .with_context(|| format!("{} is refused", file.display()))
}

fn named(puzzle: &str) -> Result<Puzzle> {
    let names = || Puzzle::ALL.iter().map(|puzzle| puzzle.name());
    Puzzle::named(puzzle).with_context(|| {
        let known = names().collect::<Vec<_>>().join(" or ");
        let near = output::nearest(puzzle, names());
        let near = near.map_or_else(String::new, |near| format!(", did you mean {near}?"));
        format!("--puzzle {puzzle} is unknown: it is {known}{near}")
    })
}

fn game(document: &Document) -> Result<Game> {
    at_rate(document, payoffs(document)?, Rate::per_second(document.required("rate")?)?)
}

/// The game for which a rate is looked for: any rate does, as all depends on the product with the
/// deadline.
fn believed(document: &Document) -> Result<Game> {
    at_rate(document, payoffs(document)?, Rate::per_second(1.0)?)
}

fn payoffs(document: &Document) -> Result<Payoffs> {
    Ok(Payoffs::new(document.list_of_numbers("payoff")?, document.required("null_payoff")?)?)
}

fn at_rate(document: &Document, payoffs: Payoffs, rate: Rate) -> Result<Game> {
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

fn solve(game: &Game, curve: &[f64]) -> Result<Solution> {
    let payoffs = game.curve(&seconds(curve)?);
    let (outcome, maximum, best, at_max) = match game.solve() {
        Outcome::Impossible => (Case::Impossible, None, None, None),
        Outcome::Unneeded { best } => (Case::Unneeded, None, Some(best), None),
        Outcome::Deadline { maximum, best, solved_probability_at_max } => {
            (Case::Deadline, Some(maximum), Some(best), Some(solved_probability_at_max))
        }
    };
    Ok(Solution {
        curve: curve.iter().copied().zip(payoffs).collect(),
        deadline_best: best.map(Seconds::get),
        deadline_max: maximum.map(Seconds::get),
        null_payoff: game.payoffs().null(),
        outcome,
        payoff_at_infinity: game.payoff_at_infinity(),
        payoff_at_zero: game.payoff_at_zero(),
        solutions: game.solutions(),
        solved_probability_at_best: at_max.and(best).map(|best| game.solved_probability(best)),
        solved_probability_at_max: at_max,
        welfare_best: best.map(|best| game.welfare(best)),
    })
}

/// The deadlines that matter, from a hundredth of the shorter to a hundred times the longer; where
/// none does, around the mean time to a solution.
fn draw_solution(plot: &PlotOption, game: &Game, solution: &Solution) -> Result<()> {
    if !plot.wanted() {
        return Ok(());
    }
    let known = || [solution.deadline_best, solution.deadline_max].into_iter().flatten();
    let middle = likely_time(game)?;
    let shortest = known().fold(middle, f64::min) / 100.0;
    let longest = known().fold(middle, f64::max) * 100.0;
    let curve = curve(game, shortest, longest, 300)?;
    plot.write(|| figure::presence(&curve, solution))
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

fn curve(game: &Game, from: f64, to: f64, points: usize) -> Result<Curve> {
    ensure!((2..=POINTS_MAX).contains(&points), "--points must be from 2 to {POINTS_MAX}");
    let (low, high) = (Seconds::new(from)?.get().ln(), Seconds::new(to)?.get().ln());
    ensure!(low < high, "--from must be below --to");
    let at = |k: usize| (low + (high - low) * k as f64 / (points - 1) as f64).exp();
    let deadlines = seconds(&(0..points).map(at).collect::<Vec<_>>())?;
    let payoffs = game.curve(&deadlines);
    let points = deadlines.iter().zip(payoffs).map(|(&t, payoff)| Point {
        deadline: t.get(),
        payoff,
        solved: game.solved_probability(t),
        welfare: game.welfare(t),
    });
    Ok(Curve { curve: points.collect() })
}

fn prize(document: &Document, deadline: Option<f64>) -> Result<Prize> {
    let game = game(document)?;
    let deadline = deadline.map(Seconds::new).transpose()?;
    let cost = document.required("cost")?;
    Ok(Prize {
        cost,
        first_probability: game.first_probability(deadline),
        prize: game.prize(cost, deadline)?,
    })
}
