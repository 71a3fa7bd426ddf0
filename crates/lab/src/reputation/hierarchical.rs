//! Section 6: informed users and fresh users, who may endorse users only.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{EndorsementGraph, RankSettings, equilibrium};

use super::shared::{distance, positive_medians, simplex, uniform};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, Value,
    refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::{largest, mean, smallest};

/// Informed users best-respond while fresh users do as they like.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-hierarchical",
    title: "Newcomers cannot disturb those who know",
    source: "Game of Trust, Section 6",
    columns: &[
        "informed",
        "fresh",
        "servers",
        "habit",
        "repetition",
        "step",
        "round",
        "strategy_error_max",
        "decoded_error_max",
        "regret_max",
        "fresh_share",
        "fresh_payoff_relative",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

/// What fresh users do.
const HABITS: [&str; 4] = ["informed users only", "any users", "one favourite", "a ring of fresh"];
/// How much of the way to its best response a user goes, and for how many rounds at most. Whole
/// steps need not settle where one user's endorsements weigh much more than the others'.
const STEPS: [(f64, usize); 2] = [(0.25, 400), (1.0, 60)];
/// Shares that a fresh user gives to fellow fresh users.
const SHARES: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
const SETTINGS: RankSettings = RankSettings {
    restart: 0.15,
    tolerance: 1e-13,
    sweeps_max: 1000,
    teleport: muster_mechanism::reputation::Teleport::Users,
};

/// (informed, fresh, servers) and repetitions.
fn sizes(scale: Scale) -> (&'static [(usize, usize, usize)], usize) {
    scale.pick(
        (&[(3, 6, 3), (8, 24, 6)], 2),
        (&[(2, 20, 5), (5, 5, 5), (10, 40, 8), (30, 30, 12)], 10),
    )
}

type Rows = Vec<Vec<(u32, f64)>>;

fn grid(setting: &Setting) -> Grid<3> {
    let (sizes, repetitions) = sizes(setting.scale);
    Grid([sizes.len(), HABITS.len(), repetitions])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [size, habit, repetition] = grid(setting).at(index);
    let ((informed, fresh, servers), habit) = (sizes(setting.scale).0[size], HABITS[habit]);
    let mut stream = Stream::new(setting.seed, index as u64);
    let trust = uniform(&mut stream, servers, 0.05, 1.0);
    let users = informed + fresh;
    let mut start: Rows = Vec::with_capacity(users);
    for user in 0..users {
        start.push(match user < informed {
            true => on_servers(users, &simplex(&mut stream, servers)),
            false => fresh_row(habit, user, informed, users, &mut stream),
        });
    }
    let head = [
        ("informed", informed.into()),
        ("fresh", fresh.into()),
        ("servers", servers.into()),
        ("habit", habit.into()),
        ("repetition", repetition.into()),
    ];
    let row = |measured: &[(&'static str, Value)]| {
        EXPERIMENT.row_of(head.iter().chain(measured).cloned())
    };
    let mut found: Vec<Row> = Vec::new();
    for (step, rounds_max) in STEPS {
        for measured in dynamics(start.clone(), informed, &trust, step, rounds_max)? {
            found.push(row(&measured));
        }
    }
    for (share, payoff) in fresh_payoffs(informed, fresh, &trust, &mut stream)? {
        found.push(row(&[("fresh_share", share.into()), ("fresh_payoff_relative", payoff.into())]));
    }
    Ok(found)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let dynamics: Vec<_> = table.records().filter(|r| !r.number("round").is_nan()).collect();
    let (ends, whole): (Vec<_>, Vec<_>) = dynamics
        .iter()
        .enumerate()
        .filter(|(k, _)| dynamics.get(k + 1).is_none_or(|next| next.number("round") == 0.0))
        .map(|(_, record)| *record)
        .partition(|end| end.number("step") < 1.0);
    let farthest = largest(ends.iter().map(|end| end.number("strategy_error_max")));
    let decoded = largest(ends.iter().map(|end| end.number("decoded_error_max")));
    let regret = largest(ends.iter().map(|end| end.number("regret_max")));
    let of =
        |share: f64| table.with("fresh_share", share).map(|r| r.number("fresh_payoff_relative"));
    let spread = largest(of(0.0).map(|payoff| (payoff - 1.0).abs()));
    let dearest = largest(SHARES[1..].iter().flat_map(|&share| of(share)));
    let all_fresh = smallest(of(1.0));
    let findings = vec![
        Finding::claim(
            "Section 6: in equilibrium informed users play N(R), whatever fresh users do.",
            format!(
                "{} games, four habits of fresh users: the informed go a quarter of the way to \
                 their best response at a time and end off N(R) by at most {farthest:.1e}; the \
                 best deviation gains {regret:.1e}.",
                ends.len()
            ),
            farthest < 1e-9 && regret < 1e-10,
        ),
        Finding::claim(
            "Section 6: Designated PageRank decodes N(R) whatever fresh users do.",
            format!("Largest error of a reputation: {decoded:.1e}."),
            decoded < 1e-9,
        ),
        Finding::claim(
            "Section 6: a fresh user who endorses fresh users does worse than one who \
             endorses informed users only.",
            format!(
                "With 20% to 100% of the row on fresh users it earns at most {dearest:.3} \
                 times as much, with all of it as little as {all_fresh:.3} times.",
            ),
            dearest < 1.0,
        ),
        Finding::claim(
            "Section 6: any way to spread a row over informed users is as good as another.",
            format!("Payoffs of random rows over informed users differ by {spread:.1e}."),
            spread < 1e-10,
        ),
        whole_steps(&whole),
    ];
    Ok(Report::new(findings, vec![figure(setting, table)]))
}

/// Where the informed go all of the way to their best response.
fn whole_steps(ends: &[Record]) -> Finding {
    let astray = ends.iter().filter(|end| end.number("strategy_error_max") > 0.01);
    let habits = HABITS.map(|habit| {
        let here = astray.clone().filter(|end| end.text("habit") == habit).count();
        let all = ends.iter().filter(|end| end.text("habit") == habit).count();
        format!("{habit} {here} of {all}")
    });
    Finding::answer(
        "Do plain best responses find the equilibrium?",
        format!(
            "Still further than 0.01 from N(R) after {} rounds of whole steps: {}. Who is endorsed \
             by all fresh users outweighs the other informed, and they chase each other.",
            STEPS[1].1,
            habits.join(", ")
        ),
    )
}

/// Step, distance of informed strategies from N(R), of the decoded reputation, and largest regret,
/// round by round.
fn dynamics(
    mut rows: Rows,
    informed: usize,
    trust: &[f64],
    step: f64,
    rounds_max: usize,
) -> Result<Vec<[(&'static str, Value); 5]>, ExperimentError> {
    let truth = equilibrium(trust).map_err(refused)?;
    let mut found = Vec::new();
    for round in 0..=rounds_max {
        let seen = observe(&rows, informed, trust, &truth)?;
        found.push([
            ("step", step.into()),
            ("round", round.into()),
            ("strategy_error_max", seen.0.into()),
            ("decoded_error_max", seen.1.into()),
            ("regret_max", seen.2.into()),
        ]);
        if seen.0 < 1e-10 {
            break;
        }
        for user in 0..informed {
            let best = graph(&rows, trust.len())?
                .deviations(&[user], trust, &SETTINGS)
                .map_err(refused)?
                .remove(0);
            for (entry, best) in rows[user].iter_mut().zip(&best.strategy) {
                entry.1 += step * (best - entry.1);
            }
        }
    }
    Ok(found)
}

fn on_servers(users: usize, strategy: &[f64]) -> Vec<(u32, f64)> {
    strategy.iter().enumerate().map(|(j, &x)| ((users + j) as u32, x)).collect()
}

fn fresh_row(
    habit: &str,
    user: usize,
    informed: usize,
    users: usize,
    stream: &mut Stream,
) -> Vec<(u32, f64)> {
    match habit {
        "informed users only" => over(0, informed, 1.0, stream),
        "any users" => over(0, users, 1.0, stream),
        "one favourite" => vec![(0, 1.0)],
        _ => {
            let next = if user + 1 == users { informed } else { user + 1 };
            let mut row = over(0, informed, 0.1, stream);
            row.push((next as u32, 0.9));
            row
        }
    }
}

/// A random row that gives `share` to the users from `first` to `end`.
fn over(first: usize, end: usize, share: f64, stream: &mut Stream) -> Vec<(u32, f64)> {
    let row = simplex(stream, end - first);
    row.into_iter().enumerate().map(|(k, x)| ((first + k) as u32, share * x)).collect()
}

fn graph(rows: &Rows, servers: usize) -> Result<EndorsementGraph, ExperimentError> {
    let edges = rows
        .iter()
        .enumerate()
        .flat_map(|(u, row)| row.iter().map(move |&(node, share)| (u as u32, node, share)));
    EndorsementGraph::new(rows.len(), servers, edges).map_err(refused)
}

/// (distance of informed strategies from N(R), of the decoded reputation, largest regret).
fn observe(
    rows: &Rows,
    informed: usize,
    trust: &[f64],
    truth: &[f64],
) -> Result<(f64, f64, f64), ExperimentError> {
    let strategies = rows[..informed].iter().map(|row| {
        let shares: Vec<f64> = row.iter().map(|entry| entry.1).collect();
        distance(&shares, truth)
    });
    let graph = graph(rows, trust.len())?;
    let reputation = graph.rank(&SETTINGS).map_err(refused)?.reputation;
    let everybody: Vec<usize> = (0..informed).collect();
    let gains = graph.deviations(&everybody, trust, &SETTINGS).map_err(refused)?;
    Ok((largest(strategies), distance(&reputation, truth), largest(gains.iter().map(|d| d.gain))))
}

/// What the last fresh user earns at N(R) by giving a share of its row to fellow fresh users,
/// relative to a row over informed users only. The others endorse informed users. Three random rows
/// a share.
fn fresh_payoffs(
    informed: usize,
    fresh: usize,
    trust: &[f64],
    stream: &mut Stream,
) -> Result<Vec<(f64, f64)>, ExperimentError> {
    let (users, last) = (informed + fresh, informed + fresh - 1);
    let truth = equilibrium(trust).map_err(refused)?;
    let mut rows: Rows = (0..informed)
        .map(|_| on_servers(users, &truth))
        .chain((informed..users).map(|_| over(0, informed, 1.0, stream)))
        .collect();
    let mut found = Vec::new();
    let mut base = f64::NAN;
    for share in SHARES {
        for _ in 0..3 {
            rows[last] = over(0, informed, 1.0 - share, stream);
            rows[last].extend(over(informed, last, share, stream));
            let payoff = graph(&rows, trust.len())?.payoffs(0.15, trust).map_err(refused)?[last];
            if base.is_nan() {
                base = payoff;
            }
            found.push((share, payoff / base));
        }
    }
    Ok(found)
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let (sizes, repetitions) = sizes(setting.scale);
    let (informed, fresh, servers) = sizes[sizes.len() - 1];
    let here =
        |r: &Record| r.number("informed") == informed as f64 && r.number("fresh") == fresh as f64;
    let mut rounds = Vec::new();
    for habit in HABITS {
        let points = table
            .with("habit", habit)
            .filter(|r| here(r) && r.number("step") < 1.0)
            .map(|r| (r.number("round"), r.number("strategy_error_max")));
        rounds.extend(positive_medians(habit, points));
    }
    let payoffs = sizes.iter().map(|&(informed, fresh, _)| {
        let points = SHARES.map(|share| {
            let values: Vec<f64> = table
                .with("informed", informed as f64)
                .filter(|r| r.number("fresh") == fresh as f64)
                .filter(|r| r.number("fresh_share") == share)
                .map(|r| r.number("fresh_payoff_relative"))
                .collect();
            (share, mean(&values))
        });
        Mark::line(format!("{informed} informed, {fresh} fresh"), points, Stroke::Solid)
    });
    Figure::new(
        "hierarchical",
        format!(
            "Left: {informed} informed users move towards their best responses among {fresh} fresh ones, \
             {servers} servers, by what fresh users do; medians and 10% to 90% quantiles over \
             {repetitions} games. Right: what a fresh user earns by endorsing fresh users, \
             relative to endorsing informed ones only. Seed {}.",
            setting.seed
        ),
        vec![
            Panel::new(
                "informed users",
                Axis::linear("round (every informed user moves once)"),
                Axis::logarithmic("largest distance from N(R)"),
                rounds,
            ),
            Panel::new(
                "fresh users",
                Axis::linear("share endorsed to fresh users"),
                Axis::linear("payoff, relative"),
                payoffs.collect(),
            ),
        ],
    )
}
