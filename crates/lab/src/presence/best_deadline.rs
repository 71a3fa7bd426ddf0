//! The best deadline, which the paper leaves open, against the largest.

use muster_mechanism::presence::Outcome;
use muster_mechanism::random::Stream;

use super::shared::{Null, Parts, deadlines, gain_headcount_known, landmarks, numbers};
use crate::experiment::{Experiment, ExperimentError, Finding, Report, Row, Setting, Table, Value};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::{largest, quantile};

/// Welfare at T° and T* over random games.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-best-deadline",
    title: "The best deadline is shorter than the largest",
    source: "Brandenburger and Steverson, Discussion: the optimal T is left for future work",
    columns: &[
        "game",
        "deadline_best_seconds",
        "deadline_max_seconds",
        "gain_at_best",
        "gain_at_max",
        "gain_on_grid",
        "gain_headcount_known",
        "solution_at_best_minus_null",
    ],
    data_file: None,
    cells: |setting| setting.scale.pick(20, 200),
    cell,
    report,
};

/// Games in one cell.
const GAMES: usize = 50;
const GRID: usize = 400;

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    numbers(index, GAMES).map(|number| row(setting, number)).collect()
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report::new(findings(table), vec![figure(setting, table)?]))
}

fn row(setting: &Setting, number: usize) -> Result<Row, ExperimentError> {
    let parts = Parts::random(&mut Stream::new(setting.seed, number as u64), Null::Between)?;
    let game = parts.game()?;
    let null = game.payoffs().null();
    let Outcome::Deadline { maximum, best, .. } = game.solve() else {
        return Err(ExperimentError::Mechanism("W* was drawn between E_inf and E_0".into()));
    };
    let grid = deadlines(1e-3 * best.get(), 1e2 * maximum.get(), GRID)?;
    let on_grid = largest(grid.into_iter().map(|deadline| game.welfare(deadline) - null));
    let headcount = game.headcount();
    // What a solution that arrives exactly at T° is worth: its density over headcounts is
    // r[k] k exp(-lambda k T).
    let (mut above, mut below) = (0.0, 0.0);
    for (at, r) in headcount.iter().enumerate() {
        let k = (at + 1) as f64;
        let weight = r * k * libm::exp(-parts.rate * best.get() * k);
        above += weight * (game.payoff_given_headcount(at + 1).unwrap_or(null) - null);
        below += weight;
    }
    Ok(EXPERIMENT.row([
        ("game", number.into()),
        ("deadline_best_seconds", best.get().into()),
        ("deadline_max_seconds", maximum.get().into()),
        ("gain_at_best", Value::from(game.welfare(best) - null)),
        ("gain_at_max", Value::from(game.welfare(maximum) - null)),
        ("gain_on_grid", on_grid.into()),
        ("gain_headcount_known", gain_headcount_known(&game).into()),
        ("solution_at_best_minus_null", Value::from(above / below)),
    ]))
}

fn findings(table: &Table) -> Vec<Finding> {
    let games = table.rows.len();
    let column = |name: &str| table.records().map(|row| row.number(name)).collect::<Vec<_>>();
    let (best, maximum) = (column("deadline_best_seconds"), column("deadline_max_seconds"));
    let (at_best, on_grid) = (column("gain_at_best"), column("gain_on_grid"));
    let (at_max, known) = (column("gain_at_max"), column("gain_headcount_known"));
    let shorter = best.iter().zip(&maximum).filter(|(best, maximum)| best < maximum).count();
    let ratio = best.iter().zip(&maximum).map(|(a, b)| a / b).collect::<Vec<_>>();
    let share = at_best.iter().zip(&known).map(|(a, b)| a / b).collect::<Vec<_>>();
    // Equal up to rounding: the grid may come as near to T° as it likes.
    let highest =
        at_best.iter().zip(&on_grid).filter(|&(best, other)| *best >= other - 1e-12).count();
    let rest = largest(at_max.iter().zip(&at_best).map(|(a, b)| a.abs() / b));
    let worth = largest(column("solution_at_best_minus_null").iter().map(|value| value.abs()));
    vec![
        Finding::answer_if(
            "Which deadline is best? (open) The root T° of sum_k r[k] k exp(-lambda k T) \
                    (V(k) - W*).",
            format!(
                "No deadline of {GRID} has higher welfare in {highest} of {games} games; a \
                 solution exactly at T° is worth W* within {worth:.1e}."
            ),
            highest == games && games > 0 && worth < 1e-9,
        ),
        Finding::claim(
            "The optimal T lies below T* (Discussion).",
            format!(
                "In {shorter} of {games} games; T°/T* is {:.3} in the median, from {:.3} to {:.3} \
                 in the middle half.",
                quantile(&ratio, 0.5),
                quantile(&ratio, 0.25),
                quantile(&ratio, 0.75)
            ),
            shorter == games && games > 0,
        ),
        Finding::answer_if(
            "What is the largest deadline T* worth? (open)",
            format!(
                "Nothing: acting is then worth W* exactly. Its gain over staying is at most \
                 {rest:.1e} of that at T°."
            ),
            rest < 1e-6,
        ),
        Finding::answer_if(
            "How much of the value of knowing the headcount does one solution give? (open)",
            format!(
                "{:.1}% in the median game, from {:.1}% to {:.1}% in the middle half.",
                100.0 * quantile(&share, 0.5),
                100.0 * quantile(&share, 0.25),
                100.0 * quantile(&share, 0.75)
            ),
            share.iter().all(|share| (0.0..=1.0 + 1e-9).contains(share)),
        ),
    ]
}

fn figure(setting: &Setting, table: &Table) -> Result<Figure, ExperimentError> {
    let game = Parts::example()?.game()?;
    let curve = deadlines(0.1, 2000.0, 300)?.into_iter();
    let curve = curve.map(|deadline| (deadline.get(), game.welfare(deadline)));
    let mut marks = vec![Mark::line("welfare U(T)", curve, Stroke::Solid)];
    marks.extend(landmarks(&game));
    let ratios = table
        .records()
        .map(|row| row.number("deadline_best_seconds") / row.number("deadline_max_seconds"));
    let ratios = ratios.collect::<Vec<_>>();
    let bars = (0..20).map(|at| {
        let low = f64::from(at) / 20.0;
        let inside = ratios.iter().filter(|&&ratio| (low..low + 0.05).contains(&ratio)).count();
        (low + 0.025, inside as f64)
    });
    Ok(Figure::new(
        "best-deadline",
        format!(
            "Left: the example game. Right: {} random games, seed {}.",
            ratios.len(),
            setting.seed
        ),
        vec![
            Panel::new(
                "Welfare of a present player",
                Axis::logarithmic("deadline T (s)"),
                Axis::linear("expected payoff"),
                marks,
            ),
            Panel::new(
                "How much shorter the best deadline is",
                Axis::linear("T° / T*").within(0.0, 1.0),
                Axis::linear("games"),
                vec![Mark::bars("", bars)],
            ),
        ],
    ))
}
