//! Tables 3, 4, 8 and 9: what the design and its rivals pay in the two benchmarks.

use muster_mechanism::verification::{
    Baseline, Metrics, ScoringMatrix, VerificationError, VerificationGame,
};

use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, Value, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel};
use crate::words::{decimals, short};

/// Tables 3, 4, 8 and 9 of the paper.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-tables",
    title: "What the design and its rivals pay",
    source: "It Takes Two, Tables 3, 4, 8 and 9 (numbers restored: the printed ones are lost in our copy)",
    columns: &["table", "rule", "margin", "quantity", "claimed", "measured"],
    data_file: None,
    cells: |_| 4,
    cell,
    report,
};

/// Table 8 as the paper prints it.
pub const PRINTED: [[f64; 4]; 4] = [
    [2.069, -7.1451, -7.1451, -2.2507],
    [-2.0446, 6.4446, -4.7421, -2.0022],
    [-2.0446, -4.7421, 6.4446, -2.0022],
    [-2.2, 5.8, 5.8, 7.4],
];

/// The canonical optimum of the same program.
const CANONICAL: [[f64; 4]; 4] = [
    [2.0, -6.8, -6.8, 0.0],
    [-4.0 / 15.0, 14.0 / 3.0, -14.0 / 3.0, 0.0],
    [-4.0 / 15.0, -14.0 / 3.0, 14.0 / 3.0, 0.0],
    [-2.2, 5.8, 5.8, 7.4],
];

const QUANTITIES: [&str; 6] =
    ["budget", "standard deviation", "bound M", "honest", "lazy", "adversarial"];

/// Two numbers count as the same if they agree to about the digits that the tables print.
const RELATIVE: f64 = 1e-5;

/// What a rule is.
#[derive(Clone, Copy)]
enum Rule {
    Design,
    Affine(Baseline),
    Determinant(usize),
}

