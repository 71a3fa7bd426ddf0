//! Designing flag rate, number of flags and sampling rate: what detection and compactness cost.

use muster_mechanism::verification::{ProtocolModel, VerificationError};

use super::shared::{digits, with};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, Verdict, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// The frontier of the protocol's design.
pub struct Frontier;

/// Four verifiers per stage; the unit of money is one replay, an opening costs a twentieth of it.
const MODEL: ProtocolModel =
    ProtocolModel { verifiers: 4, replay_cost: 1.0, opening_cost: 0.05, mistaken: 0.5 };

const COMPACTNESS: [f64; 3] = [0.005, 0.02, 0.04];
const FLAGS: [usize; 3] = [1, 2, 3];
const DETECTIONS: [f64; 5] = [0.5, 0.7, 0.8, 0.9, 0.93];

/// The paper's choice (Section 7.1): half of the stages flagged, two flags, half of them sampled.
const PAPER: (f64, usize, f64) = (0.5, 2, 0.5);

impl Experiment for Frontier {
    fn name(&self) -> &'static str {
        "verification-frontier"
    }

    fn title(&self) -> &'static str {
        "What detection and robustness cost"
    }

    fn source(&self) -> &'static str {
        "Beyond It Takes Two: the parameters that its Appendix 12 takes as given"
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
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
        ]
    }

    fn cells(&self, setting: &Setting) -> usize {
        COMPACTNESS.len() * (1 + FLAGS.len() * rates(setting).len())
    }

    fn cell(&self, setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
        let rates = rates(setting);
        let compactness = COMPACTNESS[index % COMPACTNESS.len()];
        let index = index / COMPACTNESS.len();
        if index == 0 {
            let (rate, flags, sampling) = PAPER;
            return point("paper", compactness, rate, flags, sampling).map_err(refused);
        }
        let flags = FLAGS[(index - 1) % FLAGS.len()];
        let rate = rates[(index - 1) / FLAGS.len()];
        let mut rows = Vec::new();
        for sampling in sampling_rates(setting) {
            rows.extend(point("grid", compactness, rate, flags, sampling).map_err(refused)?);
        }
        Ok(rows)
    }

    fn report(&self, _: &Setting, table: &Table) -> Result<Report, ExperimentError> {
        let mut findings = vec![cost_of_detection(table), flags(table), compactness(table)];
        findings.extend(paper(table));
        Ok(Report { findings, figures: vec![figure(table)], tables: vec![choices(table)] })
    }
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
        vec![
            kind.into(),
            compactness.into(),
            c.flag_rate.into(),
            c.flags.into(),
            c.sampling_rate.into(),
            c.margin.into(),
            c.bound.into(),
            c.payments.into(),
            c.openings.into(),
            c.total.into(),
            c.detection.into(),
        ]
    };
    Ok(choice.map(row).into_iter().collect())
}

/// The cheapest point of the grid with this compactness and detection, among those that `wanted` admits.
fn cheapest<'a>(
    rows: &'a Table,
    compactness: f64,
    detection: f64,
    wanted: impl Fn(&Record) -> bool,
) -> Option<Record<'a>> {
    with(rows, "kind", "grid")
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
        digits(row.number("total")),
        digits(row.number("flag_rate")),
        row.number("flags"),
        digits(row.number("sampling_rate"))
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
    Finding {
        claim: "Open: which flag rate, flags and sampling rate detect a cheated stage with a \
                wanted probability at the least cost"
            .into(),
        measured: format!(
            "{} verifiers, compactness 0.02, cost per stage in replays at detection {}",
            MODEL.verifiers,
            parts.join(", ")
        ),
        verdict: Verdict::Answered,
    }
}

fn flags(rows: &Table) -> Finding {
    let parts: Vec<String> = FLAGS
        .iter()
        .map(|&flags| {
            let of_flags = |row: &Record| row.number("flags") == flags as f64;
            cheapest(rows, 0.02, 0.9, of_flags).map_or_else(
                || format!("{flags}: out of reach"),
                |row| format!("{flags}: {}", digits(row.number("total"))),
            )
        })
        .collect();
    Finding {
        claim: "Open: how many different flags are worth their replays".into(),
        measured: format!(
            "cheapest cost at detection 0.9 and compactness 0.02 by number of flags: {}",
            parts.join(", ")
        ),
        verdict: Verdict::Answered,
    }
}

fn compactness(rows: &Table) -> Finding {
    let parts: Vec<String> = COMPACTNESS
        .iter()
        .map(|&compactness| {
            cheapest(rows, compactness, 0.9, |_| true).map_or_else(
                || format!("{compactness}: out of reach"),
                |row| format!("{compactness}: {}", digits(row.number("total"))),
            )
        })
        .collect();
    Finding {
        claim: "Open: what robustness costs (a share alpha/2 of malicious verifiers)".into(),
        measured: format!("cheapest cost at detection 0.9 by compactness: {}", parts.join(", ")),
        verdict: Verdict::Answered,
    }
}

/// What the paper's choice costs, beside the cheapest with at least its detection.
fn paper(rows: &Table) -> Option<Finding> {
    let choice = with(rows, "kind", "paper").find(|row| row.number("compactness") == 0.02)?;
    let detection = choice.number("detection");
    let best = cheapest(rows, 0.02, detection, |_| true)?;
    let total = choice.number("total");
    Some(Finding {
        claim: "Section 7.1 flags half of the stages with two flags and samples half of them"
            .into(),
        measured: format!(
            "that costs {} and detects {}; the cheapest point that detects as much costs {}: \
             {:.0}% less",
            digits(total),
            digits(detection),
            describe(best),
            100.0 * (1.0 - best.number("total") / total)
        ),
        verdict: Verdict::Answered,
    })
}

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
                let mut line = vec![compactness.into(), detection.into()];
                line.extend_from_slice(&row.row()[2..10]);
                lines.push(line);
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
    let line = |compactness: f64, column: &'static str, label: String, stroke: Stroke| Mark::Line {
        label,
        points: wanted
            .iter()
            .filter_map(|&d| Some((d, cheapest(rows, compactness, d, |_| true)?)))
            .map(|(d, row)| (d, row.number(column)))
            .collect(),
        stroke,
    };
    let mut cost: Vec<Mark> = COMPACTNESS
        .iter()
        .map(|&a| line(a, "total", format!("compactness {a}"), Stroke::Solid))
        .collect();
    cost.push(Mark::Points {
        label: "the paper's choice (each compactness)".into(),
        points: with(rows, "kind", "paper")
            .map(|row| (row.number("detection"), row.number("total")))
            .collect(),
    });
    let middle = COMPACTNESS[1];
    let choice = vec![
        line(middle, "sampling_rate", "sampling rate".into(), Stroke::Solid),
        line(middle, "flag_rate", "flag rate".into(), Stroke::Solid),
    ];
    let x = || Axis::linear("probability that a dishonest stage is reported").within(0.0, 1.0);
    Figure {
        name: "frontier".into(),
        caption: format!(
            "Left: the least cost per stage (payments to {} verifiers and openings) at which a \
             dishonest stage is reported with the given probability. Right: the rates that reach \
             it at compactness {middle}. Steps come from the grid of rates.",
            MODEL.verifiers
        ),
        panels: vec![
            Panel {
                title: "cost".into(),
                x: x(),
                y: Axis::linear("cost per stage (replays)"),
                marks: cost,
            },
            Panel {
                title: "best rates".into(),
                x: x(),
                y: Axis::linear("rate").within(0.0, 1.0),
                marks: choice,
            },
        ],
    }
}
