//! Repeated games: how fast reputation follows trust that drifts.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{RepeatedGame, equilibrium};

use super::shared::{medians, uniform};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, Value,
    refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::{mean, smallest, spreads};

/// Users with discounted Beta posteriors play their means, round after round.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-repeated",
    title: "How fast reputation follows trust",
    source: "Game of Trust, Section 8 (future work)",
    columns: &[
        "part",
        "users",
        "observed",
        "drift",
        "discount",
        "repetition",
        "round",
        "error_max",
        "inversions_share",
        "lag_rounds",
        "discount_kalman",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

const SERVERS: usize = 10;
const USERS: usize = 50;
/// Standard deviations of trust per round.
const DRIFTS: [f64; 4] = [0.0, 0.003, 0.01, 0.03];
const DISCOUNTS: [f64; 9] = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0];
/// Numbers of users in the study of the crowd, without drift.
const CROWDS: [usize; 5] = [1, 3, 10, 30, 100];
const OBSERVED: f64 = 0.3;
/// The discount in the study of the crowd.
const CROWD_DISCOUNT: f64 = 0.98;

struct Sizes {
    repetitions: usize,
    rounds: usize,
}

fn sizes(scale: Scale) -> Sizes {
    scale.pick(Sizes { repetitions: 4, rounds: 800 }, Sizes { repetitions: 20, rounds: 3000 })
}

const GAMES: Grid<2> = Grid([DRIFTS.len(), DISCOUNTS.len()]);

/// First every drift with every discount, then the crowds.
fn grid(setting: &Setting) -> Grid<2> {
    Grid([GAMES.cells() + CROWDS.len(), sizes(setting.scale).repetitions])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let sizes = sizes(setting.scale);
    let [game, repetition] = grid(setting).at(index);
    // The same trust and the same fortune for every discount: differences are due to it.
    let mut stream = Stream::new(setting.seed, repetition as u64);
    let start = uniform(&mut stream, SERVERS, 0.2, 0.95);
    let seed = stream.next_word();
    let (part, users, drift, discount) = match game.checked_sub(GAMES.cells()) {
        None => {
            let [drift, discount] = GAMES.at(game);
            ("drift", USERS, DRIFTS[drift], DISCOUNTS[discount])
        }
        Some(k) => ("crowd", CROWDS[k], 0.0, CROWD_DISCOUNT),
    };
    let settings = RepeatedGame { users, observed: OBSERVED, discount, drift, prior: 1.0, seed };
    play(&settings, part, repetition, &start, sizes.rounds)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let findings = vec![steady(table), best_discounts(table), lags(table), crowd(table)];
    Ok(Report {
        findings,
        figures: vec![figure(setting, table)],
        tables: vec![("The best discount by drift.".into(), discounts(table))],
    })
}

/// Rounds of the first stretch, by which ignorance wears off, are shown one by one.
const FIRST: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

fn play(
    game: &RepeatedGame,
    part: &str,
    repetition: usize,
    start: &[f64],
    rounds: usize,
) -> Result<Vec<Row>, ExperimentError> {
    let history = game.play(start, rounds).map_err(refused)?;
    let settled = &history[rounds / 4..];
    let average = |f: &dyn Fn(&muster_mechanism::reputation::Round) -> f64| {
        settled.iter().map(f).sum::<f64>() / settled.len() as f64
    };
    let variance = average(&|round| mean(round.trust.iter().map(|r| r * (1.0 - r))));
    let row = |round: Value, error: f64, inversions: f64, lag: Value, kalman: Value| -> Row {
        EXPERIMENT.row([
            ("part", part.into()),
            ("users", game.users.into()),
            ("observed", game.observed.into()),
            ("drift", game.drift.into()),
            ("discount", game.discount.into()),
            ("repetition", repetition.into()),
            ("round", round),
            ("error_max", error.into()),
            ("inversions_share", inversions.into()),
            ("lag_rounds", lag),
            ("discount_kalman", kalman),
        ])
    };
    let mut rows: Vec<Row> = FIRST
        .into_iter()
        .filter(|&round| round <= rounds)
        .map(|round| {
            let found = history[round - 1].distortion;
            row(round.into(), found.error_max, found.inversions, Value::Absent, Value::Absent)
        })
        .collect();
    let lag = if game.drift > 0.0 { lag(settled)?.into() } else { Value::Absent };
    rows.push(row(
        Value::Absent,
        average(&|round| round.distortion.error_max),
        average(&|round| round.distortion.inversions),
        lag,
        kalman(game.drift, variance).into(),
    ));
    Ok(rows)
}

