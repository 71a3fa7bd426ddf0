//! What more malicious power does to the largest deadline, and where it leaves none.

use muster_mechanism::presence::{Beliefs, Game, Outcome};

use super::shared::{Parts, solutions_asked};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// T* and T° of the example game, by the mean of malicious power.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-malicious",
    title: "How much malicious power leaves no deadline",
    source: "Brandenburger and Steverson, Discussion: the threshold falls with malicious power",
    columns: &[
        "solutions",
        "malicious_mean",
        "outcome",
        "deadline_best_seconds",
        "deadline_max_seconds",
        "gain_at_best",
    ],
    data_file: None,
    cells: |_| SOLUTIONS.len(),
    cell,
    report,
};

const SOLUTIONS: [u32; 3] = [1, 4, 16];
/// Means of malicious power, evenly spaced on a logarithmic axis.
const MEANS: usize = 60;
const MEAN_LEAST: f64 = 0.25;
const MEAN_MOST: f64 = 400.0;

/// The example game with Poisson malicious power; more than eight deviations are left out.
fn game(mean: f64, solutions: u32) -> Result<Game, ExperimentError> {
    let parts = Parts::example()?;
    let most = (mean + 8.0 * mean.sqrt() + 10.0).ceil() as u32;
    let mut logarithm = -mean;
    let malicious = (0..=most).map(|number| {
        if number > 0 {
            logarithm += libm::log(mean / f64::from(number));
        }
        logarithm
    });
    let players = parts.beliefs.players().iter().map(|p| libm::log(*p)).collect();
    let beliefs = Beliefs::from_logarithms(players, malicious.collect()).map_err(refused)?;
    let game = Parts { beliefs, ..parts }.game()?;
    game.with_solutions(solutions).map_err(refused)
}

fn cell(_: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let solutions = SOLUTIONS[index];
    let step = libm::log(MEAN_MOST / MEAN_LEAST) / (MEANS - 1) as f64;
    let row = |number: usize| {
        let mean = MEAN_LEAST * libm::exp(step * number as f64);
        let game = game(mean, solutions)?;
        let null = game.payoffs().null();
        let (outcome, best, maximum, gain) = match game.solve() {
            Outcome::Impossible => ("impossible", f64::NAN, f64::NAN, 0.0),
            Outcome::Unneeded { best } => {
                ("unneeded", best.get(), f64::NAN, game.welfare(best) - null)
            }
            Outcome::Deadline { maximum, best, .. } => {
                ("deadline", best.get(), maximum.get(), game.welfare(best) - null)
            }
        };
        Ok(EXPERIMENT.row([
            ("solutions", f64::from(solutions).into()),
            ("malicious_mean", mean.into()),
            ("outcome", outcome.into()),
            ("deadline_best_seconds", best.into()),
            ("deadline_max_seconds", maximum.into()),
            ("gain_at_best", gain.into()),
        ]))
    };
    (0..MEANS).map(row).collect()
}

/// With one solution `E_0 W = E W + Cov(i, W) / (E i + E j)`, which is `W*` where the mean of
/// malicious power is this, whatever its law.
fn vanishes_at() -> Result<(f64, f64), ExperimentError> {
    let parts = Parts::example()?;
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        let all = parts.beliefs.players().iter().zip(parts.payoffs.acting()).enumerate();
        all.map(|(at, (p, w))| p * of((at + 1) as f64, *w)).sum::<f64>()
    };
    let (players, payoff) = (mean(&|i, _| i), mean(&|_, w| w));
    let covariance = mean(&|i, w| (i - players) * (w - payoff));
    Ok((covariance / (parts.payoffs.null() - payoff) - players, players))
}

/// The mean between which and the next a deadline is lost, by halving.
fn lost_at(solutions: u32) -> Result<f64, ExperimentError> {
    let (mut low, mut high) = (MEAN_LEAST, 4.0 * MEAN_MOST);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        let impossible = matches!(game(middle, solutions)?.solve(), Outcome::Impossible);
        if impossible { high = middle } else { low = middle }
    }
    Ok(low)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let mut steps = [0, 0];
    for solutions in SOLUTIONS {
        let maxima: Vec<f64> = table
            .with("solutions", f64::from(solutions))
            .filter(|row| row.text("outcome") == "deadline")
            .map(|row| row.number("deadline_max_seconds"))
            .collect();
        steps[0] += maxima.windows(2).filter(|pair| pair[1] < pair[0]).count();
        steps[1] += maxima.len().saturating_sub(1);
    }
    let (formula, players) = vanishes_at()?;
    let [one, four, sixteen] = [lost_at(1)?, lost_at(4)?, lost_at(16)?];
    let findings = vec![
        Finding::claim(
            "T* falls as malicious power grows (Discussion).",
            format!("It falls in {} of {} steps, with 1, 4 and 16 solutions.", steps[0], steps[1]),
            steps[0] == steps[1] && steps[1] > 0,
        ),
        Finding::answer_if(
            "Where does it vanish? (open)",
            format!(
                "With one solution where the mean of malicious power is Cov(i, W)/(W* - E W) - E i, \
                 whatever its law: {formula:.2} machines beside {players:.2} players in the \
                 example, found at {one:.2}. With 4 solutions it vanishes at {four:.1}, with 16 at \
                 {sixteen:.1}."
            ),
            (one / formula - 1.0).abs() < 1e-6 && four > one && sixteen > four,
        ),
    ];
    Ok(Report::new(findings, vec![figure(table, formula)]))
}

fn figure(table: &Table, formula: f64) -> Figure {
    let lines = |column: &str| {
        let line = |solutions: u32| {
            let rows = table.with("solutions", f64::from(solutions));
            let rows = rows.filter(|row| row.text("outcome") == "deadline");
            let points = rows.map(|row| (row.number("malicious_mean"), row.number(column)));
            Mark::line(solutions_asked(solutions), points, Stroke::Solid)
        };
        let mut marks: Vec<Mark> = SOLUTIONS.map(line).to_vec();
        marks.push(Mark::vertical("none left with 1", formula));
        marks
    };
    let power = || Axis::logarithmic("mean of malicious power (machines)");
    Figure::new(
        "malicious-power",
        "The example game with Poisson malicious power.",
        vec![
            Panel::new(
                "Largest deadline T*",
                power(),
                Axis::logarithmic("seconds"),
                lines("deadline_max_seconds"),
            ),
            Panel::new(
                "What the best deadline adds to W*",
                power(),
                Axis::logarithmic("expected payoff"),
                lines("gain_at_best"),
            ),
        ],
    )
}
