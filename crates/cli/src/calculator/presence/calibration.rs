//! How fast this machine tries, and the round that follows from it for given beliefs and payoffs.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use muster_lab::figure::{Axis, Mark, Panel, Stroke};
use muster_mechanism::presence::{
    Game, Rate, RateEstimate, SOLUTIONS_MAX, Seconds, gamma_lower_regularised,
};
use muster_puzzle::{Puzzle, Searcher, Work};
use serde::Serialize;

use crate::calculator::report::Report;
use crate::output::{self, Align, Table};

/// Into how many parts a measurement is cut; how they differ gives the interval.
const PARTS: usize = 16;
/// Tries between two counts.
const NONCES: [(Puzzle, u64); 2] = [(Puzzle::Sha256, 1 << 14), (Puzzle::Equihash, 1)];
/// The numbers of solutions that are set beside each other.
const SOLUTIONS: [u32; 6] = [1, 2, 4, 8, 16, SOLUTIONS_MAX];
/// More solutions are not worth their traffic when they add less than this share of what a round is
/// worth.
const ENOUGH: f64 = 0.9;
/// Most rows of the table of chances.
const ROWS_MAX: usize = 16;

/// What is measured, and for what.
pub struct Settings {
    pub puzzle: Puzzle,
    /// For how long, on one core and again on all.
    pub seconds: f64,
    /// Coverage of the intervals.
    pub confidence: f64,
    /// Solutions a second that one core shall make, where no game says what is needed.
    pub rate: f64,
    /// The deadline that is to be the best one.
    pub deadline: f64,
}

/// The result of `presence calibrate`.
#[derive(Serialize)]
pub struct Calibration {
    pub all_cores: Measured,
    pub confidence: f64,
    pub cores: usize,
    /// Tries a solution, for one core at the wanted rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<f64>,
    pub one_core: Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    pub puzzle: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_rate: Option<f64>,
}

/// Tries a second.
#[derive(Clone, Copy, Serialize)]
pub struct Measured {
    pub high: f64,
    pub low: f64,
    pub tries_per_second: f64,
}

/// Rounds for the same beliefs and payoffs, by the number of solutions, and the one to take.
#[derive(Serialize)]
pub struct Proposal {
    /// From how many machines at work on acting is worth more than staying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enough: Option<usize>,
    pub rounds: Vec<Round>,
    /// How many solutions to ask for.
    pub solutions: u32,
}

/// A round of one number of solutions.
#[derive(Serialize)]
pub struct Round {
    /// The probability that it is solved by T° when so many machines work, from one on.
    pub acting: Vec<f64>,
    /// T°, in seconds.
    pub deadline_best: f64,
    /// T*, in seconds; nothing where no puzzle is needed.
    pub deadline_max: Option<f64>,
    pub difficulty: u64,
    pub solutions: u32,
    /// By T°, for a present player.
    pub solved_probability: f64,
    pub welfare: f64,
}

/// Measures, and proposes a round if there is a game for which. The rate of the game is not used.
pub fn calibrate(settings: &Settings, game: Option<&Game>) -> Result<Calibration> {
    let Settings { puzzle, seconds, confidence, rate, deadline } = *settings;
    ensure!((0.01..=3600.0).contains(&seconds), "--seconds must be from 0.01 to 3600");
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let measured = |cores: NonZeroUsize| -> Result<Measured> {
        let parts = measure(puzzle, cores, Duration::from_secs_f64(seconds))?;
        let found = RateEstimate::from_parts(&parts, confidence)?;
        Ok(Measured { high: found.high, low: found.low, tries_per_second: found.rate })
    };
    let one_core = measured(NonZeroUsize::MIN)?;
    let all_cores = measured(cores)?;
    let tries = one_core.tries_per_second;
    let proposal = game.map(|game| propose(game, tries, Seconds::new(deadline)?)).transpose()?;
    let wanted = game.is_none().then(|| Rate::per_second(rate)).transpose()?;
    Ok(Calibration {
        all_cores,
        confidence,
        cores: cores.get(),
        difficulty: wanted.map(|wanted| tries / wanted.get()),
        one_core,
        proposal,
        puzzle: puzzle.name(),
        wanted_rate: wanted.map(Rate::get),
    })
}

