//! Designing flag rate, number of flags and sampling rate: what detection and compactness cost.

use muster_mechanism::verification::{ProtocolModel, VerificationError};

use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::words::short;

/// The frontier of the protocol's design.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-frontier",
    title: "What detection and robustness cost",
    source: "Beyond It Takes Two: the parameters that its Appendix 12 takes as given",
    columns: &[
        "kind",
        "compactness",
        "flag_rate",
        "flags",
        "sampling_rate",
        "margin",
        "bound",
        "payments",
        "openings",
        "total",
        "detection",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

/// Four verifiers per stage; the unit of money is one replay, an opening costs a twentieth of it.
const MODEL: ProtocolModel =
    ProtocolModel { verifiers: 4, replay_cost: 1.0, opening_cost: 0.05, mistaken: 0.5 };

const COMPACTNESS: [f64; 3] = [0.005, 0.02, 0.04];
const FLAGS: [usize; 3] = [1, 2, 3];
const DETECTIONS: [f64; 5] = [0.5, 0.7, 0.8, 0.9, 0.93];

/// The paper's choice (Section 7.1): half of the stages flagged, two flags, half of them sampled.
const PAPER: (f64, usize, f64) = (0.5, 2, 0.5);

/// First the paper's choice, then all others.
fn grid(setting: &Setting) -> Grid<2> {
    Grid([1 + choices_of(&rates(setting)).cells(), COMPACTNESS.len()])
}

fn choices_of(rates: &[f64]) -> Grid<2> {
    Grid([rates.len(), FLAGS.len()])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let rates = rates(setting);
    let [place, compactness] = grid(setting).at(index);
    let compactness = COMPACTNESS[compactness];
    let Some(place) = place.checked_sub(1) else {
        let (rate, flags, sampling) = PAPER;
        return point("paper", compactness, rate, flags, sampling).map_err(refused);
    };
    let [rate, flags] = choices_of(&rates).at(place);
    let (rate, flags) = (rates[rate], FLAGS[flags]);
    let mut rows = Vec::new();
    for sampling in sampling_rates(setting) {
        rows.extend(point("grid", compactness, rate, flags, sampling).map_err(refused)?);
    }
    Ok(rows)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let mut findings = vec![cost_of_detection(table), flags(table), compactness(table)];
    findings.extend(paper(table));
    Ok(Report { findings, figures: vec![figure(table)], tables: vec![choices(table)] })
}

fn rates(setting: &Setting) -> Vec<f64> {
    let step = setting.scale.pick(0.1, 0.025);
    (1..(1.0f64 / step).round() as usize).map(|k| k as f64 * step).collect()
}

fn sampling_rates(setting: &Setting) -> Vec<f64> {
    let steps = setting.scale.pick(10, 40);
    (1..=steps).map(|k| k as f64 / steps as f64).collect()
}

/// One point of the grid; no row if the compactness is out of its reach.
fn point(
    kind: &str,
    compactness: f64,
    flag_rate: f64,
    flags: usize,
    sampling_rate: f64,
) -> Result<Vec<Row>, VerificationError> {
    let choice = MODEL.evaluate(flag_rate, flags, sampling_rate, compactness)?;
    let row = |c: muster_mechanism::verification::DesignChoice| {
        EXPERIMENT.row([
            ("kind", kind.into()),
            ("compactness", compactness.into()),
            ("flag_rate", c.flag_rate.into()),
            ("flags", c.flags.into()),
            ("sampling_rate", c.sampling_rate.into()),
            ("margin", c.margin.into()),
            ("bound", c.bound.into()),
            ("payments", c.payments.into()),
            ("openings", c.openings.into()),
            ("total", c.total.into()),
            ("detection", c.detection.into()),
        ])
    };
    Ok(choice.map(row).into_iter().collect())
}

/// The cheapest point of the grid with this compactness and detection, among those that `wanted`
/// admits.
fn cheapest<'a>(
    rows: &'a Table,
    compactness: f64,
    detection: f64,
    wanted: impl Fn(&Record) -> bool,
) -> Option<Record<'a>> {
    rows.with("kind", "grid")
        .filter(|row| {
            row.number("compactness") == compactness
                && row.number("detection") >= detection
                && wanted(row)
        })
        .min_by(|a, b| a.number("total").total_cmp(&b.number("total")))
}

fn describe(row: Record) -> String {
    format!(
        "{} (flag rate {}, {} flags, sampling {})",
        short(row.number("total"), 4),
        short(row.number("flag_rate"), 4),
        row.number("flags"),
        short(row.number("sampling_rate"), 4)
    )
}

fn cost_of_detection(rows: &Table) -> Finding {
    let parts: Vec<String> = DETECTIONS
        .iter()
        .filter_map(|&detection| {
            let row = cheapest(rows, 0.02, detection, |_| true)?;
            Some(format!("{detection}: {}", describe(row)))
        })
        .collect();
    Finding::answer(
        "Open: which flag rate, flags and sampling rate detect a cheated stage with a \
                wanted probability at the least cost",
        format!(
            "{} verifiers, compactness 0.02, cost per stage in replays at detection {}",
            MODEL.verifiers,
            parts.join(", ")
        ),
    )
}

