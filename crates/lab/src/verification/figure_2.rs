//! Figure 2: utilities of honest and dishonest actions while some proofs are dishonest, and how far
//! each design tolerates that.

use muster_mechanism::verification::{ScoringMatrix, VerificationError, VerificationGame};

use super::tables::printed_matrix;
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::words::short;

/// Figure 2 of the paper.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-figure-2",
    title: "How many dishonest proofs a margin tolerates",
    source: "It Takes Two, Figure 2, Appendix 12.2 and Theorem 6.3",
    columns: &[
        "kind",
        "rule",
        "margin",
        "dishonest_share",
        "honest_utility_min",
        "dishonest_utility_max",
        "tolerance",
        "tolerance_bisected",
        "bound",
    ],
    data_file: None,
    cells: |setting| RULES.len() + margins(setting).len(),
    cell,
    report,
};

/// The share of dishonest proofs takes from the honest ones.
const SHIFT: [f64; 4] = [-1.0, 0.0, 0.0, 1.0];

/// `M*` at these margins, as restored.
const BOUNDS: [(f64, f64); 6] =
    [(0.0, 6.0), (0.1, 6.7), (0.2, 7.4), (0.5, 12.5), (1.0, 22.0), (2.0, 41.0)];

/// The largest share of dishonest proofs that is drawn.
const SHARE_MAX: f64 = 0.1;

const RULES: [(&str, f64); 3] = [("design", 0.2), ("printed", 0.2), ("design", 0.0)];

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let game = VerificationGame::proof_of_learning();
    match RULES.get(index) {
        Some(&(rule, margin)) => curve(&game, rule, margin, setting.scale),
        None => tolerance(&game, margins(setting)[index - RULES.len()]).map(|row| vec![row]),
    }
    .map_err(refused)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let design = at_margin(table, 0.2).map_or(f64::NAN, |row| row.number("tolerance"));
    let bisected = at_margin(table, 0.2).map_or(f64::NAN, |row| row.number("tolerance_bisected"));
    let printed = table
        .with("rule", "printed")
        .filter(|row| {
            row.number("honest_utility_min") > 0.0 && row.number("dishonest_utility_max") < 0.0
        })
        .map(|row| row.number("dishonest_share"))
        .fold(0.0, f64::max);
    let findings = vec![
        Finding::claim(
            "Figure 2: with margin 0.2 honest actions gain and all others lose up to a \
                    share of dishonest proofs (restored: 1/22)",
            format!(
                "canonical design: {} by a ratio, {} by bisection; the printed matrix: at \
                 least {}",
                short(design, 4),
                short(bisected, 4),
                short(printed, 4)
            ),
            (design - 1.0 / 22.0).abs() < 1e-9 && (bisected - design).abs() < 1e-6,
        ),
        without_margin(table),
        bounds(table),
    ];
    Ok(Report { findings, figures: vec![figure(table)], tables: vec![tolerances(table)] })
}

fn margins(setting: &Setting) -> Vec<f64> {
    let step = setting.scale.pick(0.1, 0.01);
    (0..=(2.0f64 / step).round() as usize).map(|k| k as f64 * step).collect()
}

/// The game when a share of the proofs is dishonest.
fn shifted(game: &VerificationGame, share: f64) -> Result<VerificationGame, VerificationError> {
    game.with_prior(game.prior().iter().zip(SHIFT).map(|(p, d)| p + share * d).collect())
}

/// The least utility of an honest action and the largest of any other, without the margin.
fn utilities(game: &VerificationGame, matrix: &ScoringMatrix) -> (f64, f64) {
    let (mut honest, mut other) = (f64::INFINITY, f64::NEG_INFINITY);
    for r in 0..game.types() {
        for x in 0..game.types() {
            let utility = game.pay(matrix, x, r) - game.cost()[x];
            if x == r {
                honest = honest.min(utility);
            } else {
                other = other.max(utility);
            }
        }
        other = other.max(game.pay_blind(matrix, r));
    }
    (honest, other)
}

fn curve(
    game: &VerificationGame,
    rule: &str,
    margin: f64,
    scale: Scale,
) -> Result<Vec<Row>, VerificationError> {
    let matrix = match rule {
        "printed" => printed_matrix()?,
        _ => game.design(margin)?.matrix,
    };
    let points = scale.pick(100, 1000);
    (0..=points)
        .map(|k| {
            let share = SHARE_MAX * k as f64 / points as f64;
            let (honest, other) = utilities(&shifted(game, share)?, &matrix);
            Ok(EXPERIMENT.row_of([
                ("kind", "curve".into()),
                ("rule", rule.into()),
                ("margin", margin.into()),
                ("dishonest_share", share.into()),
                ("honest_utility_min", honest.into()),
                ("dishonest_utility_max", other.into()),
            ]))
        })
        .collect()
}

