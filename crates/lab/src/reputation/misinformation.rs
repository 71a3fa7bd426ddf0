//! Misinformed users: how far a share of arbitrary rows moves reputation.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::Misinformation;

use super::shared::{medians, uniform};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Scale, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::{largest, mean, spreads};

/// Designated and ordinary PageRank under misinformation.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-misinformation",
    title: "How many misinformed users reputation survives",
    source: "Game of Trust, Section 8 (future work)",
    columns: &[
        "misinformation",
        "social",
        "repetition",
        "misinformed_share",
        "pagerank",
        "inversions_share",
        "error_max",
        "mean_over_largest_trust",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

const USERS: usize = 200;
const SERVERS: usize = 20;
/// What informed and misinformed users give to fellow users.
const SOCIAL: [f64; 2] = [0.0, 0.3];
const RANKS: [&str; 2] = ["designated", "ordinary"];

fn name(kind: Misinformation) -> &'static str {
    match kind {
        Misinformation::Random => "random",
        Misinformation::Adversarial => "adversarial",
        Misinformation::Collusive => "collusive",
    }
}

/// Percents of misinformed users, and repetitions.
fn sizes(scale: Scale) -> (Vec<usize>, usize) {
    scale.pick(((0..=9).map(|k| 10 * k).collect(), 5), ((0..=38).map(|k| 5 * k / 2).collect(), 40))
}

