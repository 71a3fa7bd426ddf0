//! The race for the puzzle, simulated, against the closed form.

use muster_mechanism::presence::{Game, RaceSettings, Seconds};
use muster_mechanism::random::Stream;

use super::shared::{Parts, deadlines, deviation_allowed, solutions_asked};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, Value, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::largest;

/// Monte Carlo of the race.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-race",
    title: "The race for the puzzle, simulated",
    source: "Brandenburger and Steverson, Section II (the Poisson race); several solutions are ours",
    columns: &[
        "game",
        "solutions",
        "deadline_seconds",
        "solved",
        "solved_simulated",
        "solved_standard_error",
        "payoff",
        "payoff_simulated",
        "payoff_standard_error",
        "races",
    ],
    data_file: None,
    // The first is the example that is drawn.
    cells: |setting| setting.scale.pick(9, 101),
    cell,
    report,
};

/// Solutions that are asked for; 1 is the paper.
const SOLUTIONS: [u32; 4] = [1, 2, 4, 8];
/// Deadlines of each game, in mean times to the last of the solutions.
const DEADLINES: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let parts = Parts::numbered(setting, index)?;
    let draws = setting.scale.pick(100_000, 1_000_000);
    let mut rows = Vec::new();
    for solutions in SOLUTIONS {
        let game = parts.game()?.with_solutions(solutions).map_err(refused)?;
        for (at, share) in DEADLINES.into_iter().enumerate() {
            let time = share * f64::from(solutions) / (parts.rate * headcount_mean(&game));
            let deadline = Seconds::new(time).map_err(refused)?;
            // Another seed for each race, so that their errors are independent.
            let seed = Stream::new(
                setting.seed,
                (index as u64) << 16 | u64::from(solutions) << 8 | at as u64,
            )
            .next_word();
            let race = RaceSettings { draws, seed, deadline };
            let race = game.simulate(race).map_err(refused)?;
            rows.push(EXPERIMENT.row([
                ("game", index.into()),
                ("solutions", Value::from(f64::from(solutions))),
                ("deadline_seconds", time.into()),
                ("solved", game.solved_probability(deadline).into()),
                ("solved_simulated", race.solved.into()),
                ("solved_standard_error", race.solved_error.into()),
                ("payoff", game.payoff_at(deadline).into()),
                ("payoff_simulated", race.payoff.into()),
                ("payoff_standard_error", race.payoff_error.into()),
                ("races", Value::from(race.draws as f64)),
            ]));
        }
    }
    Ok(rows)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let solved = deviations(table, "solved");
    let payoff = deviations(table, "payoff");
    let findings = vec![
        finding("Chance of a solution by T, against 1 - exp(-lambda k T)", &solved),
        finding("Expected payoff once solved, against E_T W", &payoff),
    ];
    let all = solved.into_iter().chain(payoff).collect::<Vec<_>>();
    Ok(Report::new(findings, vec![figure(table, &all)?]))
}

/// E[k].
fn headcount_mean(game: &Game) -> f64 {
    game.headcount().iter().enumerate().map(|(at, r)| (at + 1) as f64 * r).sum()
}

/// Whether there are enough races on both sides for the error to be normal.
fn enough(row: &Record) -> bool {
    let solved = row.number("solved");
    row.number("races") * solved.min(1.0 - solved) > 50.0
}

/// Simulation minus closed form, in standard errors, where there are enough races.
fn deviations(table: &Table, what: &str) -> Vec<f64> {
    let deviation = |row: Record| {
        let off = row.number(&format!("{what}_simulated")) - row.number(what);
        off / row.number(&format!("{what}_standard_error"))
    };
    let all = table.records().filter(enough).map(deviation);
    all.filter(|deviation| deviation.is_finite()).collect()
}

fn finding(what: &str, deviations: &[f64]) -> Finding {
    let count = deviations.len();
    let worst = largest(deviations.iter().map(|z| z.abs()));
    let allowed = deviation_allowed(count);
    let square = deviations.iter().map(|z| z * z).sum::<f64>() / count.max(1) as f64;
    // The mean of `count` squares of normal numbers varies by sqrt(2/count).
    let spread = 4.0 * (2.0 / count.max(1) as f64).sqrt();
    let holds = count > 0 && worst < allowed && (square - 1.0).abs() < spread;
    Finding::claim(
        format!("{what}: the closed form is the race's law."),
        format!(
            "{count} simulations; the largest deviation is {worst:.2} standard errors (chance \
             allows {allowed:.2}), the mean square {square:.3} (chance allows 1 ± {spread:.2})."
        ),
        holds,
    )
}

fn figure(table: &Table, deviations: &[f64]) -> Result<Figure, ExperimentError> {
    let mut marks = Vec::new();
    let parts = Parts::example()?;
    for solutions in SOLUTIONS {
        let label = solutions_asked(solutions);
        let game = parts.game()?.with_solutions(solutions).map_err(refused)?;
        let rows = table.records().filter(enough).filter(|row| {
            row.number("game") == 0.0 && row.number("solutions") == f64::from(solutions)
        });
        let points =
            rows.map(|row| (row.number("deadline_seconds"), row.number("payoff_simulated")));
        let curve = deadlines(0.3, 1000.0, 200)?.into_iter();
        let curve = curve.map(|deadline| (deadline.get(), game.payoff_at(deadline)));
        marks.push(Mark::line(&label, curve, Stroke::Solid));
        marks.push(Mark::points(label, points));
    }
    const STEP: f64 = 0.5;
    let count = deviations.len().max(1) as f64;
    let bars = (-8..=8).map(|at| {
        let middle = STEP * f64::from(at);
        let inside = deviations.iter().filter(|z| (*z - middle).abs() <= STEP / 2.0).count();
        (middle, inside as f64 / count / STEP)
    });
    let normal = (-160..=160).map(|at| {
        let z = f64::from(at) / 40.0;
        (z, libm::exp(-0.5 * z * z) / (2.0 * core::f64::consts::PI).sqrt())
    });
    Ok(Figure::new(
        "race",
        format!(
            "Left: lines are the closed form, points {} simulated races each. Right: what lies \
             between them, over all games, beside chance.",
            table.records().next().map_or(0.0, |row| row.number("races"))
        ),
        vec![
            Panel::new(
                "Expected payoff once solved",
                Axis::logarithmic("deadline T (s)"),
                Axis::linear("expected payoff"),
                marks,
            ),
            Panel::new(
                "Deviation of the simulation",
                Axis::linear("standard errors"),
                Axis::linear("density"),
                vec![
                    Mark::bars("simulations", bars),
                    Mark::line("standard normal", normal, Stroke::Dashed),
                ],
            ),
        ],
    ))
}