/// By how many rounds reputation is behind: at this lag it is closest to N(R) in mean square.
fn lag(history: &[muster_mechanism::reputation::Round]) -> Result<usize, ExperimentError> {
    let truths: Vec<Vec<f64>> = history
        .iter()
        .map(|round| equilibrium(&round.trust).map_err(refused))
        .collect::<Result<_, _>>()?;
    let longest = (history.len() / 3).min(400);
    let error = |lag: usize| {
        let mut total = 0.0;
        // The same rounds for every lag.
        for t in longest..history.len() {
            for (rho, truth) in history[t].reputation.iter().zip(&truths[t - lag]) {
                total += (rho - truth) * (rho - truth);
            }
        }
        total
    };
    let errors: Vec<f64> = (0..=longest).map(error).collect();
    Ok((0..=longest).min_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or(0))
}

/// The best discount for tracking a random walk of step `drift` seen through coins of `variance`:
/// the steady Kalman gain g solves `g^2 / (1 - g) = drift^2 / variance`, and the discount is 1 - g.
fn kalman(drift: f64, variance: f64) -> f64 {
    let ratio = drift * drift / variance;
    1.0 - 0.5 * ((ratio * ratio + 4.0 * ratio).sqrt() - ratio)
}

fn settled(table: &Table) -> impl Iterator<Item = Record<'_>> {
    table.with("part", "drift").filter(|r| r.number("round").is_nan())
}

/// Mean settled error with a drift and a discount.
fn settled_error(table: &Table, drift: f64, discount: f64) -> f64 {
    let here =
        settled(table).filter(|r| r.number("drift") == drift && r.number("discount") == discount);
    mean(here.map(|r| r.number("error_max")))
}

/// (best discount, its error, Kalman's discount).
fn best(table: &Table, drift: f64) -> (f64, f64, f64) {
    let (discount, error) = DISCOUNTS
        .map(|discount| (discount, settled_error(table, drift, discount)))
        .into_iter()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((f64::NAN, f64::NAN));
    let kalman: Vec<f64> = settled(table)
        .filter(|r| r.number("drift") == drift)
        .map(|r| r.number("discount_kalman"))
        .collect();
    (discount, error, mean(&kalman))
}

fn steady(table: &Table) -> Finding {
    let at = |round: usize| {
        let here = table
            .with("part", "drift")
            .filter(|r| r.number("drift") == 0.0)
            .filter(|r| r.number("discount") == 1.0 && r.number("round") == round as f64);
        mean(here.map(|r| r.number("error_max")))
    };
    let (early, late) = (at(32), at(512));
    Finding::claim(
        "Ours: while trust stands still and nothing is forgotten, the error falls like one over \
         the root of the rounds.",
        format!(
            "From round 32 to round 512 it falls from {early:.4} to {late:.4}, {:.1} times; the \
             root of 16 is 4.",
            early / late
        ),
        early / late > 2.5 && early / late < 6.5,
    )
}

fn best_discounts(table: &Table) -> Finding {
    let found = DRIFTS.map(|drift| (drift, best(table, drift)));
    let listed = found.map(|(drift, (discount, error, kalman))| {
        format!("drift {drift}: {discount} (Kalman {kalman:.3}), error {error:.4}")
    });
    let falling = found.windows(2).all(|pair| pair[1].1.0 <= pair[0].1.0);
    let close = found.iter().filter(|case| case.0 > 0.0).all(|(_, (discount, _, kalman))| {
        let ratio = (1.0 - discount) / (1.0 - kalman);
        ratio > 0.4 && ratio < 2.5
    });
    Finding::claim(
        "Section 8 leaves repeated games open. Ours: the faster trust drifts, the more must be \
         forgotten, about as much as a Kalman filter would.",
        format!("Best discount of the grid by drift per round: {}.", listed.join("; ")),
        falling && close,
    )
}

fn lags(table: &Table) -> Finding {
    let of = |drift: f64| {
        let discount = best(table, drift).0;
        let here = settled(table)
            .filter(|r| r.number("drift") == drift && r.number("discount") == discount);
        mean(here.map(|r| r.number("lag_rounds")))
    };
    let listed: Vec<String> = DRIFTS[1..]
        .iter()
        .map(|&drift| format!("{:.0} rounds at drift {drift}", of(drift)))
        .collect();
    Finding::answer(
        "Section 8: how fast can reputation follow?",
        format!("With the best discount it lies behind by {}.", listed.join(", ")),
    )
}

