//! A puzzle that must be solved several times sharpens the headcount.

use muster_mechanism::presence::Outcome;
use muster_mechanism::random::Stream;

use super::shared::{Null, Parts, deadlines, gain_headcount_known, numbers, solutions_asked};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, Value, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::quantile;

/// Welfare at the best deadline by the number of solutions.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-solutions",
    title: "Asking for several solutions",
    source: "Beyond Brandenburger and Steverson: the time of the s-th solution is Erlang",
    columns: &[
        "game",
        "solutions",
        "payoff_at_zero",
        "outcome",
        "deadline_best_seconds",
        "deadline_max_seconds",
        "gain_at_best",
        "gain_headcount_known",
    ],
    data_file: None,
    cells: |setting| setting.scale.pick(20, 200),
    cell,
    report,
};

const SOLUTIONS: [u32; 6] = [1, 2, 4, 8, 16, 32];
/// Games in one cell.
const GAMES: usize = 10;

/// Of ten games, three are impossible with one solution.
fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let mut rows = Vec::new();
    for number in numbers(index, GAMES) {
        let null = if number % 10 < 3 { Null::Above } else { Null::Between };
        let parts = Parts::random(&mut Stream::new(setting.seed, number as u64), null)?;
        for solutions in SOLUTIONS {
            rows.push(row(&parts, number, solutions)?);
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report {
        findings: findings(table),
        figures: vec![figure(setting, table)?],
        tables: vec![("By the number of solutions.".to_owned(), by_solutions(table))],
    })
}

fn row(parts: &Parts, number: usize, solutions: u32) -> Result<Row, ExperimentError> {
    let game = parts.game()?.with_solutions(solutions).map_err(refused)?;
    let null = game.payoffs().null();
    let (outcome, best, maximum) = match game.solve() {
        Outcome::Impossible => ("impossible", None, None),
        Outcome::Unneeded { best } => ("unneeded", Some(best), None),
        Outcome::Deadline { maximum, best, .. } => ("deadline", Some(best), Some(maximum)),
    };
    Ok(EXPERIMENT.row([
        ("game", number.into()),
        ("solutions", Value::from(f64::from(solutions))),
        ("payoff_at_zero", game.payoff_at_zero().into()),
        ("outcome", outcome.into()),
        ("deadline_best_seconds", best.map_or(f64::NAN, |best| best.get()).into()),
        ("deadline_max_seconds", maximum.map_or(f64::NAN, |maximum| maximum.get()).into()),
        ("gain_at_best", best.map_or(0.0, |best| game.welfare(best) - null).into()),
        ("gain_headcount_known", gain_headcount_known(&game).into()),
    ]))
}

/// The share of the value of knowing the headcount, over the games that one solution decides.
fn shares(table: &Table, solutions: u32) -> Vec<f64> {
    let decided = table
        .with("solutions", 1.0)
        .map(|row| row.text("outcome") == "deadline")
        .collect::<Vec<_>>();
    let rows =
        table.with("solutions", f64::from(solutions)).zip(decided).filter(|(_, decided)| *decided);
    rows.map(|(row, _)| row.number("gain_at_best") / row.number("gain_headcount_known")).collect()
}

fn impossible(table: &Table, solutions: u32) -> usize {
    table
        .with("solutions", f64::from(solutions))
        .filter(|row| row.text("outcome") == "impossible")
        .count()
}

fn findings(table: &Table) -> Vec<Finding> {
    let medians = SOLUTIONS.map(|solutions| quantile(shares(table, solutions), 0.5));
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    let columns = SOLUTIONS.map(|solutions| shares(table, solutions));
    let games = columns[0].len();
    let rising = (0..games).filter(|&game| {
        let shares = columns.iter().map(|column| column[game]).collect::<Vec<_>>();
        shares.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9)
    });
    let (rising, before) = (rising.count(), impossible(table, 1));
    let most = SOLUTIONS[SOLUTIONS.len() - 1];
    let after = impossible(table, most);
    let [first, .., last] = medians;
    vec![
        Finding::answer_if(
            "Does asking for more solutions make the headcount sharper? (open)",
            format!(
                "The best deadline gives {} of the value of knowing the headcount with one \
                 solution (median), {} with {}, {} with {most}; each doubling raises it in {rising} \
                 of {games} games.",
                percent(first),
                percent(medians[2]),
                SOLUTIONS[2],
                percent(last)
            ),
            games > 0 && last > first && rising == games,
        ),
        Finding::answer_if(
            "Can it make coordination possible where one solution cannot? (open)",
            format!(
                "Of {before} games that are impossible with one solution, {after} are so with \
                 {most}."
            ),
            before > 0 && after < before,
        ),
    ]
}

fn by_solutions(table: &Table) -> Table {
    let columns = ["solutions", "share_of_value_quartile_1", "median", "quartile_3", "impossible"];
    let rows = SOLUTIONS.map(|solutions| {
        let shares = shares(table, solutions);
        let mut row = vec![Value::from(f64::from(solutions))];
        row.extend([0.25, 0.5, 0.75].map(|share| Value::from(quantile(&shares, share))));
        row.push(Value::from(impossible(table, solutions)));
        row
    });
    Table::new(&columns, rows.to_vec())
}

fn figure(setting: &Setting, table: &Table) -> Result<Figure, ExperimentError> {
    let parts = Parts::example()?;
    let mut welfare = Vec::new();
    for solutions in [1, 4, 16] {
        let game = parts.game()?.with_solutions(solutions).map_err(refused)?;
        let time = f64::from(solutions);
        let curve = deadlines(0.1 * time, 300.0 * time, 250)?.into_iter().map(|deadline| {
            // In mean times between solutions, so that curves can be compared.
            (deadline.get() / time, game.welfare(deadline))
        });
        welfare.push(Mark::line(solutions_asked(solutions), curve, Stroke::Solid));
    }
    welfare.push(Mark::horizontal("W*", parts.payoffs.null()));
    let at = |solutions: u32, share: f64| quantile(shares(table, solutions), share);
    let median = SOLUTIONS.map(|s| (f64::from(s), at(s, 0.5)));
    let band = SOLUTIONS.map(|s| (f64::from(s), at(s, 0.25), at(s, 0.75)));
    let label = "median and middle half of games";
    let shares = vec![
        Mark::band(label, band),
        Mark::line(label, median, Stroke::Solid),
        Mark::points(label, median),
    ];
    Ok(Figure::new(
        "solutions",
        format!("Left: the example game. Right: random games, seed {}.", setting.seed),
        vec![
            Panel::new(
                "Welfare of a present player",
                Axis::logarithmic("deadline / solutions (s)"),
                Axis::linear("expected payoff"),
                welfare,
            ),
            Panel::new(
                "Value of the best deadline",
                Axis::logarithmic("solutions asked for"),
                Axis::linear("share of knowing the headcount").within(0.0, 1.0),
                shares,
            ),
        ],
    ))
}
