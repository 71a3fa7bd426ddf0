//! `muster reputation`: ranks, contributions, payoffs, committees and audits of an endorsement
//! graph, without any network.

mod edges;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, Profile, RankSettings, committee_size,
    equilibrium, honest_majority, lottery, top_committee,
};
use muster_tables::Labels;
use serde_json::{Value, json};

use self::edges::Labelled;
use super::document::{self, Document};
use super::large::{self, Bar};
use super::plot::{self, PlotOption};
use crate::output::{self, Align, Table};

/// Distil reputation from endorsements
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Reputation of servers, PageRank, contributions and payoffs of users
    Rank {
        /// A JSON document, or a file with one under `given`; `-` reads standard input
        #[arg(required_unless_present = "edges", conflicts_with = "edges")]
        file: Option<PathBuf>,
        /// Text `source,target,weight` with a header, or Parquet (.parquet) with these columns
        /// first; any labels, further columns ignored. Or a sparse matrix as
        /// scipy.sparse.save_npz writes it (.npz, rows endorse columns); without --servers or
        /// --rank-everyone its columns are the users and then the servers
        #[arg(long)]
        edges: Option<PathBuf>,
        /// With --edges: a file with one label of a server a line (for a matrix: its number)
        #[arg(long, requires = "edges", conflicts_with = "rank_everyone")]
        servers: Option<PathBuf>,
        /// With --edges: every node is a user and, as a replica, a server
        #[arg(long, requires = "edges")]
        rank_everyone: bool,
        /// With --edges: the chance of a restart
        #[arg(long, default_value_t = 0.15)]
        restart: f64,
        /// Print contributions also where there are more than a million
        #[arg(long)]
        contributions: bool,
        #[command(flatten)]
        plot: PlotOption,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// A committee from reputation, and the chance that most of it is honest
    Committee {
        /// A JSON document with `reputation`, optional `honesty`, `size` and `lottery_seed`
        file: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Who would gain how much by endorsing otherwise, in a graph as for `rank` with `trust`
    Audit {
        /// A JSON document as for `rank`, with `trust`; `-` reads standard input
        file: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Best responses from random starts: do they reach the equilibrium?
    Game {
        /// A JSON document with `trust`, `users` and optional `seed`; `-` reads standard input
        file: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

const RANK_FIELDS: [&str; 5] = ["users", "servers", "restart", "edges", "trust"];
const COMMITTEE_FIELDS: [&str; 4] = ["reputation", "honesty", "size", "lottery_seed"];
const GAME_FIELDS: [&str; 4] = ["trust", "users", "seed", "rounds"];

/// Contributions that are printed without being asked for.
const CONTRIBUTIONS_MAX: usize = 1_000_000;
/// The rows of a table for people.
const ROWS_MAX: usize = 30;
/// The largest game of best responses.
const GAME_MAX: usize = 10_000_000;

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    match &options.verb {
        Verb::Rank { file: Some(file), contributions, plot, json, .. } => {
            plot.check()?;
            let document = read(file, &RANK_FIELDS)?;
            let report = rank(&document, *contributions)?;
            plot.write(|| plot::reputation(&report))?;
            if *json { output::print_json(&report) } else { print_ranks(&report, None) }
        }
        Verb::Rank { edges, servers, rank_everyone, restart, plot, json, .. } => {
            plot.check()?;
            let Some(path) = edges else { bail!("give a document or --edges") };
            rank_labelled(path, servers.as_deref(), *rank_everyone, *restart, plot, *json)
        }
        Verb::Committee { file, json } => {
            let report = committee(&read(file, &COMMITTEE_FIELDS)?)?;
            if *json { output::print_json(&report) } else { print_committee(&report) }
        }
        Verb::Audit { file, json } => {
            let report = audit(&read(file, &RANK_FIELDS)?)?;
            if *json { output::print_json(&report) } else { print_audit(&report) }
        }
        Verb::Game { file, json } => {
            let report = game(&read(file, &GAME_FIELDS)?)?;
            let text = format!(
                "After {} rounds the largest distance from N(R) is {}; the regret of N(R) is {}.",
                report["rounds"], report["distance"], report["regret"]
            );
            if *json { output::print_json(&report) } else { output::print(&text) }
        }
    }
}

/// Ranks a graph whose nodes have names.
fn rank_labelled(
    edges: &Path,
    servers: Option<&Path>,
    everyone: bool,
    restart: f64,
    plot: &PlotOption,
    json: bool,
) -> Result<()> {
    let table = large::read(edges, Labels::Any)?;
    let labelled = match (servers, everyone) {
        (Some(list), _) => Labelled::with_servers(table, &document::read(list)?),
        (None, true) => Labelled::everyone(table),
        (None, false) => Labelled::by_shape(table),
    };
    let labelled = labelled.with_context(|| format!("{} is refused", edges.display()))?;
    if labelled.distrusted > 0 {
        output::say(&format!(
            "muster: {} endorsements with negative weights (distrust) are left out",
            labelled.distrusted
        ));
    }
    let mut report = ranks(&labelled.graph, restart, None, false)?;
    plot.write(|| plot::reputation(&report))?;
    if !json {
        return print_ranks(&report, Some(&labelled.servers));
    }
    report["labels"] = json!(labelled.servers);
    output::print_json(&report)
}

fn read(file: &Path, fields: &[&str]) -> Result<Document> {
    Document::parse(&document::read(file)?, fields)
        .with_context(|| format!("{} is refused", file.display()))
}

fn size(document: &Document, field: &str) -> Result<usize> {
    let value = document.count(field)?.with_context(|| format!("field `{field}` is missing"))?;
    usize::try_from(value).with_context(|| format!("field `{field}` does not fit"))
}

fn graph(document: &Document) -> Result<EndorsementGraph> {
    let triplets = document.triplets("edges")?;
    let (users, servers) = (size(document, "users")?, size(document, "servers")?);
    edges::fits(users, servers)?;
    let mut edges = Vec::with_capacity(triplets.len());
    for (at, (source, target, weight)) in triplets.into_iter().enumerate() {
        let node = |index: usize| {
            u32::try_from(index)
                .with_context(|| format!("field `edges[{at}]`: there is no node {index}"))
        };
        edges.push((node(source)?, node(target)?, weight));
    }
    EndorsementGraph::new(users, servers, edges.into_iter()).context("field `edges`")
}

fn rank(document: &Document, contributions: bool) -> Result<Value> {
    let graph = graph(document)?;
    let trust = document.numbers("trust")?;
    ranks(&graph, document.number("restart", 0.15)?, trust.as_deref(), contributions)
}

fn ranks(
    graph: &EndorsementGraph,
    restart: f64,
    trust: Option<&[f64]>,
    contributions: bool,
) -> Result<Value> {
    let _bar = Bar::of_time("ranking");
    let ranking = graph.rank(&RankSettings { restart, ..RankSettings::default() })?;
    let mut report = json!({
        "reputation": ranking.reputation,
        "pagerank": ranking.pagerank,
        "residual": ranking.residual,
        "iterations": ranking.sweeps,
        "active_users": graph.active_users(),
        "edges": graph.edges(),
        "edges_dropped": graph.edges_dropped(),
    });
    let few = graph.users().saturating_mul(graph.servers()) <= CONTRIBUTIONS_MAX;
    if trust.is_none() && !few && !contributions {
        return Ok(report);
    }
    let settings = ContributionSettings { restart, ..ContributionSettings::default() };
    let solver = Contributions::new(graph, settings)?;
    if few || contributions {
        let columns = solver.relative(&(0..graph.servers()).collect::<Vec<_>>())?;
        let row = |i: usize| columns.iter().map(|c| c[i]).collect::<Vec<_>>();
        report["contributions"] = json!((0..graph.users()).map(row).collect::<Vec<_>>());
    }
    if let Some(trust) = trust {
        report["payoffs"] = json!(solver.payoffs(trust)?);
    }
    Ok(report)
}

fn committee(document: &Document) -> Result<Value> {
    let reputation = document.list_of_numbers("reputation")?;
    ensure!(!reputation.is_empty(), "field `reputation` is empty: there is nobody to choose");
    let size = match document.count("size")? {
        Some(size) => usize::try_from(size)?,
        None => committee_size(reputation.len()),
    };
    let members = match document.count("lottery_seed")? {
        None => top_committee(&reputation, &(0..reputation.len()).collect::<Vec<_>>(), size)?,
        Some(seed) => {
            let mut stream = Stream::new(seed, 0);
            lottery(&reputation, size, reputation.iter().map(|_| stream.next_word()))?
        }
    };
    let mut report = json!({ "size": size, "members": members });
    if let Some(honesty) = document.numbers("honesty")? {
        ensure!(
            honesty.len() == reputation.len(),
            "field `honesty` has {} entries but there are {} servers",
            honesty.len(),
            reputation.len()
        );
        let odds = honest_majority(&members.iter().map(|&j| honesty[j]).collect::<Vec<_>>())?;
        report["honest_majority"] = json!(odds.probability);
        report["risk"] = json!(odds.risk);
    }
    Ok(report)
}

fn audit(document: &Document) -> Result<Value> {
    let graph = graph(document)?;
    let trust = document.list_of_numbers("trust")?;
    let settings =
        RankSettings { restart: document.number("restart", 0.15)?, ..RankSettings::default() };
    let users: Vec<usize> = (0..graph.users()).filter(|&u| graph.is_active(u)).collect();
    let deviations = graph.deviations(&users, &trust, &settings)?;
    let largest = deviations.iter().map(|d| d.gain).fold(0.0, f64::max);
    let rows = deviations.iter().map(|d| {
        json!({
            "user": d.user,
            "payoff": d.payoff,
            "best_payoff": d.best_payoff,
            "gain": d.gain,
            "strategy": d.strategy,
        })
    });
    Ok(json!({ "regret": largest, "users": rows.collect::<Vec<_>>() }))
}

fn game(document: &Document) -> Result<Value> {
    let trust = document.list_of_numbers("trust")?;
    let users = size(document, "users")?;
    ensure!(
        users.saturating_mul(trust.len()) <= GAME_MAX,
        "field `users`: {users} users and {} servers are too many to play",
        trust.len()
    );
    let rounds = document.count("rounds")?.unwrap_or(1000);
    let mut stream = Stream::new(document.count("seed")?.unwrap_or(1), 0);
    let mut random = || {
        let draws: Vec<f64> = trust.iter().map(|_| stream.exponential()).collect();
        let total: f64 = draws.iter().sum();
        draws.iter().map(|d| d / total).collect::<Vec<_>>()
    };
    let start = Profile::new((0..users).map(|_| random()).collect())?;
    let truth = equilibrium(&trust)?;
    let end = start.best_response_dynamics(&trust, 1e-12, usize::try_from(rounds)?)?;
    let rows = end.profile.rows().iter().flatten().zip(truth.iter().cycle());
    let distance = rows.map(|(x, wanted)| (x - wanted).abs()).fold(0.0, f64::max);
    let regret = Profile::symmetric(users, &truth)?.regret(&trust)?.largest;
    Ok(json!({
        "equilibrium": truth,
        "decoded": end.profile.decoded(),
        "rounds": end.rounds,
        "distance": distance,
        "regret": regret,
    }))
}

fn print_ranks(report: &Value, labels: Option<&[String]>) -> Result<()> {
    let reputation: Vec<f64> =
        report["reputation"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let mut order: Vec<usize> = (0..reputation.len()).collect();
    order.sort_by(|&a, &b| reputation[b].total_cmp(&reputation[a]).then(a.cmp(&b)));
    let mut table = Table::new(&[("server", Align::Left), ("reputation", Align::Right)]);
    for &j in order.iter().take(ROWS_MAX) {
        let name = labels.map_or_else(|| j.to_string(), |labels| output::visible(&labels[j]));
        table.row(vec![name, format!("{:.9}", reputation[j])]);
    }
    table.print()?;
    if order.len() > ROWS_MAX {
        output::print(&format!(
            "(the first {ROWS_MAX} of {} servers; --json has all)",
            order.len()
        ))?;
    }
    output::print(&format!("residual {}, {} sweeps", report["residual"], report["iterations"]))
}

fn print_committee(report: &Value) -> Result<()> {
    output::print(&format!("members {}", report["members"]))?;
    if report["risk"].is_null() {
        return Ok(());
    }
    output::print(&format!(
        "most of them are honest with probability {}; the risk is {}",
        report["honest_majority"], report["risk"]
    ))
}

fn print_audit(report: &Value) -> Result<()> {
    let header = ["user", "payoff", "best payoff", "gain"];
    let mut table = Table::new(&header.map(|name| (name, Align::Right)));
    for row in report["users"].as_array().into_iter().flatten().take(ROWS_MAX) {
        let cell = |field: &str| format!("{:.9}", row[field].as_f64().unwrap_or_default());
        table.row(vec![row["user"].to_string(), cell("payoff"), cell("best_payoff"), cell("gain")]);
    }
    table.print()?;
    output::print(&format!("nobody gains more than {}", report["regret"]))
}