fn crowd(table: &Table) -> Finding {
    let of = |users: usize| {
        let here = table
            .with("part", "crowd")
            .filter(|r| r.number("round").is_nan())
            .filter(|r| r.number("users") == users as f64);
        mean(here.map(|r| r.number("error_max")))
    };
    let errors = CROWDS.map(of);
    let [.., before, last] = errors;
    Finding::answer(
        "Do more users make reputation more exact?",
        format!(
            "With discount {CROWD_DISCOUNT} and {:.0}% of outcomes seen, the settled error is {} \
             for {} users. All see the same outcomes, so {:.0}% of the error of one user stays, \
             and the last step changes {:.0}%.",
            100.0 * OBSERVED,
            errors.map(|e| format!("{e:.4}")).join(", "),
            CROWDS.map(|n| n.to_string()).join(", "),
            100.0 * smallest(errors) / errors[0],
            100.0 * (before - last).abs() / before
        ),
    )
}

fn discounts(table: &Table) -> Table {
    let columns =
        ["drift", "best_discount", "kalman_discount", "error_max", "error_max_unforgetting"];
    let rows = DRIFTS.map(|drift| {
        let (discount, error, kalman) = best(table, drift);
        [drift, discount, kalman, error, settled_error(table, drift, 1.0)].map(Value::from).to_vec()
    });
    Table::new(&columns, rows.to_vec())
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let mut learning = Vec::new();
    for discount in [0.9, 0.98, 1.0] {
        let points = table
            .with("part", "drift")
            .filter(|r| r.number("drift") == 0.0)
            .filter(|r| r.number("discount") == discount)
            .map(|r| (r.number("round"), r.number("error_max")));
        learning.extend(medians(&format!("discount {discount}"), points));
    }
    // A discount's place is its memory, 1 / (1 - discount), without end for 1.
    let mut tracking: Vec<Mark> = Vec::new();
    for drift in DRIFTS {
        let points = settled(table)
            .filter(|r| r.number("drift") == drift && r.number("discount") < 1.0)
            .map(|r| (1.0 / (1.0 - r.number("discount")), r.number("error_max")));
        tracking.extend(medians(&format!("drift {drift}"), points));
    }
    let crowd = table
        .with("part", "crowd")
        .filter(|r| r.number("round").is_nan())
        .map(|r| (r.number("users"), r.number("error_max")));
    let sizes = sizes(setting.scale);
    let panel = |title: &str, x: Axis, y: &str, marks| Panel::new(title, x, Axis::linear(y), marks);
    let (error, memory) = ("largest error of a reputation", "memory 1/(1 - discount) (rounds)");
    let mut learning = panel("trust stands still", Axis::logarithmic("round"), error, learning);
    learning.y = Axis::logarithmic(error);
    Figure::new(
        "repeated",
        format!(
            "Reputation of {SERVERS} servers among {USERS} users who each see {:.0}% of the \
             outcomes: from ignorance, by memory and drift (standard deviation of trust per \
             round), how many rounds it is behind, and by the number of users. Medians and 10% to \
             90% quantiles over {} games of {} rounds, seed {}.",
            100.0 * OBSERVED,
            sizes.repetitions,
            sizes.rounds,
            setting.seed
        ),
        vec![
            learning,
            panel("trust drifts", Axis::logarithmic(memory), error, tracking),
            panel("how late", Axis::logarithmic(memory), "lag (rounds)", lag_marks(table)),
            panel(
                &format!("the crowd, discount {CROWD_DISCOUNT}"),
                Axis::logarithmic("users"),
                error,
                medians("no drift", crowd),
            ),
        ],
    )
}

/// How many rounds reputation is behind, by memory, beside the age of what is remembered.
fn lag_marks(table: &Table) -> Vec<Mark> {
    // With a shorter memory noise drowns what a lag could be told by.
    let long = |r: &Record| r.number("discount") < 1.0 && r.number("discount") >= 0.95;
    let mut lags: Vec<Mark> = DRIFTS[1..]
        .iter()
        .map(|&drift| {
            let points = settled(table)
                .filter(|r| r.number("drift") == drift && long(r))
                .map(|r| (1.0 / (1.0 - r.number("discount")), r.number("lag_rounds")));
            let points = spreads(points).into_iter().map(|s| (s.x, s.median));
            Mark::line(format!("drift {drift}"), points, Stroke::Solid)
        })
        .collect();
    let memories = [20.0, 50.0, 100.0, 200.0].map(|memory| (memory, memory - 1.0));
    lags.push(Mark::line("mean age of what is remembered", memories, Stroke::Dashed));
    lags
}
