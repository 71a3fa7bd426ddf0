//! Appendix 13: the design and its rivals when the prior is wrong by a given distance.

use muster_mechanism::verification::{
    Baseline, ScoringMatrix, VerificationError, VerificationGame,
};

use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::words::short;

/// Appendix 13 of the paper.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-appendix-13",
    title: "Payments under a wrong prior",
    source: "It Takes Two, Appendix 13 (its tables' numbers are lost; its statements are checked)",
    columns: &["benchmark", "rule", "margin", "shift", "budget", "honest", "lazy", "adversarial"],
    data_file: None,
    cells: |_| BENCHMARKS.iter().map(|benchmark| benchmark.rules.len()).sum(),
    cell,
    report,
};

/// The largest distance of the prior.
const DISTANCE_MAX: f64 = 0.05;

/// The distance at which statements are checked; the paper's is lost.
const DISTANCE: f64 = 0.02;

/// Infinite payments are cut here, as the paper cuts them (its number is lost).
const PAYMENT_MAX: f64 = 100.0;

const AGREEMENT: Kind = Kind::Assumed(Baseline::SimpleAgreement);
const LOGARITHMIC: Kind = Kind::Assumed(Baseline::Logarithmic);
const MUTUAL: Kind = Kind::Assumed(Baseline::PointwiseMutualInformation);

/// How a matrix comes about.
#[derive(Clone, Copy)]
enum Kind {
    Design,
    /// A baseline, scaled for the assumed prior.
    Assumed(Baseline),
    /// Mutual information, computed and scaled with the actual prior, which nobody has.
    Oracle,
}

struct Benchmark {
    name: &'static str,
    game: fn() -> VerificationGame,
    /// The direction in which one unit of distance moves the prior.
    shift: &'static [f64],
    /// Whether it may move the other way as well.
    both_ways: bool,
    rules: &'static [(&'static str, Kind, f64)],
}

const BENCHMARKS: [Benchmark; 2] = [
    Benchmark {
        name: "coin",
        game: VerificationGame::coin,
        shift: &[-1.0, 1.0],
        both_ways: true,
        rules: &[
            ("design, no margin", Kind::Design, 0.0),
            ("design", Kind::Design, 0.1),
            ("simple agreement", AGREEMENT, 0.1),
            ("logarithmic", LOGARITHMIC, 0.1),
            ("mutual information", MUTUAL, 0.1),
            ("mutual information, oracle", Kind::Oracle, 0.1),
            ("oracle without margin", Kind::Oracle, 0.0),
        ],
    },
    Benchmark {
        name: "proof of learning",
        game: VerificationGame::proof_of_learning,
        shift: &[-1.0, 0.0, 0.0, 1.0],
        both_ways: false,
        rules: &[
            ("design, no margin", Kind::Design, 0.0),
            ("design", Kind::Design, 0.2),
            ("mutual information", MUTUAL, 0.2),
            ("mutual information, oracle", Kind::Oracle, 0.2),
            ("oracle without margin", Kind::Oracle, 0.0),
        ],
    },
];

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let all = BENCHMARKS.iter().flat_map(|b| b.rules.iter().map(move |rule| (b, rule)));
    let (benchmark, rule) = all.clone().nth(index).expect("one cell per rule");
    sweep(benchmark, *rule, setting.scale).map_err(refused)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report {
        findings: vec![
            keeps_signs(table),
            loses_without_margin(table),
            cheaper(
                table,
                "coin",
                "Coin: with a margin the design pays less than simple agreement and \
                 logarithmic scoring",
                &["simple agreement", "logarithmic"],
            ),
            oracle(table),
            cheaper(
                table,
                "proof of learning",
                "Proof of learning: the design pays less than mutual information, even if \
                 that one knows the actual prior",
                &["mutual information", "mutual information, oracle", "oracle without margin"],
            ),
        ],
        figures: BENCHMARKS.iter().map(|benchmark| figure(table, benchmark)).collect(),
        tables: BENCHMARKS.iter().map(|benchmark| at_distance(table, benchmark)).collect(),
    })
}

