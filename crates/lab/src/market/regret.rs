//! Appendix 12.6: the regret of a step along the gradient.

use muster_mechanism::random::Stream;

use super::game::{Game, Reading};
use crate::experiment::{Experiment, ExperimentError, Finding, Report, Row, Setting, Table};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::{mean, spreads};
use crate::words::significant;

const PEERS: usize = 10;
const ALPHA: f64 = 10.0;
const TEMPERATURE: f64 = 0.1;

/// The lengths of a step in a row of weights, which sums to one.
const STEPS: [f64; 7] = [0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003];

const SEARCH_STARTS: usize = 4;
const SEARCH_STEPS: usize = 60;

/// What the best step of the same length would have gained more.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-zero-regret",
    title: "The regret of a step along the gradient",
    source: "BitTensor, Appendix 12.6, theorem 12.6.2",
    columns: &["game", "peer", "step", "gain", "regret", "regret_to_twice"],
    data_file: None,
    cells: |setting| setting.scale.pick(10, 100),
    cell,
    report,
};

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let mut random = Stream::new(setting.seed, index as u64);
    let (game, weights) = Game::random(PEERS, ALPHA, TEMPERATURE, Reading::Unmasked, &mut random);
    let gradients: Vec<Vec<f64>> = (0..PEERS).map(|i| unit(game.gradient(&weights, i))).collect();
    let mut rows = Vec::new();
    for length in STEPS {
        for (peer, gradient) in gradients.iter().enumerate() {
            // The others take their own steps at the same time.
            let mut others = weights.clone();
            for (other, gradient) in gradients.iter().enumerate() {
                if other != peer {
                    add(&mut others, other, gradient, length);
                }
            }
            let at = |direction: &[f64], length: f64| {
                let mut moved = others.clone();
                add(&mut moved, peer, direction, length);
                game.payoff(&moved, peer)
            };
            let before = game.payoff(&others, peer);
            let taken = at(gradient, length);
            let best = search(&game, &others, peer, gradient, length, &mut random);
            rows.push(EXPERIMENT.row([
                ("game", index.into()),
                ("peer", peer.into()),
                ("step", length.into()),
                ("gain", (taken - before).into()),
                ("regret", (best.max(taken) - taken).into()),
                ("regret_to_twice", (at(gradient, 2.0 * length) - taken).into()),
            ]));
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let relative = |column: &'static str| {
        let points = table
            .records()
            .map(|r| (r.number("step"), r.number(column) / r.number("gain").abs()))
            // Below rounding there is nothing to draw on a logarithmic axis.
            .filter(|(_, share)| *share > 0.0);
        spreads(points.collect::<Vec<_>>())
    };
    let at = |column: &str, step: f64| {
        let here = table.with("step", step);
        let sums = here.map(|r| (r.number(column), r.number("gain").abs()));
        let (regrets, gains): (Vec<f64>, Vec<f64>) = sums.unzip();
        mean(&regrets) / mean(&gains)
    };
    let (large, small) = (STEPS[1], STEPS[5]);
    let [first, last] = [large, small].map(|step| at("regret", step));
    let order = libm::log10(first / last) / libm::log10(large / small);
    let zero = Finding::claim(
        "For a sufficiently small step, the expected ex-post regret of a step along \
                the gradient is zero (12.6.2).",
        format!(
            "Beside the best step of the same length, the gradient's loses {} of its gain at \
             length {large} and {} at {small}: the share vanishes as the step to the power \
             {order:.1}.",
            significant(first, 3),
            significant(last, 3)
        ),
        order > 0.9 && last < 1e-3,
    );
    let twice = at("regret_to_twice", small);
    let lengths = Finding::claim(
        "The regret is taken over all alternative steps (Eq. 28); the proof compares \
                steps of one length.",
        format!(
            "Beside a step twice as long, in the same direction, regret is {} of the gain at \
             length {small}: it does not vanish, so that the theorem holds for directions \
             only.",
            significant(twice, 3)
        ),
        twice < 0.01,
    );
    let (same, longer) = (relative("regret"), relative("regret_to_twice"));
    let (same_label, longer_label) = ("best step of the same length", "twice the step");
    let panel = Panel::new(
        "Regret of a step along the gradient",
        Axis::logarithmic("length of the step (share of a row's weight)"),
        Axis::logarithmic("regret (share of what the step gains)").within(1e-12, 10.0),
        vec![
            Mark::spread(same_label, &same),
            Mark::medians(same_label, &same, Stroke::Solid),
            Mark::medians(longer_label, &longer, Stroke::Dashed),
        ],
    );
    let figure = Figure::new(
        EXPERIMENT.name,
        format!(
            "Medians over {} games of {PEERS} peers with the tenth to the ninetieth \
             percentile, at random weights while all others step too; alpha {ALPHA}, mask \
             temperature {TEMPERATURE}, seed {}.",
            (EXPERIMENT.cells)(setting),
            setting.seed
        ),
        vec![panel],
    );
    Ok(Report::new(vec![zero, lengths], vec![figure]))
}

/// The best payoff that `peer` finds at a step of this length: from several directions, walk along
/// the gradient at the end of the step until it points where the step goes.
fn search(
    game: &Game,
    weights: &[f64],
    peer: usize,
    gradient: &[f64],
    length: f64,
    random: &mut Stream,
) -> f64 {
    let mut best = f64::NEG_INFINITY;
    for start in 0..SEARCH_STARTS {
        let mut direction = match start {
            0 => gradient.to_vec(),
            _ => unit((0..PEERS).map(|_| random.normal()).collect()),
        };
        for _ in 0..SEARCH_STEPS {
            let mut moved = weights.to_vec();
            add(&mut moved, peer, &direction, length);
            best = best.max(game.payoff(&moved, peer));
            direction = unit(game.gradient(&moved, peer));
        }
    }
    best
}

fn add(weights: &mut [f64], peer: usize, direction: &[f64], length: f64) {
    let row = &mut weights[peer * PEERS..(peer + 1) * PEERS];
    for (weight, part) in row.iter_mut().zip(direction) {
        *weight += length * part;
    }
}

fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}
