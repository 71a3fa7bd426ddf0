//! `muster presence`: deadlines, curves and prizes of a headcount by proof-of-work.

mod figure;
mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use muster_mechanism::presence::{
    Beliefs, Game, JointBeliefs, Outcome, Payoffs, Rate, RateEstimate, Seconds,
};

use self::report::{Calibration, Case, Curve, Point, Prize, Solution};
use super::document::{self, Document};
use super::plot::PlotOption;
use super::report::Report;

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
        Verb::Calibrate { seconds, rate, confidence, json } => {
            calibrate(*seconds, *rate, *confidence)?.show(*json)
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

/// Guesses for a while as a solver of the SHA-256 puzzle does: one hash of a challenge and a
/// nonce each.
fn calibrate(duration: f64, rate: f64, confidence: f64) -> Result<Calibration> {
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
    Ok(Calibration {
        confidence,
        difficulty: estimate.difficulty(Rate::per_second(rate)?),
        guesses_per_second: estimate.rate,
        high: estimate.high,
        low: estimate.low,
        wanted_rate: rate,
    })
}