/// A line of Table 3 or 4: its rule, margin and the restored numbers, where there are any.
type Line = (&'static str, Rule, f64, [Option<f64>; 6]);

const NONE: [Option<f64>; 6] = [None; 6];

fn table_3() -> Vec<Line> {
    use Baseline::{Logarithmic, PointwiseMutualInformation, SimpleAgreement};
    let aligned =
        |budget, deviation, bound| [Some(budget), Some(deviation), Some(bound), None, None, None];
    let tasks = |deviation| [Some(1.1), Some(deviation), None, None, None, Some(0.1)];
    vec![
        ("design", Rule::Design, 0.0, [1.0, 1.77914, 2.469_388, 0.0, 0.0, -2.0].map(Some)),
        ("design", Rule::Design, 0.1, [1.1, 2.13497, 3.063_265, 0.1, -0.1, -2.3].map(Some)),
        (
            "simple agreement",
            Rule::Affine(SimpleAgreement),
            0.1,
            aligned(1.29355, 3.01712, 3.93226),
        ),
        ("logarithmic", Rule::Affine(Logarithmic), 0.1, aligned(1.2664, 2.6312, 3.81036)),
        (
            "mutual information",
            Rule::Affine(PointwiseMutualInformation),
            0.1,
            aligned(1.20531, 2.48275, 3.06327),
        ),
        ("determinant, 4 tasks", Rule::Determinant(4), 0.1, tasks(12.0584)),
        ("determinant, 8 tasks", Rule::Determinant(8), 0.1, tasks(6.70599)),
        ("determinant, 16 tasks", Rule::Determinant(16), 0.1, tasks(5.27743)),
    ]
}

fn table_4() -> Vec<Line> {
    use Baseline::{Logarithmic, PointwiseMutualInformation, SimpleAgreement};
    let budget = |budget, bound| [Some(budget), None, Some(bound), None, None, None];
    let mutual = Rule::Affine(PointwiseMutualInformation);
    vec![
        ("design", Rule::Design, 0.0, [Some(0.75), Some(1.63299), Some(6.0), None, None, None]),
        ("design", Rule::Design, 0.2, [0.95, 3.09641, 7.4, 0.2, -0.2, -2.01667].map(Some)),
        ("simple agreement", Rule::Affine(SimpleAgreement), 0.2, NONE),
        ("logarithmic", Rule::Affine(Logarithmic), 0.2, NONE),
        ("mutual information", mutual, 0.0, budget(1.25379, f64::INFINITY)),
        ("mutual information", mutual, 0.2, budget(2.55833, f64::INFINITY)),
        ("determinant, 8 tasks", Rule::Determinant(8), 0.2, NONE),
    ]
}

/// The rules that the paper reports as infeasible in proof of learning.
const INFEASIBLE: [&str; 2] = ["simple agreement", "determinant, 8 tasks"];

fn cell(_: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let (coin, learning) = (VerificationGame::coin(), VerificationGame::proof_of_learning());
    match index {
        0 => metrics_rows("Table 3", &coin, &table_3()),
        1 => metrics_rows("Table 4", &learning, &table_4()),
        2 => table_8(&learning),
        _ => table_9(&learning),
    }
    .map_err(refused)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let mut report = Report::default();
    for (name, claim) in [
        (
            "Table 3",
            "Table 3, coin: what design, agreement, logarithmic, mutual-information \
                     and determinant rules pay and risk",
        ),
        (
            "Table 4",
            "Table 4, proof of learning: the same, with simple agreement and the \
                     determinant mechanism infeasible",
        ),
        (
            "Table 8",
            "Table 8: a matrix of bound 7.4 with margin 0.2 (0.19998 after rounding), \
                     one of several optima; the canonical one has exact fractions",
        ),
    ] {
        report.findings.push(compare(table, name, claim));
    }
    report.findings.push(signs(table));
    report.tables.push(("Table 3: coin; claimed | measured".into(), wide(table, "Table 3")));
    report
        .tables
        .push(("Table 4: proof of learning; claimed | measured".into(), wide(table, "Table 4")));
    for (which, caption) in [
        ("printed", "Table 8 as printed"),
        ("design", "Table 8, the canonical optimum; claimed | measured"),
    ] {
        report.tables.push((caption.into(), square(table, "Table 8", which)));
    }
    for (which, caption) in [
        ("printed", "Table 9: expected utility under the printed matrix, the peer honest"),
        ("design", "Table 9: expected utility under the canonical matrix, the peer honest"),
    ] {
        report.tables.push((caption.into(), square(table, "Table 9", which)));
    }
    report.figures.push(figure(table));
    Ok(report)
}

/// One row per quantity of each line.
fn metrics_rows(
    table: &str,
    game: &VerificationGame,
    lines: &[Line],
) -> Result<Vec<Row>, VerificationError> {
    let mut rows = Vec::new();
    for (name, rule, margin, claimed) in lines {
        let outcome = match rule {
            Rule::Design => game.design(*margin).map(|d| numbers(d.matrix.bound(), &d.metrics)),
            Rule::Affine(baseline) => {
                let aligned = game.baseline(*baseline, *margin);
                aligned.map(|a| numbers(a.matrix.bound(), &a.metrics))
            }
            // Its scores grow with the number of tasks: there is no bound per task.
            Rule::Determinant(tasks) => game
                .determinant_mechanism(*tasks, *margin)
                .map(|d| [d.budget, d.deviation, f64::NAN, d.adversarial, d.lazy, d.adversarial]),
        };
        let row = |quantity: &str, claimed: Value, measured: Value| {
            EXPERIMENT.row([
                ("table", table.into()),
                ("rule", (*name).into()),
                ("margin", (*margin).into()),
                ("quantity", quantity.into()),
                ("claimed", claimed),
                ("measured", measured),
            ])
        };
        match outcome {
            Ok(found) => {
                for ((quantity, claimed), found) in QUANTITIES.iter().zip(claimed).zip(found) {
                    let claimed = claimed.map_or(Value::Absent, value);
                    rows.push(row(quantity, claimed, value(found)));
                }
            }
            Err(VerificationError::BaselineInfeasible { .. }) => {
                let known = table == "Table 4" && INFEASIBLE.contains(name);
                let claimed = if known { "infeasible".into() } else { Value::Absent };
                rows.push(row("feasible", claimed, "infeasible".into()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

fn numbers(bound: f64, metrics: &Metrics) -> [f64; 6] {
    [metrics.budget, metrics.deviation, bound, metrics.honest, metrics.lazy, metrics.adversarial]
}

/// Infinite bounds are a result, not an absence.
fn value(number: f64) -> Value {
    if number.is_infinite() { "infinite".into() } else { number.into() }
}

fn table_8(game: &VerificationGame) -> Result<Vec<Row>, VerificationError> {
    let printed = printed_matrix()?;
    let design = game.design(0.2)?.matrix;
    let mut rows = Vec::new();
    let mut add = |which: &str, quantity: String, claimed: f64, measured: f64| {
        rows.push(EXPERIMENT.row([
            ("table", "Table 8".into()),
            ("rule", which.into()),
            ("margin", 0.2.into()),
            ("quantity", quantity.into()),
            ("claimed", claimed.into()),
            ("measured", measured.into()),
        ]));
    };
    let claimed_margin = 0.199_98;
    add("printed", "margin".into(), claimed_margin, game.audit(&printed)?.margin);
    add("printed", "bound M".into(), 7.4, printed.bound());
    add("design", "margin".into(), 0.2, game.audit(&design)?.margin);
    add("design", "bound M".into(), 7.4, design.bound());
    for (which, matrix, claimed) in [("printed", &printed, PRINTED), ("design", &design, CANONICAL)]
    {
        for r in 0..4 {
            for z in 0..4 {
                add(which, format!("T[{r},{z}]"), claimed[r][z], matrix.entry(r, z));
            }
        }
    }
    Ok(rows)
}

/// Table 8 of the paper as a matrix.
pub fn printed_matrix() -> Result<ScoringMatrix, VerificationError> {
    ScoringMatrix::new(PRINTED.iter().map(|row| row.to_vec()).collect())
}

/// Utility of every action, cost taken off; the last row is of those who do not look.
fn table_9(game: &VerificationGame) -> Result<Vec<Row>, VerificationError> {
    let mut rows = Vec::new();
    for (which, matrix) in [("printed", printed_matrix()?), ("design", game.design(0.2)?.matrix)] {
        for r in 0..4 {
            let mut add = |quantity: String, utility: f64| {
                rows.push(EXPERIMENT.row([
                    ("table", "Table 9".into()),
                    ("rule", which.into()),
                    ("margin", 0.2.into()),
                    ("quantity", quantity.into()),
                    ("claimed", Value::Absent),
                    ("measured", utility.into()),
                ]));
            };
            for x in 0..4 {
                add(format!("U[{x},{r}]"), game.pay(&matrix, x, r) - game.cost()[x]);
            }
            add(format!("U[4,{r}]"), game.pay_blind(&matrix, r));
        }
    }
    Ok(rows)
}

/// How the numbers of one table fared.
fn compare(rows: &Table, name: &str, claim: &str) -> Finding {
    let (mut count, mut agreeing, mut worst) = (0usize, 0usize, 0.0f64);
    for row in rows.with("table", name) {
        let (claimed, measured) = (row.number("claimed"), row.number("measured"));
        let word = row.text("claimed");
        if claimed.is_nan() && word.is_empty() {
            continue;
        }
        count += 1;
        let same = if claimed.is_nan() {
            row.text("measured") == word
        } else {
            let gap = (measured - claimed).abs() / claimed.abs().max(1.0);
            worst = worst.max(gap);
            gap <= RELATIVE
        };
        agreeing += usize::from(same);
    }
    Finding::claim(
        claim,
        format!(
            "{agreeing} of {count} restored entries agree; the largest difference is {}",
            short(worst, 4)
        ),
        agreeing == count,
    )
}

/// Table 9 claims a pattern of signs.
fn signs(rows: &Table) -> Finding {
    let (mut honest, mut other) = (f64::INFINITY, f64::NEG_INFINITY);
    for row in rows.with("table", "Table 9") {
        let quantity = row.text("quantity").as_bytes();
        let utility = row.number("measured");
        if quantity[2] == quantity[4] {
            honest = honest.min(utility);
        } else {
            other = other.max(utility);
        }
    }
    Finding::claim(
        "Table 9: a verifier gains exactly if it looks and reports what it saw",
        format!(
            "the least honest utility is {}, the largest of the 32 others {} \
             (both matrices of Table 8)",
            short(honest, 4),
            short(other, 4)
        ),
        honest > 0.0 && other < 0.0,
    )
}

/// One line per rule, claimed and measured in one cell.
fn wide(rows: &Table, name: &str) -> Table {
    let mut lines: Vec<Row> = Vec::new();
    for row in rows.with("table", name) {
        let rule = row.text("rule");
        let margin = row.number("margin");
        let same = |line: &&mut Row| line[0] == rule.into() && line[1] == margin.into();
        if lines.last_mut().as_mut().is_none_or(|line| !same(line)) {
            let head = vec![rule.into(), margin.into()];
            lines.push([head, vec![Value::Absent; QUANTITIES.len()]].concat());
        }
        let line = lines.last_mut().expect("just pushed");
        let place = QUANTITIES.iter().position(|q| *q == row.text("quantity")).unwrap_or(0);
        line[2 + place] = both(row).into();
    }
    let columns = ["rule", "margin"].iter().chain(&QUANTITIES).map(|&c| c.to_owned()).collect();
    Table { columns, rows: lines }
}

fn both(row: Record) -> String {
    let show = |column: &str| {
        let number = row.number(column);
        match row.text(column) {
            "" if number.is_nan() => "–".to_owned(),
            "" => decimals(number, 6),
            word => word.to_owned(),
        }
    };
    format!("{} | {}", show("claimed"), show("measured"))
}

/// The entries `X[i,j]` of one matrix as a square.
fn square(rows: &Table, name: &str, which: &str) -> Table {
    const TYPES: [&str; 4] = ["Honest", "F1", "F2", "Dishonest"];
    let mut lines: Vec<Row> = Vec::new();
    for row in rows.with("table", name).filter(|row| row.text("rule") == which) {
        let quantity = row.text("quantity").as_bytes();
        if quantity.get(1) != Some(&b'[') {
            continue;
        }
        let (i, j) = (usize::from(quantity[2] - b'0'), usize::from(quantity[4] - b'0'));
        while lines.len() <= i {
            let first = TYPES.get(lines.len()).unwrap_or(&"did not look");
            lines.push([vec![(*first).into()], vec![Value::Absent; 4]].concat());
        }
        let claimed = !row.number("claimed").is_nan();
        lines[i][1 + j] =
            if claimed { both(row).into() } else { decimals(row.number("measured"), 6).into() };
    }
    let first = if name == "Table 8" { "report" } else { "observed" };
    let head =
        |t: &str| if name == "Table 8" { format!("peer {t}") } else { format!("report {t}") };
    let columns = std::iter::once(first.to_owned()).chain(TYPES.iter().map(|t| head(t))).collect();
    Table { columns, rows: lines }
}

/// Budget and risk of every rule at the wanted margin.
fn figure(rows: &Table) -> Figure {
    let panel = |name: &'static str, title: &str, margin: f64| {
        let mut rules: Vec<String> = Vec::new();
        let mut bars: [Vec<(f64, f64)>; 3] = Default::default();
        for row in rows.with("table", name) {
            if row.number("margin") != margin {
                continue;
            }
            let quantity = row.text("quantity");
            let Some(kind) = QUANTITIES[..3].iter().position(|q| *q == quantity) else { continue };
            let rule = row.text("rule");
            if rules.last().is_none_or(|last| last != rule) {
                rules.push(rule.to_owned());
            }
            let height = row.number("measured");
            if height.is_finite() {
                bars[kind].push(((rules.len() - 1) as f64, height));
            }
        }
        let marks = QUANTITIES.iter().zip(bars);
        Panel::new(
            title,
            Axis::categories("rule", rules),
            Axis::linear("money per task"),
            marks.map(|(label, values)| Mark::bars(*label, values)).collect(),
        )
    };
    Figure::new(
        "rules",
        "Expected payment, standard deviation of the utility and largest payment of every \
                  rule that can be aligned; coin (cost 1, margin 0.1) and proof of learning \
                  (costs 1/3 and 2, margin 0.2). A missing bound is infinite or, for the \
                  determinant mechanism, not defined per task.",
        vec![panel("Table 3", "coin", 0.1), panel("Table 4", "proof of learning", 0.2)],
    )
}
