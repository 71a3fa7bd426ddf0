//! The price of Sybils: what splitting one stake into identities earns, beside the deposits it locks.

use muster_mechanism::verification::VerificationError;

use super::shared::{BENCHMARKS, digits, with};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, Verdict, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// The first of the paper's future works.
pub struct Sybil;

/// Honest verifiers beside the machine.
const OTHERS: [usize; 3] = [4, 16, 64];

impl Experiment for Sybil {
    fn name(&self) -> &'static str {
        "verification-sybil"
    }

    fn title(&self) -> &'static str {
        "The price of Sybils"
    }

    fn source(&self) -> &'static str {
        "It Takes Two, Section 8, future work 1"
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "benchmark",
            "margin",
            "others",
            "identities",
            "deposit",
            "profit",
            "return_on_deposit",
            "honest_return",
            "marginal_return",
        ]
    }

    fn cells(&self, _: &Setting) -> usize {
        BENCHMARKS.len() * OTHERS.len()
    }

    fn cell(&self, setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
        let (benchmark, margin) = BENCHMARKS[index / OTHERS.len()];
        let most = setting.scale.pick(32, 256);
        series(benchmark, margin, OTHERS[index % OTHERS.len()], most).map_err(refused)
    }

    fn report(&self, _: &Setting, table: &Table) -> Result<Report, ExperimentError> {
        Ok(Report {
            findings: vec![alone(table), splitting(table), crowd(table)],
            figures: vec![figure(table)],
            tables: vec![price(table)],
        })
    }
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
        rows.push(vec![
            benchmark.into(),
            margin.into(),
            others.into(),
            identities.into(),
            sybil.deposit.into(),
            sybil.profit.into(),
            sybil.return_on_deposit.into(),
            sybil.honest_return.into(),
            ((sybil.profit - before) / matrix.bound()).into(),
        ]);
        before = sybil.profit;
    }
    Ok(rows)
}

fn of<'a>(
    rows: &'a Table,
    (benchmark, margin): (&'a str, f64),
    others: usize,
) -> impl Iterator<Item = Record<'a>> {
    with(rows, "benchmark", benchmark)
        .filter(move |row| row.number("margin") == margin && row.number("others") == others as f64)
}

fn alone(rows: &Table) -> Finding {
    let gap = rows
        .records()
        .filter(|row| row.number("identities") == 1.0)
        .map(|row| row.number("return_on_deposit") - row.number("honest_return"))
        .fold(0.0, |worst: f64, gap| worst.max(gap.abs()));
    Finding {
        claim: "Theorem 4.3: one identity among honest ones earns most by honesty".into(),
        measured: format!(
            "its best return on deposit differs from the honest one by at most {}",
            digits(gap)
        ),
        verdict: Verdict::of(gap < 1e-12),
    }
}

fn splitting(rows: &Table) -> Finding {
    let parts = BENCHMARKS.map(|(benchmark, margin)| {
        let list: Vec<Record> = of(rows, (benchmark, margin), OTHERS[1]).collect();
        let at = |place: usize, column: &str| list[place].number(column);
        format!(
            "{benchmark}, margin {margin}: {} alone, {} with 2, {} with 8",
            digits(at(0, "return_on_deposit")),
            digits(at(1, "return_on_deposit")),
            digits(at(7, "return_on_deposit"))
        )
    });
    Finding {
        claim: "Future work 1: how much splitting one stake into s identities earns".into(),
        measured: format!(
            "profit per task over deposit beside {} honest verifiers: {}",
            OTHERS[1],
            parts.join("; ")
        ),
        verdict: Verdict::Answered,
    }
}

fn crowd(rows: &Table) -> Finding {
    let marginal = |others: usize| {
        let mut list = of(rows, BENCHMARKS[1], others);
        list.nth(1).map_or(f64::NAN, |row| row.number("marginal_return"))
    };
    let (few, many) = (marginal(OTHERS[0]), marginal(OTHERS[2]));
    Finding {
        claim: "Future work 1: which deposit makes Sybils unprofitable".into(),
        measured: format!(
            "proof of learning, margin 0.2: the second identity earns {} of its deposit per task \
             beside {} honest verifiers and {} beside {}: it saves a look whatever their number, \
             so splitting pays unless locking a deposit costs more than that share per task",
            digits(few),
            OTHERS[0],
            digits(many),
            OTHERS[2]
        ),
        verdict: Verdict::Answered,
    }
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
                lines.push(row.row().to_vec());
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
            .map(|&others| Mark::Line {
                label: format!("beside {others} honest verifiers"),
                points: of(rows, pair, others)
                    .map(|row| (row.number("identities"), row.number("return_on_deposit")))
                    .collect(),
                stroke: Stroke::Solid,
            })
            .collect();
        let honest = of(rows, pair, OTHERS[0]).next();
        marks.push(Mark::Horizontal {
            label: "one honest identity".into(),
            y: honest.map_or(f64::NAN, |row| row.number("honest_return")),
        });
        Panel {
            title: format!("{}, margin {}", pair.0, pair.1),
            x: Axis::linear("identities of one machine"),
            y: Axis::linear("profit per task over deposit"),
            marks,
        }
    };
    Figure {
        name: "sybil".into(),
        caption: "What one machine earns per task and unit of deposit if it appears as several \
                  verifiers, looks at most once and reports what pays best. The deposit per \
                  identity is the largest payment M."
            .into(),
        panels: BENCHMARKS.map(panel).to_vec(),
    }
}