/// Searches for what cannot be found, and counts the tries in parts of equal length: (tries,
/// seconds). Begins when every core has its memory.
fn measure(puzzle: Puzzle, cores: NonZeroUsize, length: Duration) -> Result<Vec<(u64, f64)>> {
    let (stop, tries) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Barrier::new(cores.get() + 1);
    let step = NONCES.iter().find(|(of, _)| *of == puzzle).map_or(1, |(_, step)| *step);
    // A part of a slow puzzle ends with the first run that ends in it.
    let (ended, ends) = mpsc::channel();
    std::thread::scope(|scope| {
        for core in 0..cores.get() as u64 {
            let (stop, tries, begin, ended) = (&stop, &tries, &begin, ended.clone());
            scope.spawn(move || {
                let work = Work::new(puzzle, u64::MAX, [0; 32], [core as u8; 32], [0; 32]);
                let Ok(work) = work else { return };
                let stopped = || stop.load(Ordering::Relaxed);
                let mut searcher = Searcher::new(puzzle);
                // What is touched for the first time is slow.
                searcher.search(&work, 0..step, &stopped);
                begin.wait();
                for round in 1.. {
                    if stopped() {
                        return;
                    }
                    let trial = searcher.search(&work, round * step..(round + 1) * step, &stopped);
                    tries.fetch_add(trial.tries, Ordering::Relaxed);
                    // Nobody waits any more once all parts are there.
                    let _ = ended.send(());
                }
            });
        }
        begin.wait();
        let mut parts = Vec::with_capacity(PARTS);
        let mut start = Instant::now();
        for _ in 0..PARTS {
            loop {
                ends.recv().context("the search ended by itself")?;
                if start.elapsed() >= length / PARTS as u32 {
                    break;
                }
            }
            parts.push((tries.swap(0, Ordering::Relaxed), start.elapsed().as_secs_f64()));
            start = Instant::now();
        }
        stop.store(true, Ordering::Relaxed);
        Ok(parts)
    })
}

/// For each number of solutions, the difficulty at which the wanted deadline is the best.
fn propose(game: &Game, tries_per_second: f64, wanted: Seconds) -> Result<Proposal> {
    let mut rounds = Vec::new();
    for solutions in SOLUTIONS {
        let game = game.clone().with_solutions(solutions)?;
        let Some(rate) = game.rate_for_best(wanted) else { continue };
        // Saturates; beyond any deadline that anybody waits for.
        let difficulty = (tries_per_second / rate.get()).round() as u64;
        ensure!(
            difficulty > 0,
            "a core makes {tries_per_second:.1} tries a second, too few for {solutions} solutions \
             by {} s: give a longer --deadline",
            wanted.get()
        );
        let rate = Rate::per_second(tries_per_second / difficulty as f64)?;
        let game = Game::new(game.beliefs().clone(), game.payoffs().clone(), rate)?
            .with_solutions(solutions)?;
        let best = game.deadline_best().context("the game has no best deadline any more")?;
        let machines = 1..=game.beliefs().players_max() + game.beliefs().malicious_max();
        let chance = |machines: usize| {
            gamma_lower_regularised(solutions, machines as f64 * rate.get() * best.get())
        };
        rounds.push(Round {
            acting: machines.map(chance).collect(),
            deadline_best: best.get(),
            deadline_max: game.deadline_max().map(Seconds::get),
            difficulty,
            solutions,
            solved_probability: game.solved_probability(best),
            welfare: game.welfare(best),
        });
    }
    let null = game.payoffs().null();
    let most = rounds.iter().map(|round| round.welfare - null).fold(0.0, f64::max);
    let chosen = rounds.iter().find(|round| round.welfare - null >= ENOUGH * most);
    let chosen = chosen.context(
        "coordination is impossible: no number of solutions makes acting worth more than staying",
    )?;
    let solutions = chosen.solutions;
    let enough = (1..=chosen.acting.len()).find(|machines| {
        game.payoff_given_headcount(*machines).is_some_and(|payoff| payoff > null)
    });
    Ok(Proposal { enough, rounds, solutions })
}

