//! The price of Sybils: what splitting one stake into identities earns, beside the deposits it
//! locks.

use muster_mechanism::verification::VerificationError;

use super::shared::BENCHMARKS;
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::words::short;

/// The first of the paper's future works.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-sybil",
    title: "The price of Sybils",
    source: "It Takes Two, Section 8, future work 1",
    columns: &[
        "benchmark",
        "margin",
        "others",
        "identities",
        "deposit",
        "profit",
        "return_on_deposit",
        "honest_return",
        "marginal_return",
    ],
    data_file: None,
    cells: |_| GRID.cells(),
    cell,
    report,
};

/// Honest verifiers beside the machine.
const OTHERS: [usize; 3] = [4, 16, 64];

const GRID: Grid<2> = Grid([BENCHMARKS.len(), OTHERS.len()]);

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [benchmark, others] = GRID.at(index);
    let (benchmark, margin) = BENCHMARKS[benchmark];
    let most = setting.scale.pick(32, 256);
    series(benchmark, margin, OTHERS[others], most).map_err(refused)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report {
        findings: vec![alone(table), splitting(table), crowd(table)],
        figures: vec![figure(table)],
        tables: vec![price(table)],
    })
}

fn series(
    benchmark: &str,
    margin: f64,
    others: usize,
    identities_max: usize,
) -> Result<Vec<Row>, VerificationError> {
    let game = super::shared::benchmark(benchmark);
    let matrix = game.design(margin)?.matrix;
    let mut before = 0.0;
    let mut rows = Vec::new();
    for identities in 1..=identities_max {
        let sybil = game.sybil_return(&matrix, identities, others)?;
        rows.push(EXPERIMENT.row([
            ("benchmark", benchmark.into()),
            ("margin", margin.into()),
            ("others", others.into()),
            ("identities", identities.into()),
            ("deposit", sybil.deposit.into()),
            ("profit", sybil.profit.into()),
            ("return_on_deposit", sybil.return_on_deposit.into()),
            ("honest_return", sybil.honest_return.into()),
            ("marginal_return", ((sybil.profit - before) / matrix.bound()).into()),
        ]));
        before = sybil.profit;
    }
    Ok(rows)
}

fn of<'a>(
    rows: &'a Table,
    (benchmark, margin): (&'a str, f64),
    others: usize,
) -> impl Iterator<Item = Record<'a>> {
    rows.with("benchmark", benchmark)
        .filter(move |row| row.number("margin") == margin && row.number("others") == others as f64)
}

fn alone(rows: &Table) -> Finding {
    let gap = rows
        .with("identities", 1.0)
        .map(|row| row.number("return_on_deposit") - row.number("honest_return"))
        .fold(0.0, |worst: f64, gap| worst.max(gap.abs()));
    Finding::claim(
        "Theorem 4.3: one identity among honest ones earns most by honesty",
        format!(
            "its best return on deposit differs from the honest one by at most {}",
            short(gap, 4)
        ),
        gap < 1e-12,
    )
}

fn splitting(rows: &Table) -> Finding {
    let parts = BENCHMARKS.map(|(benchmark, margin)| {
        let list: Vec<Record> = of(rows, (benchmark, margin), OTHERS[1]).collect();
        let at = |place: usize, column: &str| list[place].number(column);
        format!(
            "{benchmark}, margin {margin}: {} alone, {} with 2, {} with 8",
            short(at(0, "return_on_deposit"), 4),
            short(at(1, "return_on_deposit"), 4),
            short(at(7, "return_on_deposit"), 4)
        )
    });
    Finding::answer(
        "Future work 1: how much splitting one stake into s identities earns",
        format!(
            "profit per task over deposit beside {} honest verifiers: {}",
            OTHERS[1],
            parts.join("; ")
        ),
    )
}

fn crowd(rows: &Table) -> Finding {
    let marginal = |others: usize| {
        let mut list = of(rows, BENCHMARKS[1], others);
        list.nth(1).map_or(f64::NAN, |row| row.number("marginal_return"))
    };
    let (few, many) = (marginal(OTHERS[0]), marginal(OTHERS[2]));
    Finding::answer(
        "Future work 1: which deposit makes Sybils unprofitable",
        format!(
            "proof of learning, margin 0.2: the second identity earns {} of its deposit per task \
             beside {} honest verifiers and {} beside {}: it saves a look whatever their number, \
             so splitting pays unless locking a deposit costs more than that share per task",
            short(few, 4),
            OTHERS[0],
            short(many, 4),
            OTHERS[2]
        ),
    )
}

/// The cost of locking money, per task, above which a further identity does not pay.
fn price(rows: &Table) -> (String, Table) {
    let columns = [
        "benchmark",
        "margin",
        "honest others",
        "identities",
        "deposit",
        "profit",
        "return on deposit",
        "honest return",
        "return on the last deposit",
    ];
    let mut lines = Vec::new();
    for benchmark in BENCHMARKS {
        for row in of(rows, benchmark, OTHERS[1]) {
            if [1.0, 2.0, 4.0, 8.0, 16.0, 32.0].contains(&row.number("identities")) {
                lines.push(row.values(EXPERIMENT.columns));
            }
        }
    }
    (
        "One machine as several identities, looking at most once per task".into(),
        Table::new(&columns, lines),
    )
}

fn figure(rows: &Table) -> Figure {
    let panel = |pair: (&'static str, f64)| {
        let mut marks: Vec<Mark> = OTHERS
            .iter()
            .map(|&others| {
                Mark::line(
                    format!("beside {others} honest verifiers"),
                    of(rows, pair, others)
                        .map(|row| (row.number("identities"), row.number("return_on_deposit"))),
                    Stroke::Solid,
                )
            })
            .collect();
        let honest = of(rows, pair, OTHERS[0]).next();
        marks.push(Mark::horizontal(
            "one honest identity",
            honest.map_or(f64::NAN, |row| row.number("honest_return")),
        ));
        Panel::new(
            format!("{}, margin {}", pair.0, pair.1),
            Axis::linear("identities of one machine"),
            Axis::linear("profit per task over deposit"),
            marks,
        )
    };
    Figure::new(
        "sybil",
        "What one machine earns per task and unit of deposit if it appears as several \
                  verifiers, looks at most once and reports what pays best. The deposit per \
                  identity is the largest payment M.",
        BENCHMARKS.map(panel).to_vec(),
    )
}
