//! Copied weights: what a peer earns that copies rows, with and without commit and reveal.
//!
//! The epoch pays a peer for what others think of it, not for its row. Its row matters in that it
//! chooses the company it learns from: here the usefulness of a peer is its own skill times the
//! mean skill of whom it gives weight to. Skills drift, so that a row grows stale. Honest peers
//! measure the usefulness of the others with an error, and give weight to the few that look best.
//! A copier saves the measuring. Weights in the open can be copied in the epoch they are set; where
//! they are committed first and revealed later, only those of the epoch before can.

use muster_mechanism::market::{Config, Weights, epoch};
use muster_mechanism::random::Stream;

use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::normalised;
use crate::words::significant;

const PEERS: usize = 20;
/// To how many others an honest peer gives weight.
const CHOSEN: usize = 5;
/// Of the logarithm of skill.
const SKILL_DEVIATION: f64 = 0.5;
/// Of the logarithm of a measurement.
const ERROR_DEVIATION: f64 = 0.3;
/// Before incomes are counted.
const EPOCHS_BEFORE: usize = 5;

/// The share of the variance of skill that is new in each epoch.
const DRIFTS: [f64; 9] = [0.0, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0];

/// What the first peer does; all others are honest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conduct {
    Honest,
    /// The row of one other peer, of this epoch or the one before.
    CopyOne {
        stale: bool,
    },
    /// The sum of the rows of all others, of this epoch or the one before.
    CopyAll {
        stale: bool,
    },
}

const COPIES: [(&str, Conduct); 4] = [
    ("one row, open", Conduct::CopyOne { stale: false }),
    ("one row, after reveal", Conduct::CopyOne { stale: true }),
    ("all rows, open", Conduct::CopyAll { stale: false }),
    ("all rows, after reveal", Conduct::CopyAll { stale: true }),
];

/// Income of a copier beside that of the same peer if it is honest.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-weight-copying",
    title: "Copying weights, with and without commit and reveal",
    source: "Ours: weights are public, so that they can be copied",
    columns: &["drift", "seed", "copy", "income", "honest_income", "income_with_honest_row"],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [drift, seed] = grid(setting).at(index);
    let drift = DRIFTS[drift];
    let epochs = setting.scale.pick(40, 300);
    let run = |conduct| run(conduct, drift, epochs, Stream::new(setting.seed, seed as u64));
    let honest = run(Conduct::Honest)?;
    let mut rows = Vec::new();
    for (name, conduct) in COPIES {
        let copier = run(conduct)?;
        rows.push(EXPERIMENT.row([
            ("drift", drift.into()),
            ("seed", seed.into()),
            ("copy", name.into()),
            ("income", (copier.income / epochs as f64).into()),
            ("honest_income", (honest.income / epochs as f64).into()),
            ("income_with_honest_row", (copier.if_honest_now / epochs as f64).into()),
        ]));
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let findings = vec![row_alone(table), revealed(table), open(table)];
    let panel = |title: &str, from: usize| {
        let mut marks = vec![Mark::horizontal("honest", 1.0)];
        for (copy, _) in &COPIES[from..from + 2] {
            marks.push(Mark::line(*copy, curve(table, copy), Stroke::Solid));
        }
        Panel::new(
            title,
            Axis::linear("drift (share of skill that is new each epoch)").within(0.0, 1.0),
            Axis::linear("copier's income (an honest row's is 1)"),
            marks,
        )
    };
    let figure = Figure::new(
        EXPERIMENT.name,
        format!(
            "Mean income over {} runs of {PEERS} peers, beside that of the same peer in the \
             same runs with honest rows; each gives weight to {CHOSEN} others; the cost of \
             measuring is not in it; seed {}.",
            seeds(setting),
            setting.seed
        ),
        vec![panel("Copying one peer's row", 0), panel("Copying everybody's", 2)],
    );
    Ok(Report::new(findings, vec![figure]))
}

