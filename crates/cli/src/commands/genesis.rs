//! `muster genesis`: how a network of one's own begins.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use muster_ledger::committee::Validator;
use muster_ledger::crypto::PublicKey;
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::{FIELDS, ParameterChange, Parameters};
use muster_ledger::protocol::Version;

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
    /// Check a genesis and say what it begins
    Check {
        /// The genesis
        file: PathBuf,
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

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    match &options.verb {
        Verb::New(new) => output::print_json(&make(new)?),
        Verb::Check { file } => check(file),
    }
}

fn make(new: &New) -> Result<Genesis> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
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
        time_ms: u64::try_from(now.as_millis())?,
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

fn check(file: &std::path::Path) -> Result<()> {
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
