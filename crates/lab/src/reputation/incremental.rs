//! One user changes one row: what the local push costs, and how far its certificate is from the
//! truth.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{EndorsementGraph, IncrementalRank, RankSettings, Refresh};

use super::shared::positive_medians;
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel};
use crate::grid::Grid;
use crate::statistics::{largest, mean, quantile};

/// Rows change one after another, at every tolerance.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-incremental",
    title: "One changed row, without a whole solve",
    source: "Ours: dynamic updates, Game of Trust, Section 8 (future work)",
    columns: &[
        "web",
        "repetition",
        "tolerance",
        "change",
        "refresh",
        "work_relative",
        "error_l1",
        "error_certified",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

/// Whom users endorse: the popular; anybody; neighbours on a ring; servers only.
const WEBS: [&str; 4] = ["popular", "anybody", "neighbours", "servers only"];
const TOLERANCES: [f64; 6] = [1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-12];
const DEGREE: usize = 6;

struct Sizes {
    users: usize,
    servers: usize,
    changes: usize,
    repetitions: usize,
}

fn sizes(scale: Scale) -> Sizes {
    scale.pick(
        Sizes { users: 2000, servers: 100, changes: 10, repetitions: 1 },
        Sizes { users: 20_000, servers: 500, changes: 10, repetitions: 4 },
    )
}

type Endorsements = Vec<(u32, f64)>;

fn grid(setting: &Setting) -> Grid<2> {
    Grid([WEBS.len(), sizes(setting.scale).repetitions])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let sizes = sizes(setting.scale);
    let [web, repetition] = grid(setting).at(index);
    let web = WEBS[web];
    let mut stream = Stream::new(setting.seed, index as u64);
    let mut rows: Vec<Endorsements> =
        (0..sizes.users).map(|user| endorse(web, user, &sizes, &mut stream)).collect();
    let mut ranks = Vec::new();
    for tolerance in TOLERANCES {
        let settings = RankSettings { tolerance, ..RankSettings::default() };
        let graph = graph(&rows, sizes.servers)?;
        let sweeps = graph.rank(&settings).map_err(refused)?.sweeps;
        let start = IncrementalRank::new(sizes.servers, rows.clone(), settings);
        ranks.push((tolerance, sweeps * graph.edges(), start.map_err(refused)?));
    }
    let exact = RankSettings { tolerance: 1e-14, ..RankSettings::default() };
    let mut found = Vec::new();
    for change in 0..sizes.changes {
        let user = stream.below(sizes.users as u64) as usize;
        rows[user] = endorse(web, user, &sizes, &mut stream);
        let wanted = graph(&rows, sizes.servers)?.rank(&exact).map_err(refused)?.reputation;
        for (tolerance, solve, ranks) in &mut ranks {
            let refresh = ranks.set_row(user, rows[user].clone()).map_err(refused)?;
            let (refresh, work) = match refresh {
                Refresh::Pushed(edges) => ("pushed", edges as f64 / *solve as f64),
                Refresh::Solved => ("solved", 1.0),
            };
            let error: f64 =
                wanted.iter().zip(ranks.reputation()).map(|(a, b)| (a - b).abs()).sum();
            found.push(EXPERIMENT.row([
                ("web", web.into()),
                ("repetition", repetition.into()),
                ("tolerance", (*tolerance).into()),
                ("change", change.into()),
                ("refresh", refresh.into()),
                ("work_relative", work.into()),
                ("error_l1", error.into()),
                ("error_certified", ranks.error_bound().into()),
            ]));
        }
    }
    Ok(found)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let findings = vec![certificate(table), work(table), fallbacks(table)];
    let figures = vec![figure(setting, table)];
    Ok(Report { findings, figures, tables: vec![("By web and tolerance.".into(), summary(table))] })
}

fn endorse(web: &str, user: usize, sizes: &Sizes, stream: &mut Stream) -> Endorsements {
    let (users, nodes) = (sizes.users, sizes.users + sizes.servers);
    (0..DEGREE)
        .map(|k| {
            let node = match web {
                "popular" => {
                    let skewed = stream.uniform() * stream.uniform() * stream.uniform();
                    nodes - 1 - (skewed * nodes as f64) as usize
                }
                "anybody" if k > 0 => stream.below(users as u64) as usize,
                "neighbours" if k > 0 => (user + 1 + stream.below(20) as usize) % users,
                // One endorsement in six is of a server, of a near one where neighbours matter.
                "neighbours" => users + user * sizes.servers / users,
                _ => users + stream.below(sizes.servers as u64) as usize,
            };
            (node as u32, 1.0 + stream.below(9) as f64)
        })
        .collect()
}

fn graph(rows: &[Endorsements], servers: usize) -> Result<EndorsementGraph, ExperimentError> {
    let edges = rows
        .iter()
        .enumerate()
        .flat_map(|(u, row)| row.iter().map(move |&(node, weight)| (u as u32, node, weight)));
    EndorsementGraph::new(rows.len(), servers, edges).map_err(refused)
}

fn of<'t>(table: &'t Table, web: &'t str, tolerance: f64) -> impl Iterator<Item = Record<'t>> {
    table.with("web", web).filter(move |r| r.number("tolerance") == tolerance)
}

fn certificate(table: &Table) -> Finding {
    // The reference has rounding of its own.
    let exceeded = table
        .records()
        .filter(|r| r.number("error_l1") > r.number("error_certified") + 1e-13)
        .count();
    let loose: Vec<f64> = table
        .records()
        .filter(|r| r.number("error_l1") > 1e-12)
        .map(|r| r.number("error_certified") / r.number("error_l1"))
        .collect();
    Finding::claim(
        "Ours: the certified bound holds for the L1 error of reputation.",
        format!(
            "Exceeded in {exceeded} of {} updates. It is {:.0} times the error in the median, from \
             {:.0} to {:.0} times in four of five updates.",
            table.rows.len(),
            quantile(&loose, 0.5),
            quantile(&loose, 0.1),
            quantile(&loose, 0.9)
        ),
        exceeded == 0,
    )
}

fn work_of(table: &Table, web: &str, tolerance: f64) -> f64 {
    mean(of(table, web, tolerance).map(|r| r.number("work_relative")))
}

fn work(table: &Table) -> Finding {
    let listed = WEBS.map(|web| {
        let parts = [1e-5, 1e-9, 1e-12]
            .map(|tolerance| format!("{:.2}%", 100.0 * work_of(table, web, tolerance)));
        format!("{web}: {}", parts.join(", "))
    });
    Finding::answer(
        "How much of a solve does one changed row cost?",
        format!(
            "Endorsements read, of those that a solve to the same tolerance reads, at 1e-5, 1e-9 \
             and 1e-12: {}.",
            listed.join("; ")
        ),
    )
}

fn fallbacks(table: &Table) -> Finding {
    let listed = TOLERANCES.map(|tolerance| {
        let here = table.with("tolerance", tolerance);
        let solved = here.filter(|r| r.text("refresh") == "solved").count();
        format!("{solved} at {tolerance:.0e}")
    });
    let per_tolerance = table.rows.len() / TOLERANCES.len();
    Finding::answer(
        "How often must a change be solved for as a whole?",
        format!("Of {per_tolerance} changes each: {}.", listed.join(", ")),
    )
}

fn summary(table: &Table) -> Table {
    let columns = [
        "web",
        "tolerance",
        "work_relative",
        "solved_share",
        "error_l1_max",
        "error_certified_max",
    ];
    let mut rows = Vec::new();
    for web in WEBS {
        for tolerance in TOLERANCES {
            let here: Vec<Record> = of(table, web, tolerance).collect();
            let solved = here.iter().filter(|r| r.text("refresh") == "solved").count();
            rows.push(vec![
                web.into(),
                tolerance.into(),
                work_of(table, web, tolerance).into(),
                (solved as f64 / here.len() as f64).into(),
                largest(here.iter().map(|r| r.number("error_l1"))).into(),
                largest(here.iter().map(|r| r.number("error_certified"))).into(),
            ]);
        }
    }
    Table::new(&columns, rows)
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let curves = |column: &'static str| {
        let mut marks: Vec<Mark> = Vec::new();
        for web in WEBS {
            let points = table.with("web", web).map(|r| (r.number("tolerance"), r.number(column)));
            marks.extend(positive_medians(web, points));
        }
        marks
    };
    let panel = |title: &str, y: &str, marks| {
        Panel::new(title, Axis::logarithmic("tolerance"), Axis::logarithmic(y), marks)
    };
    let sizes = sizes(setting.scale);
    let mut work = curves("work_relative");
    work.push(Mark::horizontal("a whole solve", 1.0));
    Figure::new(
        "incremental",
        format!(
            "One of {} users changes its row: endorsements read, relative to a whole solve; the \
             true and the certified L1 error of the reputations of {} servers. Medians and 10% to \
             90% quantiles over {} changes, seed {}.",
            sizes.users,
            sizes.servers,
            sizes.changes * sizes.repetitions,
            setting.seed
        ),
        vec![
            panel("work", "endorsements read (solves)", work),
            panel("true error", "L1 error of reputation", curves("error_l1")),
            panel("certified error", "bound on the L1 error", curves("error_certified")),
        ],
    )
}