fn seeds(setting: &Setting) -> usize {
    setting.scale.pick(3, 60)
}

fn grid(setting: &Setting) -> Grid<2> {
    Grid([DRIFTS.len(), seeds(setting)])
}

struct Income {
    /// Shares of what is minted, summed over epochs.
    income: f64,
    /// The same if its row were honest in the epoch that pays, all else equal.
    if_honest_now: f64,
}

fn run(
    conduct: Conduct,
    drift: f64,
    epochs: usize,
    mut random: Stream,
) -> Result<Income, ExperimentError> {
    let config = Config::default();
    let stake = vec![1.0; PEERS];
    let mut skill: Vec<f64> = (0..PEERS).map(|_| random.normal()).collect();
    let mut company = vec![1.0; PEERS];
    let mut before: Option<Vec<Vec<f64>>> = None;
    let mut income = Income { income: 0.0, if_honest_now: 0.0 };
    for at in 0..epochs + EPOCHS_BEFORE {
        // Every run draws the same numbers in the same order, whatever the first peer does.
        for skill in &mut skill {
            *skill = (1.0 - drift).sqrt() * *skill + drift.sqrt() * random.normal();
        }
        let skills: Vec<f64> = skill.iter().map(|z| libm::exp(SKILL_DEVIATION * z)).collect();
        let usefulness: Vec<f64> = skills.iter().zip(&company).map(|(s, c)| s * c).collect();
        let mut rows: Vec<Vec<f64>> =
            (0..PEERS).map(|i| honest_row(i, &usefulness, &mut random)).collect();
        let honest = rows[0].clone();
        let last = before.as_ref().unwrap_or(&rows);
        let copied = match conduct {
            Conduct::Honest => honest.clone(),
            Conduct::CopyOne { stale } => copy(if stale { &last[1..2] } else { &rows[1..2] }),
            Conduct::CopyAll { stale } => copy(if stale { &last[1..] } else { &rows[1..] }),
        };
        if at >= EPOCHS_BEFORE {
            let if_honest = share(&rows, &stake, &config)?;
            rows[0] = copied;
            income.if_honest_now += if_honest;
            income.income += match conduct {
                Conduct::Honest => if_honest,
                _ => share(&rows, &stake, &config)?,
            };
        } else {
            rows[0] = copied;
        }
        company = rows.iter().map(|row| met(row, &skills)).collect();
        before = Some(rows);
    }
    Ok(income)
}

/// What the first peer gets of a unit that is minted.
fn share(rows: &[Vec<f64>], stake: &[f64], config: &Config) -> Result<f64, ExperimentError> {
    let triplets = rows.iter().enumerate().flat_map(|(i, row)| {
        row.iter().enumerate().filter(|(_, w)| **w > 0.0).map(move |(j, &w)| (i, j, w))
    });
    let weights = Weights::from_triplets(PEERS, triplets).map_err(refused)?;
    let incentive = epoch(&weights, stake, None, config).map_err(refused)?.incentive;
    Ok(incentive[0] / incentive.iter().sum::<f64>())
}

/// The mean skill of whom a row gives weight to.
fn met(row: &[f64], skills: &[f64]) -> f64 {
    row.iter().zip(skills).map(|(weight, skill)| weight * skill).sum()
}

fn honest_row(peer: usize, usefulness: &[f64], random: &mut Stream) -> Vec<f64> {
    let mut measured: Vec<f64> =
        usefulness.iter().map(|u| u * libm::exp(ERROR_DEVIATION * random.normal())).collect();
    measured[peer] = 0.0;
    chosen(measured)
}

/// The first peer's row out of those of others: it gives itself nothing.
fn copy(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; PEERS];
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
    }
    sum[0] = 0.0;
    chosen(sum)
}

/// The largest few, divided by their sum.
fn chosen(mut scores: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    for &other in &order[CHOSEN..] {
        scores[other] = 0.0;
    }
    normalised(scores)
}