fn grid(setting: &Setting) -> Grid<3> {
    Grid([Misinformation::ALL.len(), SOCIAL.len(), sizes(setting.scale).1])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [kind, social, repetition] = grid(setting).at(index);
    let (kind, social) = (Misinformation::ALL[kind], SOCIAL[social]);
    // The same truth for every kind: differences are due to the kind.
    let mut stream = Stream::new(setting.seed, repetition as u64);
    let trust = uniform(&mut stream, SERVERS, 0.05, 1.0);
    let ratio = mean(&trust) / largest(trust.iter().copied());
    let seed = stream.next_word();
    let mut rows = Vec::new();
    for percent in sizes(setting.scale).0 {
        let misinformed = USERS * percent / 100;
        let found = kind.compare(&trust, USERS, misinformed, social, seed).map_err(refused)?;
        for (rank, distortion) in RANKS.into_iter().zip([found.0, found.1]) {
            rows.push(EXPERIMENT.row([
                ("misinformation", name(kind).into()),
                ("social", social.into()),
                ("repetition", repetition.into()),
                ("misinformed_share", (misinformed as f64 / USERS as f64).into()),
                ("pagerank", rank.into()),
                ("inversions_share", distortion.inversions.into()),
                ("error_max", distortion.error_max.into()),
                ("mean_over_largest_trust", ratio.into()),
            ]));
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let average = |kind: &str, rank: &str, social: f64, share: f64, column: &str| {
        let values: Vec<f64> = table
            .with("misinformation", kind)
            .filter(|r| r.text("pagerank") == rank)
            .filter(|r| r.number("social") == social)
            .filter(|r| (r.number("misinformed_share") - share).abs() < 1e-9)
            .map(|r| r.number(column))
            .collect();
        mean(&values)
    };
    let kinds = Misinformation::ALL.map(name);
    let at = |rank: &str, column: &str, share: f64| {
        kinds.map(|kind| format!("{:.3}", average(kind, rank, 0.3, share, column))).join(", ")
    };
    let clean = |rank: &str| {
        SOCIAL.map(|s| average("random", rank, s, 0.0, "error_max")).into_iter().fold(0.0, f64::max)
    };
    let findings = vec![
        Finding::claim(
            "Section 4.1: teleport is restricted to users so that servers get nothing but \
             endorsements; ordinary PageRank lands on servers as well.",
            format!(
                "Without misinformed users the decoded reputation is off by {:.1e} designated \
                 and {:.1e} ordinary.",
                clean("designated"),
                clean("ordinary")
            ),
            clean("designated") < 1e-10 && clean("ordinary") > 1e-3,
        ),
        Finding::answer(
            "Section 8: how sensitive are ranks to misinformed users?",
            format!(
                "With 20% (40%) of them, inversions under designated PageRank are {} ({}) and \
                 the largest error is {} ({}) for {}.",
                at("designated", "inversions_share", 0.2),
                at("designated", "inversions_share", 0.4),
                at("designated", "error_max", 0.2),
                at("designated", "error_max", 0.4),
                kinds.join(", ")
            ),
        ),
        protection(table),
        tipping(table),
    ];
    let figures = vec![figure(setting, table)];
    Ok(Report::new(findings, figures))
}

/// Ordinary against designated PageRank, profile by profile.
fn protection(table: &Table) -> Finding {
    let pairs: Vec<_> = table.records().zip(table.records().skip(1)).step_by(2).collect();
    let more = |column: &str| {
        let worse = pairs.iter().filter(|(d, o)| o.number(column) > d.number(column)).count();
        let better = pairs.iter().filter(|(d, o)| o.number(column) < d.number(column)).count();
        (worse, better)
    };
    let (error, inversions) = (more("error_max"), more("inversions_share"));
    Finding::answer(
        "Does the designated restriction protect against misinformation?",
        format!(
            "Of {} profiles, ordinary PageRank has the larger error in {} and the smaller in {}, \
             more inversions in {} and fewer in {}: what it gives to every server alike dampens \
             lies and truths.",
            pairs.len(),
            error.0,
            error.1,
            inversions.0,
            inversions.1
        ),
    )
}

/// Mirrored rows turn the order round where `(1-f)/|R|_1 < f/|max R - R|_1`, i.e.
/// `f > 1 - mean/max`.
fn tipping(table: &Table) -> Finding {
    let (mut right, mut wrong) = (0, 0);
    for r in table.records() {
        let mirrored = r.text("misinformation") == "adversarial" && r.number("social") == 0.0;
        if !mirrored || r.text("pagerank") != "designated" {
            continue;
        }
        let beyond = r.number("misinformed_share") - (1.0 - r.number("mean_over_largest_trust"));
        let turned = r.number("inversions_share");
        // Exactly at the tipping point all servers are alike but for rounding.
        if beyond.abs() > 1e-6 {
            let as_said = turned == f64::from(u8::from(beyond > 0.0));
            if as_said { right += 1 } else { wrong += 1 }
        }
    }
    Finding::claim(
        "Ours: mirrored endorsements of servers leave the order as it is up to a share of \
         1 - mean(R)/max(R) of the users, and turn all of it round beyond.",
        format!("{right} of {} profiles do so.", right + wrong),
        wrong == 0 && right > 0,
    )
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let (_, repetitions) = sizes(setting.scale);
    let mut panels = Vec::new();
    for (column, y) in [
        ("inversions_share", "inverted pairs (share)"),
        ("error_max", "largest error of a reputation"),
    ] {
        for kind in Misinformation::ALL.map(name) {
            let mut marks: Vec<Mark> = Vec::new();
            for rank in RANKS {
                let points = table
                    .with("misinformation", kind)
                    .filter(|r| r.text("pagerank") == rank)
                    .filter(|r| r.number("social") == 0.3)
                    .map(|r| (r.number("misinformed_share"), r.number(column)));
                let label = format!("{rank} PageRank");
                if rank == RANKS[1] && column == "inversions_share" {
                    // The orders are the same or nearly so: what lies below must be seen.
                    let medians = spreads(points).into_iter().map(|s| (s.x, s.median));
                    marks.push(Mark::line(label.as_str(), medians, Stroke::Dashed));
                } else {
                    marks.extend(medians(&label, points));
                }
            }
            let y = Axis::linear(y);
            panels.push(Panel::new(
                format!("{kind} misinformation"),
                Axis::linear("misinformed users (share)").within(0.0, 1.0),
                if column == "error_max" { y } else { y.within(0.0, 1.0) },
                marks,
            ));
        }
    }
    Figure::new(
        "misinformation",
        format!(
            "Inverted pairs of servers, and the largest error of a reputation, by the share of \
             misinformed users: {USERS} users, {SERVERS} servers, 30% of a row to fellow users. \
             Medians and 10% to 90% quantiles over {repetitions} truths, seed {}.",
            setting.seed
        ),
        panels,
    )
}
