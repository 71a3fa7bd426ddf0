//! Lemma 2 and Theorem 5.1: one equilibrium, everybody plays N(R), and PageRank decodes it.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{EndorsementGraph, Profile, RankSettings, equilibrium};

use super::shared::{distance, positive_medians, simplex, uniform};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Panel};
use crate::grid::Grid;
use crate::statistics::{largest, quantile, smallest};

/// Best-response dynamics from random starts.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-equilibrium",
    title: "Everybody who knows the truth endorses it",
    source: "Game of Trust, Lemma 2 and Theorem 5.1",
    columns: &[
        "users",
        "servers",
        "repetition",
        "start",
        "round",
        "strategy_error_max",
        "decoded_error_max",
        "regret_max",
        "truth_payoff_relative",
        "truth_regret_max",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

/// Where the dynamics start.
const STARTS: [&str; 3] = ["random strategies", "one server each", "mirror image"];
/// Rounds per user after which a start counts as one that does not get there.
const ROUNDS_MAX_PER_USER: usize = 60;
/// An entry of a strategy is at N(R) if it is this close.
const REACHED: f64 = 1e-9;
/// Where the dynamics are stopped.
const ARRIVED: f64 = 1e-12;

fn sizes(scale: Scale) -> (Vec<(usize, usize)>, usize) {
    let (users, servers, repetitions): (&[usize], &[usize], usize) =
        scale.pick((&[2, 5, 20], &[2, 10], 3), (&[2, 3, 10, 30, 100], &[2, 5, 20, 50], 5));
    (users.iter().flat_map(|&n| servers.iter().map(move |&m| (n, m))).collect(), repetitions)
}

fn grid(setting: &Setting) -> Grid<2> {
    let (sizes, repetitions) = sizes(setting.scale);
    Grid([sizes.len(), repetitions])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [size, repetition] = grid(setting).at(index);
    let (users, servers) = sizes(setting.scale).0[size];
    let mut stream = Stream::new(setting.seed, index as u64);
    let trust = uniform(&mut stream, servers, 0.05, 1.0);
    let truth = equilibrium(&trust).map_err(refused)?;
    let everybody = Profile::symmetric(users, &truth).map_err(refused)?;
    let truth_regret = everybody.regret(&trust).map_err(refused)?.largest;
    let mut rows = Vec::new();
    for start in STARTS {
        let mut profile = first(start, users, &trust, &mut stream)?;
        let rounds_max = ROUNDS_MAX_PER_USER * users;
        let (mut round, mut error) = (0usize, f64::INFINITY);
        while round <= rounds_max && error > ARRIVED {
            error = profile.rows().iter().map(|row| distance(row, &truth)).fold(0.0, f64::max);
            rows.push(EXPERIMENT.row([
                ("users", users.into()),
                ("servers", servers.into()),
                ("repetition", repetition.into()),
                ("start", start.into()),
                ("round", round.into()),
                ("strategy_error_max", error.into()),
                ("decoded_error_max", distance(&decoded(&profile)?, &truth).into()),
                ("regret_max", profile.regret(&trust).map_err(refused)?.largest.into()),
                ("truth_payoff_relative", truth_payoff(&profile, &trust, &truth)?.into()),
                ("truth_regret_max", truth_regret.into()),
            ]));
            // Every round at first, then ever fewer are looked at.
            let step = 1 + round / 10;
            let moved = profile.best_response_dynamics(&trust, 0.0, step);
            profile = moved.map_err(refused)?.profile;
            round += step;
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let (sizes, repetitions) = sizes(setting.scale);
    let records: Vec<_> = table.records().collect();
    let ends: Vec<_> = records
        .iter()
        .enumerate()
        .filter(|(k, _)| records.get(k + 1).is_none_or(|next| next.number("round") == 0.0))
        .map(|(_, record)| *record)
        .collect();
    let farthest = largest(ends.iter().map(|end| end.number("strategy_error_max")));
    let decoded = largest(ends.iter().map(|end| end.number("decoded_error_max")));
    let rounds = largest(ends.iter().map(|end| end.number("round")));
    let floor = smallest(records.iter().map(|r| r.number("truth_payoff_relative")));
    let regret = largest(records.iter().map(|r| r.number("truth_regret_max")));
    let games = ends.len();
    let findings = vec![
        Finding::claim(
            "Lemma 2: there is one equilibrium, and in it every user plays N(R).",
            format!(
                "Best-response dynamics from {games} starts over {} sizes end off N(R) by at \
                 most {farthest:.1e}, after at most {rounds} rounds.",
                sizes.len()
            ),
            farthest < REACHED,
        ),
        Finding::claim(
            "Lemma 2: nobody gains by leaving N(R) while the others play it.",
            format!("The exact best response gains at most {regret:.1e}."),
            regret < 1e-12,
        ),
        Finding::claim(
            "Proof of Lemma 2: playing N(R) earns at least |R|_1/n whatever the others do.",
            format!(
                "Over all {} profiles on the way it earns at least {floor:.12} times that.",
                records.len()
            ),
            floor > 1.0 - 1e-12,
        ),
        Finding::claim(
            "Theorem 5.1: Designated PageRank decodes N(R) from the equilibrium.",
            format!("Largest error of a reputation at the end of the dynamics: {decoded:.1e}."),
            decoded < REACHED,
        ),
        speed(&ends),
    ];
    Ok(Report::new(findings, vec![figure(setting, table, repetitions)]))
}

/// Near N(R) a best response undoes `(n-2)/(2(n-1))` of the sum of what the others are off: nothing
/// for two users, half for many, who overshoot together and take turns at correcting it.
fn speed(ends: &[Record]) -> Finding {
    let mut users: Vec<f64> = ends.iter().map(|end| end.number("users")).collect();
    users.sort_by(f64::total_cmp);
    users.dedup();
    let listed: Vec<String> = users
        .iter()
        .map(|&n| {
            let here = ends.iter().filter(|end| end.number("users") == n);
            let rounds: Vec<f64> = here.map(|end| end.number("round")).collect();
            format!("{:.0} with {n} users", quantile(&rounds, 0.5))
        })
        .collect();
    Finding::answer(
        "How many rounds does it take until every entry is within 1e-12 of N(R)?",
        format!("In the median {}.", listed.join(", ")),
    )
}

fn first(
    start: &str,
    users: usize,
    trust: &[f64],
    stream: &mut Stream,
) -> Result<Profile, ExperimentError> {
    let servers = trust.len();
    let rows = (0..users).map(|_| match start {
        "random strategies" => simplex(stream, servers),
        "one server each" => {
            let server = stream.below(servers as u64) as usize;
            (0..servers).map(|j| f64::from(u8::from(j == server))).collect()
        }
        _ => {
            let total: f64 = trust.iter().map(|r| 1.05 - r).sum();
            trust.iter().map(|r| (1.05 - r) / total).collect()
        }
    });
    Profile::new(rows.collect()).map_err(refused)
}

/// D_PR: Designated PageRank of the graph that the profile is.
fn decoded(profile: &Profile) -> Result<Vec<f64>, ExperimentError> {
    let users = profile.rows().len();
    let edges = profile.rows().iter().enumerate().flat_map(|(i, row)| {
        row.iter().enumerate().map(move |(j, &share)| (i as u32, (users + j) as u32, share))
    });
    let servers = profile.rows()[0].len();
    let graph = EndorsementGraph::new(users, servers, edges).map_err(refused)?;
    Ok(graph.rank(&RankSettings::default()).map_err(refused)?.reputation)
}

/// What the first user would earn by N(R) against the others as they play, in units of |R|_1/n.
fn truth_payoff(profile: &Profile, trust: &[f64], truth: &[f64]) -> Result<f64, ExperimentError> {
    let mut rows = profile.rows().to_vec();
    let users = rows.len();
    rows[0] = truth.to_vec();
    let earned = Profile::new(rows).and_then(|p| p.payoffs(trust)).map_err(refused)?[0];
    Ok(earned * users as f64 / trust.iter().sum::<f64>())
}

fn figure(setting: &Setting, table: &Table, repetitions: usize) -> Figure {
    let (sizes, _) = sizes(setting.scale);
    let servers = sizes.last().map_or(0, |size| size.1);
    let mut by_users = Vec::new();
    for users in sizes.iter().filter(|size| size.1 == servers).map(|size| size.0) {
        let points = table
            .with("users", users as f64)
            .filter(|r| r.number("servers") == servers as f64 && r.text("start") == STARTS[0])
            .filter(|r| r.number("round") > 0.0)
            .map(|r| (r.number("round"), r.number("strategy_error_max")));
        by_users.extend(positive_medians(&format!("{users} users"), points));
    }
    let users = sizes.last().map_or(0, |size| size.0);
    let mut by_start = Vec::new();
    for start in STARTS {
        let points = table
            .with("users", users as f64)
            .filter(|r| r.number("servers") == servers as f64 && r.text("start") == start)
            .filter(|r| r.number("round") > 0.0)
            .map(|r| (r.number("round"), r.number("strategy_error_max")));
        by_start.extend(positive_medians(start, points));
    }
    let panel = |title: String, marks| {
        Panel::new(
            title,
            Axis::logarithmic("round (everybody moves once)"),
            Axis::logarithmic("largest distance from N(R)"),
            marks,
        )
    };
    Figure::new(
        "equilibrium",
        format!(
            "Best-response dynamics from random starts reach N(R). Medians and 10% to 90% \
             quantiles over {repetitions} games each, seed {}.",
            setting.seed
        ),
        vec![
            panel(format!("{servers} servers, random strategies"), by_users),
            panel(format!("{users} users, {servers} servers"), by_start),
        ],
    )
}