/// (drift, mean income of a copy beside the mean of an honest row).
fn curve(table: &Table, copy: &str) -> Vec<(f64, f64)> {
    let at = |drift: f64| {
        let [copied, honest] = ["income", "honest_income"].map(|column| {
            let here = table.with("copy", copy).filter(|r| r.number("drift") == drift);
            here.map(|r| r.number(column)).sum::<f64>()
        });
        copied / honest
    };
    DRIFTS.iter().map(|&drift| (drift, at(drift))).collect()
}

/// The drift from which on the copy earns less than `income`, linear between those that were run.
fn crossing(curve: &[(f64, f64)], income: f64) -> Option<f64> {
    let last_above = curve.iter().rposition(|point| point.1 >= income);
    match last_above {
        None => Some(0.0),
        Some(at) => curve.get(at + 1).map(|next| {
            let from = curve[at];
            from.0 + (next.0 - from.0) * (from.1 - income) / (from.1 - next.1)
        }),
    }
}

fn row_alone(table: &Table) -> Finding {
    let changes = COPIES.map(|(copy, _)| {
        let sum = |column: &str| table.with("copy", copy).map(|r| r.number(column)).sum::<f64>();
        sum("income") / sum("income_with_honest_row") - 1.0
    });
    let largest = changes.iter().fold(0.0_f64, |a, change| a.max(change.abs()));
    Finding::answer(
        "Whether the epoch itself pays for an honest row is not said.",
        format!(
            "With the same reputation, putting a copied row in place of the honest one changes \
             the peer's pay in that epoch by at most {}% on average: the rule does not pay for \
             rows, what a row brings is the company that it buys.",
            significant(100.0 * largest, 3)
        ),
    )
}

fn say_curve(table: &Table, copy: &str) -> String {
    let curve = curve(table, copy);
    let ends = [curve[0].1, curve[4].1, curve[8].1].map(|income| format!("{income:.3}"));
    let pays = match crossing(&curve, 1.0) {
        Some(0.0) => "it pays at no drift".to_owned(),
        Some(drift) => format!("it pays up to a drift of {}", significant(drift, 3)),
        None => "it pays at every drift".to_owned(),
    };
    format!("{copy}: {} at drifts 0, 0.2 and 1; {pays}", ends.join(", "))
}

fn revealed(table: &Table) -> Finding {
    let [one, all] = [COPIES[1].0, COPIES[3].0];
    let less = [one, all].map(|copy| curve(table, copy).last().is_some_and(|last| last.1 < 1.0));
    let always = [one, all].map(|copy| curve(table, copy).iter().all(|point| point.1 < 1.0));
    Finding::claim(
        "With commit and reveal, copying last epoch's row earns less than an honest row.",
        format!(
            "Income beside an honest row's, what measuring costs left out. {}. {}. {}",
            say_curve(table, one),
            say_curve(table, all),
            if less == [true; 2] && always != [true; 2] {
                "So the claim needs skills that change between epochs."
            } else {
                ""
            }
        )
        .trim_end()
        .to_owned(),
        always == [true; 2],
    )
}

fn open(table: &Table) -> Finding {
    let [one, all] = [COPIES[0].0, COPIES[2].0];
    let gains = [(COPIES[0].0, COPIES[1].0), (COPIES[2].0, COPIES[3].0)].map(|(open, after)| {
        let [open, after] = [open, after].map(|copy| curve(table, copy)[4].1);
        significant(100.0 * (open - after), 3)
    });
    Finding::answer(
        "What commit and reveal takes from a copier.",
        format!(
            "In the open: {}. {}. At a drift of 0.2, the delay costs a copier {}% of an honest \
             income if it copies one row, {}% if it copies all.",
            say_curve(table, one),
            say_curve(table, all),
            gains[0],
            gains[1]
        ),
    )
}