fn tolerance(game: &VerificationGame, margin: f64) -> Result<Row, VerificationError> {
    let matrix = game.design(margin)?.matrix;
    let exact = game.prior_tolerance(&matrix, &SHIFT, 0.0)?;
    let (mut low, mut high) = (0.0, game.prior()[0]);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        // What rounding leaves of a slack of 0 is no loss of alignment.
        if shifted(game, middle)?.audit(&matrix)?.margin >= -1e-12 * matrix.bound() {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(EXPERIMENT.row_of([
        ("kind", "tolerance".into()),
        ("rule", "design".into()),
        ("margin", margin.into()),
        ("tolerance", exact.into()),
        ("tolerance_bisected", low.into()),
        ("bound", matrix.bound().into()),
    ]))
}

fn at_margin(rows: &Table, margin: f64) -> Option<Record<'_>> {
    rows.with("kind", "tolerance").find(|row| (row.number("margin") - margin).abs() < 1e-9)
}

fn without_margin(rows: &Table) -> Finding {
    let tolerance = at_margin(rows, 0.0).map_or(f64::NAN, |row| row.number("tolerance"));
    Finding::claim(
        "Section 3: without a margin, alignment may fail for any positive share of \
                dishonest proofs",
        format!("the design with margin 0 tolerates a share of {}", short(tolerance, 4)),
        tolerance == 0.0,
    )
}

fn bounds(rows: &Table) -> Finding {
    let gap = |&(margin, claimed): &(f64, f64)| {
        let found = at_margin(rows, margin).map_or(f64::NAN, |row| row.number("bound"));
        (found - claimed).abs()
    };
    let worst = BOUNDS.iter().map(gap).fold(0.0, |a: f64, b| if b.is_nan() { b } else { a.max(b) });
    Finding::claim(
        "The smallest bound M* is 6, 6.7, 7.4, 12.5, 22, 41 at margins 0, 0.1, 0.2, 0.5, 1, \
                2 (restored)",
        format!("the six numbers are met within {}", short(worst, 4)),
        worst < 1e-9,
    )
}

fn tolerances(rows: &Table) -> (String, Table) {
    let columns = ["margin", "M*", "compactness", "tolerated share of dishonest proofs"];
    let lines = BOUNDS.iter().filter_map(|&(margin, _)| at_margin(rows, margin)).map(|row| {
        let (margin, bound) = (row.number("margin"), row.number("bound"));
        vec![margin.into(), bound.into(), (margin / bound).into(), row.number("tolerance").into()]
    });
    let table = Table::new(&columns, lines.collect());
    ("Proof of learning, the canonical design".into(), table)
}

fn figure(rows: &Table) -> Figure {
    let line = |rule: &'static str, column: &str, label: &str, stroke: Stroke| {
        let of_rule = rows
            .with("rule", rule)
            .filter(|row| row.text("kind") == "curve" && row.number("margin") == 0.2);
        let points = of_rule.map(|row| (row.number("dishonest_share"), row.number(column)));
        Mark::line(label, points, stroke)
    };
    let by_margin = |column: &str, label: &str| {
        Mark::line(
            label,
            rows.with("kind", "tolerance").map(|row| (row.number("margin"), row.number(column))),
            Stroke::Solid,
        )
    };
    let utilities = Panel::new(
        "margin 0.2",
        Axis::linear("share of dishonest proofs"),
        Axis::linear("utility (cost of a full check: 2)"),
        vec![
            line("design", "honest_utility_min", "least honest", Stroke::Solid),
            line("design", "dishonest_utility_max", "best of all others", Stroke::Solid),
            line("printed", "honest_utility_min", "least honest, Table 8", Stroke::Dashed),
            line("printed", "dishonest_utility_max", "best others, Table 8", Stroke::Dashed),
            Mark::horizontal("", 0.0),
            Mark::vertical("1/22", 1.0 / 22.0),
        ],
    );
    let tolerated = Panel::new(
        "what a margin tolerates",
        Axis::linear("margin"),
        Axis::linear("tolerated share of dishonest proofs"),
        vec![by_margin("tolerance", "exact")],
    );
    let bound = Panel::new(
        "and what it costs",
        Axis::linear("margin"),
        Axis::linear("largest payment M*"),
        vec![by_margin("bound", "design"), Mark::points("restored", BOUNDS)],
    );
    Figure::new(
        "figure-2",
        "Proof of learning. Left: the least utility of an honest action and the largest \
                  of any other while a share of proofs is dishonest, under the canonical design \
                  and the printed matrix. Middle: the share at which they meet zero, by margin. \
                  Right: the largest payment of the design.",
        vec![utilities, tolerated, bound],
    )
}
