//! `muster genesis`: how a network of one's own begins.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use muster_launch::{Evidence, Plan, Specification};
use muster_ledger::committee::Validator;
use muster_ledger::crypto::PublicKey;
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::{FIELDS, ParameterChange, Parameters};
use muster_ledger::protocol::Version;

use super::launch::read_plan;
use crate::keyring::Keyring;
use crate::network::read_genesis;
use crate::output::{self, mst};

/// Arguments of `muster genesis`.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print a genesis for everybody who takes part
    New(New),
    /// Print a specification for `muster launch`: the genesis, and the round in which enough of the
    /// network has to be there
    Specify(Specify),
    /// Check a genesis and say what it begins
    Check {
        /// The genesis
        file: PathBuf,
    },
    /// Check what shows that a network was launched, and say what it shows
    Launched {
        /// The specification
        #[arg(value_name = "SPEC")]
        specification: PathBuf,
        /// What shows it: `launch.json` in the home of a node that took part
        evidence: PathBuf,
    },
}

#[derive(Args)]
struct New {
    /// The network's name
    #[arg(long)]
    name: String,
    /// A validator and its address (or the name of a key in the wallet), as NAME=ADDRESS; may be
    /// repeated
    #[arg(long = "validator", value_name = "NAME=ADDRESS", required = true)]
    validators: Vec<String>,
    /// An account (an address, or the name of a key in the wallet) and what it holds, as
    /// ADDRESS=MST; may be repeated
    #[arg(long = "account", value_name = "ADDRESS=MST")]
    accounts: Vec<String>,
    /// A parameter that is not at its default, as NAME=NUMBER; may be repeated
    #[arg(long = "parameter", value_name = "NAME=NUMBER")]
    parameters: Vec<String>,
    #[command(flatten)]
    keyring: Keyring,
}

#[derive(Args)]
struct Specify {
    /// The genesis; its time becomes the opening of the round
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// The round as JSON: players, malicious, payoff, null_payoff, puzzle, difficulty,
    /// tries_per_second and solutions; deadline_ms, if it is not to be the best
    #[arg(long, value_name = "FILE")]
    round: PathBuf,
    /// How long from now the round opens, such as 10m or 2days
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    opens_in: Duration,
    /// How far the clocks of honest machines may be apart
    #[arg(long, value_name = "DURATION", default_value = "2s",
          value_parser = humantime::parse_duration)]
    tolerance: Duration,
    /// Where a board is read, as a URL; may be repeated
    #[arg(long = "board", value_name = "URL")]
    boards: Vec<String>,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    match &options.verb {
        Verb::New(new) => output::print_json(&make(new)?),
        Verb::Specify(specify) => output::print_json(&specified(specify)?),
        Verb::Check { file } => check(file),
        Verb::Launched { specification, evidence } => launched(specification, evidence),
    }
}

fn specified(specify: &Specify) -> Result<Specification> {
    let mut genesis = read_genesis(&specify.genesis)?;
    genesis.time_ms = now_ms()?.saturating_add(u64::try_from(specify.opens_in.as_millis())?);
    let shown = specify.round.display();
    let round = text(&specify.round)?;
    let specification = Specification {
        genesis,
        round: serde_json::from_str(&round).with_context(|| format!("{shown} is no round"))?,
        tolerance_ms: u64::try_from(specify.tolerance.as_millis())?,
        boards: specify.boards.clone(),
    };
    let plan = Plan::new(&specification).context("this cannot launch a network")?;
    let seconds = |ms: u64| ms as f64 / 1e3;
    output::say(&format!(
        "T = {} s (T° {}, T* {}); {} of {} validators must open the round, {} say that it was \
         solved in time",
        seconds(plan.deadlines.chosen_ms),
        seconds(plan.deadlines.best_ms),
        seconds(plan.deadlines.largest_ms),
        plan.openings(),
        plan.validators(),
        plan.quorum()
    ));
    Ok(specification)
}

fn now_ms() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(u64::try_from(now.as_millis())?)
}

fn make(new: &New) -> Result<Genesis> {
    let mut parameters = Parameters::default();
    for item in &new.parameters {
        let (name, value) = pair(item, "NAME=NUMBER")?;
        let value = value.parse().with_context(|| format!("`{value}` is not a whole number"))?;
        let change = ParameterChange { name: name.into(), value };
        parameters = parameters.with(&change).with_context(|| {
            let near = output::nearest(name, FIELDS.iter().map(|field| field.name));
            near.map_or_else(
                || format!("--parameter {item}"),
                |near| format!("--parameter {item}: the nearest name is `{near}`"),
            )
        })?;
    }
    let account = |text: &str| new.keyring.account(text, None);
    let validators = new.validators.iter().map(|item| {
        let (name, key) = pair(item, "NAME=ADDRESS")?;
        Ok(Validator { name: name.into(), key: account(key)? })
    });
    let accounts = new.accounts.iter().map(|item| {
        let (key, amount) = pair(item, "ADDRESS=MST")?;
        Ok((account(key)?, amount.parse::<Grains>()?))
    });
    let genesis = Genesis {
        version: Version::NEWEST,
        name: new.name.clone(),
        time_ms: now_ms()?,
        parameters,
        validators: validators.collect::<Result<_>>()?,
        accounts: accounts.collect::<Result<Vec<(PublicKey, Grains)>>>()?,
        peers: Vec::new(),
    };
    genesis.validate().context("this network cannot begin")?;
    Ok(genesis)
}

fn pair<'a>(item: &'a str, form: &str) -> Result<(&'a str, &'a str)> {
    item.split_once('=').with_context(|| format!("`{item}`: write {form}"))
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// What one node wrote, checked against what everybody holds.
fn launched(specification: &Path, evidence: &Path) -> Result<()> {
    let plan = Arc::new(read_plan(specification)?.1);
    let shown = evidence.display();
    let evidence = Evidence::parse(&text(evidence)?).with_context(|| format!("{shown}"))?;
    let refused = || format!("{shown} does not show that {} was launched", plan.genesis.name);
    let board = evidence.check(&plan).with_context(refused)?;
    output::print(&format!(
        "network {} was launched: chain {}; {} solutions of {} tries each, bound to {} openings; \
         {} of {} validators say that they came in time",
        plan.genesis.name,
        plan.genesis.chain_id(),
        board.solutions(),
        plan.design.difficulty,
        plan.openings(),
        board.in_time(),
        plan.validators(),
    ))
}

fn check(file: &Path) -> Result<()> {
    let shown = file.display();
    let genesis = read_genesis(file)?;
    genesis.validate().with_context(|| format!("{shown} cannot begin a network"))?;
    let money = genesis
        .accounts
        .iter()
        .map(|(_, amount)| amount.0)
        .chain(genesis.peers.iter().map(|peer| peer.stake.0))
        .sum();
    output::print(&format!(
        "network {}: chain {}, {} validators, {} accounts, {} peers, {} MST",
        genesis.name,
        genesis.chain_id(),
        genesis.validators.len(),
        genesis.accounts.len(),
        genesis.peers.len(),
        mst(money)
    ))
}
