//! The network of Appendix 12.7 in three parts: nobody holds a majority, so that the market starts
//! only once scaling has made one.

use muster_mechanism::market::{Config, Connectivity, Rule, Weights, epoch};
use muster_mechanism::random::Stream;

use super::cabal_network::{random_stake, random_weights};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::{mean, spreads};
use crate::words::significant;

const SIDES: [(&str, f64); 3] = [("honest, 0.40", 0.40), ("0.35", 0.35), ("0.25", 0.25)];
const PEERS: usize = 10;
const EPOCHS: usize = 1_000;
const EPOCHS_BETWEEN_ROWS: usize = 10;

/// Name, whether a loss that is not negative stops minting, the step of the scaling.
const VARIANTS: [(&str, bool, f64); 3] =
    [("gate and scaling", true, 0.05), ("gate, no scaling", true, 0.0), ("neither", false, 0.0)];

/// Shares of three disjoint sides, with and without scaling.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-three-way",
    title: "Three sides without a majority: what scaling is for",
    source: "BitTensor, Section 4: descent of the loss in the scaling A, Figure 7",
    columns: &[
        "variant",
        "seed",
        "epoch",
        "loss",
        "first",
        "second",
        "third",
        "scaling_first",
        "scaling_second",
        "scaling_third",
        "stake",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [variant, seed] = grid(setting).at(index);
    let (name, gated, learning_rate) = VARIANTS[variant];
    let mut random = Stream::new(setting.seed, seed as u64);
    let (weights, mut stake) = market(&mut random)?;
    let mut scaling = vec![1.0; stake.len()];
    // Whoever can be reached at all is connected, as in the listing.
    let connectivity = Connectivity { cutoff: 0.0, ..Connectivity::default() };
    let rule = Rule::Paper;
    let config = Config { rule, connectivity, learning_rate, gated, ..Config::default() };
    let mut rows = Vec::new();
    for at in 0..=EPOCHS {
        let after = epoch(&weights, &stake, Some(&scaling), &config).map_err(refused)?;
        if at % EPOCHS_BETWEEN_ROWS == 0 {
            let total: f64 = stake.iter().sum();
            let [first, second, third] = sides(&stake).map(|sum| (sum / total).into());
            let scalings = sides(&scaling).map(|sum| (sum / PEERS as f64).into());
            let [scaling_first, scaling_second, scaling_third] = scalings;
            rows.push(EXPERIMENT.row([
                ("variant", name.into()),
                ("seed", seed.into()),
                ("epoch", at.into()),
                ("loss", after.loss.into()),
                ("first", first),
                ("second", second),
                ("third", third),
                ("scaling_first", scaling_first),
                ("scaling_second", scaling_second),
                ("scaling_third", scaling_third),
                ("stake", total.into()),
            ]));
        }
        (stake, scaling) = (after.stake, after.scaling);
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let panels = VARIANTS.iter().map(|variant| panel(variant.0, table)).collect();
    let figure = Figure::new(
        EXPERIMENT.name,
        format!(
            "Three disjoint sides of {PEERS} peers each under the rule `paper`, {} random \
             networks: medians, and the tenth to the ninetieth percentile; inflation 0.01, \
             seed {}.",
            seeds(setting),
            setting.seed
        ),
        panels,
    );
    let findings = vec![starts(table), stops(table), ungated(table)];
    Ok(Report::new(findings, vec![figure]))
}

fn seeds(setting: &Setting) -> usize {
    setting.scale.pick(5, 20)
}

fn grid(setting: &Setting) -> Grid<2> {
    Grid([VARIANTS.len(), seeds(setting)])
}

fn market(random: &mut Stream) -> Result<(Weights, Vec<f64>), ExperimentError> {
    let (mut triplets, mut stake) = (Vec::new(), Vec::new());
    for (_, share) in SIDES {
        let first = stake.len();
        let weights = random_weights(PEERS, random);
        triplets.extend(
            weights
                .into_iter()
                .enumerate()
                .filter(|(_, weight)| *weight > 0.0)
                .map(|(at, weight)| (first + at / PEERS, first + at % PEERS, weight)),
        );
        stake.extend(random_stake(PEERS, share, random));
    }
    Ok((Weights::from_triplets(stake.len(), triplets).map_err(refused)?, stake))
}

fn sides(values: &[f64]) -> [f64; 3] {
    [0, 1, 2].map(|side| values[side * PEERS..(side + 1) * PEERS].iter().sum())
}

fn at<'t>(table: &'t Table, variant: &'t str, epoch: usize, column: &'t str) -> Vec<f64> {
    let here =
        table.with("variant", variant).filter(|record| record.number("epoch") == epoch as f64);
    here.map(|record| record.number(column)).collect()
}

/// The first epoch of each seed whose loss was read as negative.
fn started(table: &Table, variant: &str) -> Vec<f64> {
    let seeds = at(table, variant, 0, "seed");
    let first = |seed: &f64| {
        let negative = |r: &Record<'_>| r.number("seed") == *seed && r.number("loss") < 0.0;
        table.with("variant", variant).find(negative).map(|record| record.number("epoch"))
    };
    seeds.iter().filter_map(first).collect()
}

fn starts(table: &Table) -> Finding {
    let variant = VARIANTS[0].0;
    let started = started(table, variant);
    let end = at(table, variant, EPOCHS, "first");
    let won = end.iter().filter(|&&share| share > 0.5).count();
    Finding::claim(
        "Descent in the scaling finds L < 0 and converges towards the dominant sub-graph \
                (Section 4).",
        format!(
            "With 0.40 against 0.35 and 0.25, the loss was negative after {} epochs in {} of {} \
             networks; after {EPOCHS} epochs the largest side holds {} of all stake on average, \
             more than half in {won}.",
            significant(mean(&started), 3),
            started.len(),
            end.len(),
            significant(mean(&end), 3),
        ),
        won == end.len() && !end.is_empty(),
    )
}

fn stops(table: &Table) -> Finding {
    let variant = VARIANTS[1].0;
    let (start, end) = (at(table, variant, 0, "stake"), at(table, variant, EPOCHS, "stake"));
    let frozen = start.iter().zip(&end).filter(|(start, end)| start == end).count();
    Finding::answer(
        "Without a majority nothing may be minted until scaling has made one; what happens \
                without scaling is not said.",
        format!(
            "Without scaling the gate never opened in {frozen} of {} networks: no unit was minted \
             in {EPOCHS} epochs.",
            end.len()
        ),
    )
}

fn ungated(table: &Table) -> Finding {
    let [with, without] =
        [VARIANTS[0].0, VARIANTS[2].0].map(|v| mean(at(table, v, EPOCHS, "first")));
    Finding::answer(
        "Whether the gate and the scaling matter where Eq. (5) mints anyway is left open.",
        format!(
            "Minted by Eq. (5) without gate and scaling, the largest side ends with {} of all \
             stake; with both it ends with {}.",
            significant(without, 3),
            significant(with, 3),
        ),
    )
}

fn panel(variant: &str, table: &Table) -> Panel {
    let mut marks = Vec::new();
    for ((name, _), column) in SIDES.iter().zip(["first", "second", "third"]) {
        let points = table.with("variant", variant).map(|r| (r.number("epoch"), r.number(column)));
        let spreads = spreads(points.collect::<Vec<_>>());
        marks.push(Mark::spread(*name, &spreads));
        marks.push(Mark::medians(*name, &spreads, Stroke::Solid));
    }
    Panel::new(
        variant,
        Axis::linear("epoch"),
        Axis::linear("share of all stake").within(0.0, 1.0),
        marks,
    )
}
