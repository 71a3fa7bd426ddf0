//! `muster market epoch`: one epoch of the market from a JSON document.
//!
//! The defaults are those of the recorded cases: Eq. (5) is applied whatever the loss, and a peer
//! is connected to itself only if its walk returns. `gated` and `self_connected` set to true give
//! what the network does.

mod figure;
mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use muster_mechanism::market::{
    CREDIBLE_FROM, Config, Connectivity, Epoch, Rule, Walk, Weights, epoch,
};
use muster_tables::{Labels, Table};

use self::report::EpochReport;
use super::document::{self, Document};
use super::large::{self, Bar};
use super::plot::PlotOption;
use super::report::Report;
use crate::output;

/// Compute the market without any network
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// One epoch: ranks, trust, incentive, loss and its gradient, stake after minting
    Epoch {
        /// A JSON document, or a file with one under `given`; `-` reads standard input
        file: PathBuf,
        /// The weights instead of the field `weights`: text `source,target,weight` with a header
        /// and the numbers of peers, Parquet (.parquet) with these columns first, or a sparse
        /// matrix as scipy.sparse.save_npz writes it (.npz)
        #[arg(long)]
        weights: Option<PathBuf>,
        #[command(flatten)]
        plot: PlotOption,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    let Verb::Epoch { file, weights, plot, json } = &options.verb;
    plot.check()?;
    let table = weights.as_deref().map(|path| large::read(path, Labels::Numbers)).transpose()?;
    let market = Market::parse(&document::read(file)?, table)
        .with_context(|| format!("{} is refused", file.display()))?;
    if market.stake.len() >= PEERS_MANY && market.config.connectivity.truncation == 0.0 {
        output::say(&format!(
            "muster: exact connectivity of {} peers can take minutes; the field \
             `connectivity_truncation` with at most the cutoff, {}, shortens it and may miss links",
            market.stake.len(),
            market.config.connectivity.cutoff
        ));
    }
    let after = {
        let _bar = Bar::of_time("computing the epoch");
        market.epoch()?
    };
    plot.write(|| figure::epoch(&after))?;
    market.report(&after).show(*json)
}

const FIELDS: [&str; 17] = [
    "weights",
    "stake",
    "scaling",
    "inflation",
    "rule",
    "depth",
    "restart",
    "cutoff",
    "connectivity_truncation",
    "temperature",
    "width",
    "self_connected",
    "opinions",
    "truncation",
    "threshold",
    "learning_rate",
    "gated",
];

/// From so many peers on, walks from each of them can take long.
const PEERS_MANY: usize = 100_000;

/// A checked document.
struct Market {
    weights: Weights,
    stake: Vec<f64>,
    scaling: Option<Vec<f64>>,
    config: Config,
}

impl Market {
    fn parse(text: &str, table: Option<Table>) -> Result<Self> {
        let document = Document::parse(text, &FIELDS)?;
        let stake = document.numbers("stake")?.context("field `stake` is missing")?;
        let weights = match table {
            None => Weights::from_triplets(stake.len(), document.triplets("weights")?)
                .context("field `weights`")?,
            Some(table) => {
                ensure!(
                    !document.has("weights"),
                    "field `weights` and --weights exclude each other"
                );
                weights_of(stake.len(), &table).context("--weights")?
            }
        };
        let config = config(&document)?;
        Ok(Self { weights, stake, scaling: document.numbers("scaling")?, config })
    }

    fn epoch(&self) -> Result<Epoch> {
        Ok(epoch(&self.weights, &self.stake, self.scaling.as_deref(), &self.config)?)
    }

    fn report<'a>(&'a self, after: &'a Epoch) -> EpochReport<'a> {
        EpochReport::new(&self.stake, &self.config, after)
    }
}

fn weights_of(peers: usize, table: &Table) -> Result<Weights> {
    if let Some((rows, columns)) = table.shape {
        ensure!(
            rows == peers && columns == peers,
            "the matrix is {rows} x {columns} but field `stake` has {peers} entries"
        );
    }
    let triplets = table.entries.iter().map(|&(i, j, w)| (i as usize, j as usize, w));
    Ok(Weights::from_triplets(peers, triplets)?)
}

fn config(document: &Document) -> Result<Config> {
    let depth = document.count("depth")?.map(|depth| u32::try_from(depth).unwrap_or(u32::MAX));
    let plain = Config::default();
    let mut connectivity = Connectivity {
        cutoff: document.number("cutoff", plain.connectivity.cutoff)?,
        truncation: document.number("connectivity_truncation", plain.connectivity.truncation)?,
        temperature: document.number("temperature", plain.connectivity.temperature)?,
        self_connected: document.flag("self_connected", false)?,
        width: document.has("width").then(|| document.number("width", 0.0)).transpose()?,
        ..plain.connectivity
    };
    let word = document.word("rule", "paper")?;
    let walks = matches!(word, "connected-median" | "credible-median");
    for field in ["restart", "opinions", "truncation"] {
        ensure!(
            walks || !document.has(field),
            "field `{field}` belongs to the rules connected-median and credible-median"
        );
    }
    let twice = word == "credible-median";
    ensure!(
        twice || !document.has("threshold"),
        "field `threshold` belongs to the rule credible-median"
    );
    if !walks {
        connectivity.depth = depth.unwrap_or(connectivity.depth);
    }
    let rule = match word {
        "paper" => Rule::Paper,
        "median" => Rule::Median,
        "connected-median" | "credible-median" => {
            let walk = match (depth, document.has("restart")) {
                (Some(depth), false) => Walk::Depth(depth),
                (None, true) => Walk::Restart(document.number("restart", 0.0)?),
                (None, false) => bail!("the rule {word} needs `depth` or `restart`"),
                (Some(_), true) => bail!("`depth` and `restart` exclude each other"),
            };
            let opinions = document.count("opinions")?;
            let opinions = opinions.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
            let truncation = document.number("truncation", 0.0)?;
            if twice {
                let threshold = document.number("threshold", CREDIBLE_FROM)?;
                Rule::CredibleMedian { walk, opinions, truncation, threshold }
            } else {
                Rule::ConnectedMedian { walk, opinions, truncation }
            }
        }
        other => bail!(
            "field `rule`: `{other}` is not one of paper, median, connected-median, \
             credible-median"
        ),
    };
    let config = Config {
        rule,
        connectivity,
        inflation: document.number("inflation", plain.inflation)?,
        learning_rate: document.number("learning_rate", plain.learning_rate)?,
        gated: document.flag("gated", false)?,
    };
    config.check()?;
    Ok(config)
}
