//! Appendix 12.7: five honest peers against a cabal of a hundred.

use muster_mechanism::market::simulation::Cabal;
use muster_mechanism::random::Stream;

use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::{largest, mean, normalised, smallest, spreads};
use crate::words::significant;

const HONEST: usize = 5;
const CABAL: usize = 100;
const DENSITY: f64 = 0.9;
const BLOCKS: usize = 2_000;
const BLOCKS_BETWEEN_ROWS: usize = 20;
const INFLATION: f64 = 0.01;
const LEARNING_RATE: f64 = 0.05;

/// The cabal's share of all stake against time, as it is and as the listing sums it.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-cabal-network",
    title: "Five honest peers against a cabal of a hundred",
    source: "BitTensor, Appendix 12.7, the listing `cabal_decay`",
    columns: &["seed", "block", "share", "listing_share"],
    data_file: None,
    cells: |setting| setting.scale.pick(10, 100),
    cell,
    report,
};

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let mut random = Stream::new(setting.seed, index as u64);
    let honest = random_weights(HONEST, &mut random);
    let cabal = random_weights(CABAL, &mut random);
    let stake_honest = random_stake(HONEST, 0.51, &mut random);
    let stake_cabal = random_stake(CABAL, 0.49, &mut random);
    let mut market =
        Cabal::new(&honest, &stake_honest, &cabal, &stake_cabal, 1.0).map_err(refused)?;
    let mut rows = vec![row(index, 0, market.stake())];
    for block in (BLOCKS_BETWEEN_ROWS..=BLOCKS).step_by(BLOCKS_BETWEEN_ROWS) {
        market.run(BLOCKS_BETWEEN_ROWS, INFLATION, LEARNING_RATE);
        rows.push(row(index, block, market.stake()));
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let at = |block: usize, column: &str| -> Vec<f64> {
        let here = table.with("block", block as f64);
        here.map(|r| r.number(column)).collect()
    };
    let (start, end) = (at(0, "share"), at(BLOCKS, "share"));
    let rising = table
        .records()
        .zip(table.records().skip(1))
        .filter(|(a, b)| a.number("seed") == b.number("seed"))
        .filter(|(a, b)| b.number("share") >= a.number("share"))
        .count();
    let decays = Finding::claim(
        "A disjoint cabal with 0.49 of the stake decays, whoever is in it: the honest \
                five keep the market (Appendix 12.7).",
        format!(
            "Over {} seeds the cabal's share falls from {} to {} (from {} to {}) in {BLOCKS} \
             blocks; it rose between two readings {rising} times.",
            end.len(),
            significant(mean(&start), 3),
            significant(mean(&end), 3),
            significant(smallest(end.iter().copied()), 3),
            significant(largest(end.iter().copied()), 3),
        ),
        rising == 0 && !end.is_empty() && end.iter().all(|&s| s < 0.49),
    );
    let (listed_start, listed_end) = (at(0, "listing_share"), at(BLOCKS, "listing_share"));
    let index = Finding::claim(
        "The listing sums the cabal's stake from index nB on, and plots that as the \
                cabal's share.",
        format!(
            "The cabal begins at nA: the listing sees {HONEST} of its {CABAL} members, and \
             says {} at the start (it is {}) and {} at the end (it is {}).",
            significant(mean(&listed_start), 3),
            significant(mean(&start), 3),
            significant(mean(&listed_end), 3),
            significant(mean(&end), 3),
        ),
        (mean(&listed_start) - mean(&start)).abs() < 1e-9,
    );
    Ok(Report::new(vec![decays, index], vec![figure(EXPERIMENT.name, setting, table, end.len())]))
}

fn figure(name: &str, setting: &Setting, table: &Table, networks: usize) -> Figure {
    let points = |column: &str| -> Vec<(f64, f64)> {
        table.records().map(|r| (r.number("block"), r.number(column))).collect()
    };
    let (share, listed) = (spreads(points("share")), spreads(points("listing_share")));
    let all = format!("all {CABAL} members");
    let some = format!("{HONEST} of {CABAL}, as the listing sums");
    let panel = Panel::new(
        "Cabal with 0.49 of the stake at the start",
        Axis::linear("block"),
        Axis::logarithmic("share of all stake"),
        vec![
            Mark::spread(&all, &share),
            Mark::medians(&all, &share, Stroke::Solid),
            Mark::spread(&some, &listed),
            Mark::medians(&some, &listed, Stroke::Dashed),
        ],
    );
    Figure::new(
        name,
        format!(
            "Medians over {} random networks of {HONEST} and {CABAL} peers, with the range from \
             the tenth to the ninetieth percentile; inflation {INFLATION}, seed {}.",
            networks, setting.seed
        ),
        vec![panel],
    )
}

fn row(seed: usize, block: usize, stake: &[f64]) -> Row {
    let sum = |part: &[f64]| part.iter().sum::<f64>();
    let (honest, cabal) = (sum(&stake[..HONEST]), sum(&stake[HONEST..]));
    let listed = sum(&stake[CABAL..]);
    EXPERIMENT.row([
        ("seed", seed.into()),
        ("block", block.into()),
        ("share", (cabal / (honest + cabal)).into()),
        ("listing_share", (listed / (honest + listed)).into()),
    ])
}

/// Row by row: in each of `peers` rows the same number of weights at random places, uniform before
/// they are divided by their sum.
pub(super) fn random_weights(peers: usize, random: &mut Stream) -> Vec<f64> {
    let filled = ((DENSITY * peers as f64) as usize).max(1);
    let mut weights = Vec::with_capacity(peers * peers);
    for _ in 0..peers {
        let mut row = vec![0.0; peers];
        let mut places: Vec<usize> = (0..peers).collect();
        for at in 0..filled {
            places.swap(at, at + random.below((peers - at) as u64) as usize);
            row[places[at]] = 1.0 - random.uniform();
        }
        weights.extend(normalised(row));
    }
    weights
}

/// Uniform, then divided so that it sums to `total`.
pub(super) fn random_stake(peers: usize, total: f64, random: &mut Stream) -> Vec<f64> {
    let stake: Vec<f64> = (0..peers).map(|_| 1.0 - random.uniform()).collect();
    let sum: f64 = stake.iter().sum();
    stake.into_iter().map(|s| s / sum * total).collect()
}