fn sweep(
    benchmark: &Benchmark,
    (name, kind, margin): (&str, Kind, f64),
    scale: Scale,
) -> Result<Vec<Row>, VerificationError> {
    let assumed = (benchmark.game)();
    let steps: i32 = scale.pick(20, 100);
    let first = if benchmark.both_ways { -steps } else { 0 };
    let mut rows = Vec::new();
    for step in first..=steps {
        let shift = DISTANCE_MAX * f64::from(step) / f64::from(steps);
        let prior = assumed.prior().iter().zip(benchmark.shift).map(|(p, d)| p + shift * d);
        let actual = assumed.with_prior(prior.collect())?;
        let matrix = match kind {
            Kind::Design => assumed.design(margin)?.matrix,
            Kind::Assumed(baseline) => cut(&assumed.baseline(baseline, margin)?.matrix)?,
            Kind::Oracle => {
                let mutual = Baseline::PointwiseMutualInformation;
                cut(&actual.baseline(mutual, margin)?.matrix)?
            }
        };
        let metrics = actual.metrics(&matrix)?;
        rows.push(EXPERIMENT.row([
            ("benchmark", benchmark.name.into()),
            ("rule", name.into()),
            ("margin", margin.into()),
            ("shift", shift.into()),
            ("budget", metrics.budget.into()),
            ("honest", metrics.honest.into()),
            ("lazy", metrics.lazy.into()),
            ("adversarial", metrics.adversarial.into()),
        ]));
    }
    Ok(rows)
}

fn cut(matrix: &ScoringMatrix) -> Result<ScoringMatrix, VerificationError> {
    let cut = |row: &Vec<f64>| row.iter().map(|t| t.clamp(-PAYMENT_MAX, PAYMENT_MAX)).collect();
    ScoringMatrix::new(matrix.rows().iter().map(cut).collect())
}

/// The rows of a rule in a benchmark.
fn of<'a>(rows: &'a Table, benchmark: &'a str, rule: &'a str) -> impl Iterator<Item = Record<'a>> {
    rows.with("benchmark", benchmark).filter(move |row| row.text("rule") == rule)
}

/// The largest distance up to which a rule rewards honesty and nothing else, on the grid.
fn tolerated(rows: &Table, benchmark: &'static str, rule: &'static str) -> f64 {
    let wrong = of(rows, benchmark, rule).filter(|row| {
        let other = row.number("lazy").max(row.number("adversarial"));
        row.number("honest") < -1e-12 || other > 1e-12
    });
    let first = wrong.map(|row| row.number("shift").abs()).fold(f64::INFINITY, f64::min);
    of(rows, benchmark, rule)
        .map(|row| row.number("shift").abs())
        .filter(|shift| *shift < first)
        .fold(0.0, f64::max)
}

fn keeps_signs(rows: &Table) -> Finding {
    let tolerated = |name| tolerated(rows, name, "design");
    let (coin, learning) = (tolerated("coin"), tolerated("proof of learning"));
    Finding::claim(
        "With a margin, honest utility stays above and dishonest utility below zero under \
                a slightly wrong prior (the distance is lost: 0.02)",
        format!(
            "up to distance {} in coin (margin 0.1) and {} in proof of learning (margin 0.2)",
            short(coin, 4),
            short(learning, 4)
        ),
        coin >= DISTANCE && learning >= DISTANCE,
    )
}

fn loses_without_margin(rows: &Table) -> Finding {
    let tolerated = |name| tolerated(rows, name, "design, no margin");
    let (coin, learning) = (tolerated("coin"), tolerated("proof of learning"));
    Finding::claim(
        "It is the margin that ensures this",
        format!(
            "without one, up to distance {} in coin and {} in proof of learning",
            short(coin, 4),
            short(learning, 4)
        ),
        coin == 0.0 && learning == 0.0,
    )
}