impl Proposal {
    fn chosen(&self) -> Option<&Round> {
        self.rounds.iter().find(|round| round.solutions == self.solutions)
    }

    /// The probability of acting over the number of machines at work: for one solution, for as many
    /// as are proposed, and for the most.
    pub fn figure(&self) -> Vec<Panel> {
        let shown = |round: &&Round| [1, self.solutions, SOLUTIONS_MAX].contains(&round.solutions);
        let mut marks: Vec<Mark> = Vec::new();
        for round in self.rounds.iter().filter(shown) {
            let stroke =
                if round.solutions == self.solutions { Stroke::Solid } else { Stroke::Dashed };
            let label = match round.solutions {
                1 => "1 solution".to_owned(),
                several => format!("{several} solutions"),
            };
            let points = (1u32..).zip(&round.acting).map(|(k, chance)| (f64::from(k), *chance));
            marks.push(Mark::line(label, points, stroke));
        }
        marks.extend(self.enough.map(|enough| Mark::vertical("enough to act", enough as f64)));
        let x = Axis::linear("machines at work");
        let y = Axis::linear("probability of acting").within(0.0, 1.02);
        vec![Panel::new("Acting by the number present", x, y, marks)]
    }

    fn print(&self) -> Result<()> {
        output::print("")?;
        let header = ["solutions", "difficulty", "T° (s)", "T* (s)", "solved", "welfare"];
        let mut table = Table::new(&header.map(|name| (name, Align::Right)));
        for round in &self.rounds {
            table.row(vec![
                round.solutions.to_string(),
                round.difficulty.to_string(),
                format!("{:.2}", round.deadline_best),
                output::number(round.deadline_max, 2),
                format!("{:.4}", round.solved_probability),
                format!("{:.4}", round.welfare),
            ]);
        }
        table.print()?;
        let Some(chosen) = self.chosen() else { return Ok(()) };
        let enough = self.enough.map_or_else(String::new, |enough| {
            format!("; acting is worth more than staying from {enough} machines at work on")
        });
        output::print(&format!(
            "\nTake {} of difficulty {} by {:.2} s: more add less than a tenth to what the round \
             is worth{enough}.\n",
            if chosen.solutions == 1 {
                "1 solution".to_owned()
            } else {
                format!("{} solutions", chosen.solutions)
            },
            chosen.difficulty,
            chosen.deadline_best
        ))?;
        let mut table = Table::new(
            &["machines at work", "probability of acting"].map(|name| (name, Align::Right)),
        );
        for machines in shown_rows(chosen.acting.len(), self.enough) {
            table.row(vec![machines.to_string(), format!("{:.6}", chosen.acting[machines - 1])]);
        }
        table.print()
    }
}

/// Numbers from 1 to `count`: all, or as many as make a table; the one that matters always.
fn shown_rows(count: usize, always: Option<usize>) -> Vec<usize> {
    let rows = ROWS_MAX.min(count);
    let at = |row: usize| 1 + row * (count - 1) / (rows - 1).max(1);
    let mut shown: Vec<usize> = (0..rows).map(at).chain(always).collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}

/// A number of tries with the digits that a measurement has.
fn tries(number: f64) -> String {
    match number {
        0.0..1e3 => format!("{number:.2}"),
        1e3..1e6 => format!("{:.2} thousand", number / 1e3),
        _ => format!("{:.3} million", number / 1e6),
    }
}

impl Report for Calibration {
    fn print(&self) -> Result<()> {
        let words = |measured: &Measured| {
            format!(
                "{} tries a second (between {} and {} with {}%)",
                tries(measured.tries_per_second),
                tries(measured.low),
                tries(measured.high),
                100.0 * self.confidence
            )
        };
        output::print(&format!("{}, one core: {}", self.puzzle, words(&self.one_core)))?;
        let all = words(&self.all_cores);
        output::print(&format!("{}, {} cores: {all}", self.puzzle, self.cores))?;
        if let (Some(difficulty), Some(rate)) = (self.difficulty, self.wanted_rate) {
            output::print(&format!(
                "A difficulty of {difficulty:.0} tries a solution gives {rate} solutions a second \
                 on one core."
            ))?;
        }
        self.proposal.as_ref().map_or(Ok(()), Proposal::print)
    }
}