fn flags(rows: &Table) -> Finding {
    let parts: Vec<String> = FLAGS
        .iter()
        .map(|&flags| {
            let of_flags = |row: &Record| row.number("flags") == flags as f64;
            cheapest(rows, 0.02, 0.9, of_flags).map_or_else(
                || format!("{flags}: out of reach"),
                |row| format!("{flags}: {}", short(row.number("total"), 4)),
            )
        })
        .collect();
    Finding::answer(
        "Open: how many different flags are worth their replays",
        format!(
            "cheapest cost at detection 0.9 and compactness 0.02 by number of flags: {}",
            parts.join(", ")
        ),
    )
}

fn compactness(rows: &Table) -> Finding {
    let parts: Vec<String> = COMPACTNESS
        .iter()
        .map(|&compactness| {
            cheapest(rows, compactness, 0.9, |_| true).map_or_else(
                || format!("{compactness}: out of reach"),
                |row| format!("{compactness}: {}", short(row.number("total"), 4)),
            )
        })
        .collect();
    Finding::answer(
        "Open: what robustness costs (a share alpha/2 of malicious verifiers)",
        format!("cheapest cost at detection 0.9 by compactness: {}", parts.join(", ")),
    )
}

/// What the paper's choice costs, beside the cheapest with at least its detection.
fn paper(rows: &Table) -> Option<Finding> {
    let choice = rows.with("kind", "paper").find(|row| row.number("compactness") == 0.02)?;
    let detection = choice.number("detection");
    let best = cheapest(rows, 0.02, detection, |_| true)?;
    let total = choice.number("total");
    Some(Finding::answer(
        "Section 7.1 flags half of the stages with two flags and samples half of them",
        format!(
            "that costs {} and detects {}; the cheapest point that detects as much costs {}: \
             {:.0}% less",
            short(total, 4),
            short(detection, 4),
            describe(best),
            100.0 * (1.0 - best.number("total") / total)
        ),
    ))
}

/// What is told of a choice.
const CHOICE: [&str; 8] =
    ["flag_rate", "flags", "sampling_rate", "margin", "bound", "payments", "openings", "total"];

fn choices(rows: &Table) -> (String, Table) {
    let columns = [
        "compactness",
        "detection wanted",
        "flag rate",
        "flags",
        "sampling rate",
        "margin",
        "M",
        "payments",
        "openings",
        "total",
    ];
    let mut lines = Vec::new();
    for compactness in COMPACTNESS {
        for detection in DETECTIONS {
            if let Some(row) = cheapest(rows, compactness, detection, |_| true) {
                let head = vec![compactness.into(), detection.into()];
                lines.push([head, row.values(&CHOICE)].concat());
            }
        }
    }
    let caption = format!(
        "The cheapest choices; {} verifiers, an opening costs {} of a replay, half of the sampled \
         dishonest stages pass for a flag",
        MODEL.verifiers, MODEL.opening_cost
    );
    (caption, Table::new(&columns, lines))
}

fn figure(rows: &Table) -> Figure {
    let wanted: Vec<f64> = (1..100).map(|k| f64::from(k) / 100.0).collect();
    let line = |compactness: f64, column: &'static str, label: String, stroke: Stroke| {
        Mark::line(
            label,
            wanted
                .iter()
                .filter_map(|&d| Some((d, cheapest(rows, compactness, d, |_| true)?)))
                .map(|(d, row)| (d, row.number(column))),
            stroke,
        )
    };
    let mut cost: Vec<Mark> = COMPACTNESS
        .iter()
        .map(|&a| line(a, "total", format!("compactness {a}"), Stroke::Solid))
        .collect();
    cost.push(Mark::points(
        "the paper's choice (each compactness)",
        rows.with("kind", "paper").map(|row| (row.number("detection"), row.number("total"))),
    ));
    let middle = COMPACTNESS[1];
    let choice = vec![
        line(middle, "sampling_rate", "sampling rate".into(), Stroke::Solid),
        line(middle, "flag_rate", "flag rate".into(), Stroke::Solid),
    ];
    let x = || Axis::linear("probability that a dishonest stage is reported").within(0.0, 1.0);
    Figure::new(
        "frontier",
        format!(
            "Left: the least cost per stage (payments to {} verifiers and openings) at which a \
             dishonest stage is reported with the given probability. Right: the rates that reach \
             it at compactness {middle}. Steps come from the grid of rates.",
            MODEL.verifiers
        ),
        vec![
            Panel::new("cost", x(), Axis::linear("cost per stage (replays)"), cost),
            Panel::new("best rates", x(), Axis::linear("rate").within(0.0, 1.0), choice),
        ],
    )
}