/// Whether the design with a margin pays less than these rules at every distance.
fn cheaper(
    rows: &Table,
    benchmark: &'static str,
    claim: &str,
    rivals: &'static [&'static str],
) -> Finding {
    let mut parts = Vec::new();
    let mut holds = true;
    for rival in rivals {
        let saved: Vec<f64> = of(rows, benchmark, "design")
            .zip(of(rows, benchmark, rival))
            .map(|(design, other)| 1.0 - budget(design) / budget(other))
            .collect();
        let least = saved.iter().copied().fold(f64::INFINITY, f64::min);
        let most = saved.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        holds &= least > 0.0;
        parts.push(format!("{:.1}% to {:.1}% less than {rival}", 100.0 * least, 100.0 * most));
    }
    Finding::claim(claim, parts.join("; "), holds)
}

fn budget(row: Record) -> f64 {
    row.number("budget")
}

fn oracle(rows: &Table) -> Finding {
    let range = |rule: &'static str| {
        let gaps = of(rows, "coin", "design")
            .zip(of(rows, "coin", rule))
            .map(|(design, oracle)| 100.0 * (budget(oracle) / budget(design) - 1.0));
        gaps.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), gap| {
            (low.min(gap), high.max(gap))
        })
    };
    let (with, without) = (range("mutual information, oracle"), range("oracle without margin"));
    Finding::claim(
        "Coin: mutual information that knows the actual prior can pay slightly less than \
                the design",
        format!(
            "up to distance {DISTANCE_MAX} it pays from {:+.1}% to {:+.1}% without a margin, which \
             an oracle does not need; from {:+.1}% to {:+.1}% with margin 0.1",
            without.0, without.1, with.0, with.1
        ),
        without.0 < 0.0,
    )
}

/// The numbers at the largest distance, as the paper tabulates them.
fn at_distance(rows: &Table, benchmark: &'static Benchmark) -> (String, Table) {
    let columns = ["rule", "margin", "shift", "budget", "honest", "lazy", "adversarial"];
    let mut lines = Vec::new();
    for (rule, _, _) in benchmark.rules {
        for row in of(rows, benchmark.name, rule) {
            let shift = row.number("shift");
            if (shift.abs() - DISTANCE).abs() < 1e-9 || (shift.abs() - DISTANCE_MAX).abs() < 1e-9 {
                lines.push(row.values(&columns));
            }
        }
    }
    let caption = format!("{}: prior off by {DISTANCE} and {DISTANCE_MAX}", benchmark.name);
    (caption, Table::new(&columns, lines))
}

fn figure(rows: &Table, benchmark: &'static Benchmark) -> Figure {
    let panel = |title: &str, column: &'static str| {
        let mut marks: Vec<Mark> = Vec::new();
        for (rule, kind, _) in benchmark.rules {
            let points =
                of(rows, benchmark.name, rule).map(|row| (row.number("shift"), row.number(column)));
            let stroke = if matches!(kind, Kind::Design) { Stroke::Solid } else { Stroke::Dashed };
            marks.push(Mark::line(*rule, points, stroke));
        }
        if column != "budget" {
            marks.push(Mark::horizontal("", 0.0));
        }
        Panel::new(
            title,
            Axis::linear("shift of the prior (total variation)"),
            Axis::linear("money per task"),
            marks,
        )
    };
    Figure::new(
        benchmark.name.replace(' ', "-"),
        format!(
            "{}: what is paid and earned if the actual prior differs from the assumed one. \
             Designs solid; the others are aligned for the assumed prior, the oracle for the \
             actual one. Infinite payments are cut at {PAYMENT_MAX}.",
            benchmark.name
        ),
        vec![
            panel("payment per verifier", "budget"),
            panel("utility of honesty", "honest"),
            panel("utility of not looking", "lazy"),
        ],
    )
}
