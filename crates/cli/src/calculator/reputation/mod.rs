//! `muster reputation`: ranks, contributions, payoffs, committees and audits of an endorsement
//! graph, without any network.

mod edges;
mod figure;
mod report;
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

use self::edges::Labelled;
use self::report::{AuditReport, CommitteeReport, GameReport, RankReport, UserReport};
use super::document::{self, Document};
use super::large::{self, Bar};
use super::plot::PlotOption;
use super::report::Report;
use crate::output;

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
/// The largest game of best responses.
const GAME_MAX: usize = 10_000_000;

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    match &options.verb {
        Verb::Rank { file: Some(file), contributions, plot, json, .. } => {
            plot.check()?;
            let document = read(file, &RANK_FIELDS)?;
            let report = rank(&document, *contributions)?;
            plot.write(|| figure::reputation(&report))?;
            report.show(*json)
        }
        Verb::Rank { edges, servers, rank_everyone, restart, plot, json, .. } => {
            plot.check()?;
            let Some(path) = edges else { bail!("give a document or --edges") };
            rank_labelled(path, servers.as_deref(), *rank_everyone, *restart, plot, *json)
        }
        Verb::Committee { file, json } => committee(&read(file, &COMMITTEE_FIELDS)?)?.show(*json),
        Verb::Audit { file, json } => audit(&read(file, &RANK_FIELDS)?)?.show(*json),
        Verb::Game { file, json } => game(&read(file, &GAME_FIELDS)?)?.show(*json),
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
    report.labels = Some(labelled.servers);
    plot.write(|| figure::reputation(&report))?;
    report.show(json)
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

fn rank(document: &Document, contributions: bool) -> Result<RankReport> {
    let graph = graph(document)?;
    let trust = document.numbers("trust")?;
    ranks(&graph, document.number("restart", 0.15)?, trust.as_deref(), contributions)
}

fn ranks(
    graph: &EndorsementGraph,
    restart: f64,
    trust: Option<&[f64]>,
    contributions: bool,
) -> Result<RankReport> {
    let _bar = Bar::of_time("ranking");
    let ranking = graph.rank(&RankSettings { restart, ..RankSettings::default() })?;
    let mut report = RankReport {
        active_users: graph.active_users(),
        contributions: None,
        edges: graph.edges(),
        edges_dropped: graph.edges_dropped(),
        iterations: ranking.sweeps,
        labels: None,
        pagerank: ranking.pagerank,
        payoffs: None,
        reputation: ranking.reputation,
        residual: ranking.residual,
    };
    let few = graph.users().saturating_mul(graph.servers()) <= CONTRIBUTIONS_MAX;
    if trust.is_none() && !few && !contributions {
        return Ok(report);
    }
    let settings = ContributionSettings { restart, ..ContributionSettings::default() };
    let solver = Contributions::new(graph, settings)?;
    if few || contributions {
        let columns = solver.relative(&(0..graph.servers()).collect::<Vec<_>>())?;
        let row = |i: usize| columns.iter().map(|c| c[i]).collect::<Vec<_>>();
        report.contributions = Some((0..graph.users()).map(row).collect());
    }
    report.payoffs = trust.map(|trust| solver.payoffs(trust)).transpose()?;
    Ok(report)
}

fn committee(document: &Document) -> Result<CommitteeReport> {
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
    let mut report = CommitteeReport { honest_majority: None, members, risk: None, size };
    if let Some(honesty) = document.numbers("honesty")? {
        ensure!(
            honesty.len() == reputation.len(),
            "field `honesty` has {} entries but there are {} servers",
            honesty.len(),
            reputation.len()
        );
        let of_members = report.members.iter().map(|&j| honesty[j]).collect::<Vec<_>>();
        let odds = honest_majority(&of_members)?;
        report.honest_majority = Some(odds.probability);
        report.risk = Some(odds.risk);
    }
    Ok(report)
}

fn audit(document: &Document) -> Result<AuditReport> {
    let graph = graph(document)?;
    let trust = document.list_of_numbers("trust")?;
    let settings =
        RankSettings { restart: document.number("restart", 0.15)?, ..RankSettings::default() };
    let users: Vec<usize> = (0..graph.users()).filter(|&u| graph.is_active(u)).collect();
    let deviations = graph.deviations(&users, &trust, &settings)?;
    let largest = deviations.iter().map(|d| d.gain).fold(0.0, f64::max);
    let users = deviations.into_iter().map(|d| UserReport {
        best_payoff: d.best_payoff,
        gain: d.gain,
        payoff: d.payoff,
        strategy: d.strategy,
        user: d.user,
    });
    Ok(AuditReport { regret: largest, users: users.collect() })
}

fn game(document: &Document) -> Result<GameReport> {
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
    Ok(GameReport {
        decoded: end.profile.decoded(),
        distance,
        equilibrium: truth,
        regret,
        rounds: end.rounds,
    })
}
