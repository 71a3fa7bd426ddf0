//! `muster node`: one validator, or a node that follows the chain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use muster_node::join::Joined;
use muster_node::{Audit, NodeConfig};

use super::{asked_to_end, block_on, block_on_all_cores, follow_supervisor, start_log};
use crate::output;
use crate::wallet::write_whole;

/// Arguments of `muster node`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Verb>,
    /// The node's configuration
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// Where the HTTP interface listens, instead of the file's `api`
    #[arg(long, value_name = "HOST:PORT")]
    api: Option<SocketAddr>,
    /// Where consensus listens, instead of the file's `listen`
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
    /// End when this process, the parent, does
    #[arg(long, hide = true)]
    supervised: Option<i32>,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a key and a configuration; prints the key's address, which belongs into the genesis
    Init(Init),
    /// Make the database of a node that has none from a snapshot of the state, instead of executing
    /// all blocks: nothing in it is believed that does not follow from the genesis. What was
    /// fetched stays when it is cut short: run it again
    Join {
        /// The node's configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The HTTP interface of a node that gives snapshots; may be repeated
        #[arg(long = "from", value_name = "URL", required = true)]
        sources: Vec<String>,
    },
    /// Check all that a node stores: that its money adds up, and that its entries give the state
    /// root of its newest block. The node must not run
    Audit {
        /// The node's configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Args)]
struct Init {
    /// A name for people
    #[arg(long)]
    name: String,
    /// Where key, configuration and database go [default: a folder of the name]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The network's genesis; it may come later
    #[arg(long, value_name = "FILE", default_value = "genesis.json")]
    genesis: PathBuf,
    /// host:port of another validator's consensus; may be repeated
    #[arg(long = "peer", value_name = "HOST:PORT")]
    peers: Vec<String>,
    /// Where consensus listens
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:27700")]
    listen: SocketAddr,
    /// Where the HTTP interface listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7700")]
    api: SocketAddr,
}

/// Runs the command.
pub fn run(options: Options) -> Result<()> {
    match &options.command {
        Some(Verb::Init(init)) => return initialise(init),
        Some(Verb::Join { config, sources }) => return join(config, sources),
        Some(Verb::Audit { config }) => return audit(config),
        None => {}
    }
    follow_supervisor(options.supervised)?;
    start_log();
    let path = options.config.context("name the node's configuration with --config")?;
    let mut config = NodeConfig::read(&path)?;
    config.api = options.api.unwrap_or(config.api);
    config.listen = options.listen.unwrap_or(config.listen);
    block_on_all_cores(async { Ok(muster_node::run(config, asked_to_end()).await?) })
}

fn join(config: &Path, sources: &[String]) -> Result<()> {
    start_log();
    let read = NodeConfig::read(config)?;
    block_on(async {
        let Joined { height, entries, chunks, fetched } =
            muster_node::join::join(read, sources).await?;
        output::say(&format!("start it with: muster node --config {}", config.display()));
        output::print(&format!(
            "height {height}: {entries} entries in {chunks} chunks, {fetched} bytes fetched now"
        ))
    })
}

fn audit(config: &Path) -> Result<()> {
    let Audit { height, entries, money } = muster_node::audit(NodeConfig::read(config)?)?;
    let money = output::mst(money.0);
    output::print(&format!(
        "height {height}: {entries} entries hold {money} MST, as the supply says, and give the \
         state root"
    ))
}

fn initialise(init: &Init) -> Result<()> {
    let folder = init.dir.clone().unwrap_or_else(|| PathBuf::from(&init.name));
    let file = folder.join("node.toml");
    ensure!(!file.exists(), "{} is there already: choose another --dir", file.display());
    let address = new_key(&folder.join("key"))?;
    let genesis = std::path::absolute(&init.genesis).context("the genesis has no absolute path")?;
    let list = |items: &[String]| {
        toml::Value::Array(items.iter().cloned().map(toml::Value::String).collect())
    };
    let table = toml::Table::from_iter([
        ("name".into(), toml::Value::String(init.name.clone())),
        ("home".into(), toml::Value::String(".".into())),
        ("genesis".into(), toml::Value::String(genesis.to_string_lossy().into_owned())),
        ("key".into(), toml::Value::String("key".into())),
        ("listen".into(), toml::Value::String(init.listen.to_string())),
        ("api".into(), toml::Value::String(init.api.to_string())),
        ("peers".into(), list(&init.peers)),
        ("api_peers".into(), list(&[])),
        ("public_api".into(), toml::Value::Boolean(!init.api.ip().is_loopback())),
    ]);
    write_whole(&file, toml::to_string(&table)?.as_bytes())?;
    output::say(&format!("start it with: muster node --config {}", file.display()));
    output::print(&address)
}

/// Makes a key file; its address.
pub fn new_key(path: &Path) -> Result<String> {
    let key = muster_keys::new_key()?;
    muster_keys::write_key(path, &key)?;
    Ok(key.public().to_string())
}
