//! `muster peer`: one peer.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use muster_ledger::transaction::market::{self, HotKeyReplacement};
use muster_ledger::types::PeerId;
use muster_peer::PeerConfig;

use super::node::new_key;
use super::{asked_to_end, block_on_all_cores, follow_supervisor, start_log, yield_to_validators};
use crate::documents;
use crate::keyring::{Keyring, Signer};
use crate::meant::meant;
use crate::network::Network;
use crate::output;
use crate::perform::perform;
use crate::wallet::write_whole;

/// Arguments of `muster peer`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Verb>,
    /// The peer's configuration
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// End when this process, the parent, does
    #[arg(long, hide = true)]
    supervised: Option<i32>,
}

#[derive(Subcommand)]
enum Verb {
    /// Make keys and a configuration
    Init(Init),
    /// Give a peer another hot key, when the old one is lost or stolen; its owner signs
    ReplaceKey(ReplaceKey),
    /// End a peer: its place is free, and all stake with it starts its way back; its owner signs
    Leave(Leave),
}

#[derive(Args)]
struct Leave {
    /// The peer's number
    peer: u32,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    signer: Signer,
    #[command(flatten)]
    network: Network,
}

#[derive(Args)]
struct ReplaceKey {
    /// The peer's number
    peer: u32,
    /// The file of the new hot key; made, if it is not there
    #[arg(value_name = "FILE")]
    hot_key: PathBuf,
    #[command(flatten)]
    signer: Signer,
    #[command(flatten)]
    network: Network,
}

#[derive(Args)]
struct Init {
    /// A name for people
    #[arg(long)]
    name: String,
    /// A node's URL; may be repeated
    #[arg(long = "node-url", value_name = "URL", required = true)]
    node_urls: Vec<String>,
    /// What to learn from; may be repeated [default: the project's documents and sources]
    #[arg(long, value_name = "FILE")]
    text: Vec<PathBuf>,
    /// Who owns the peer and its stake: an address, or the name of a key in the wallet [default: a
    /// new key in the folder]
    #[arg(long, value_name = "ADDRESS")]
    owner: Option<String>,
    #[command(flatten)]
    keyring: Keyring,
    /// Where keys, configuration and checkpoints go [default: a folder of the name]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where the peer listens
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:8700")]
    listen: SocketAddr,
    /// Where others reach it [default: this machine's address on the way to the node]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

/// Runs the command.
pub fn run(options: Options) -> Result<()> {
    match &options.command {
        Some(Verb::Init(init)) => return initialise(init),
        Some(Verb::ReplaceKey(replace)) => return block_on_all_cores(replace_key(replace)),
        Some(Verb::Leave(leave)) => return block_on_all_cores(end(leave)),
        None => {}
    }
    follow_supervisor(options.supervised)?;
    start_log();
    if options.supervised.is_some() {
        yield_to_validators();
    }
    let path = options.config.context("name the peer's configuration with --config")?;
    let config = PeerConfig::read(&path)?;
    block_on_all_cores(async { Ok(muster_peer::run(config, asked_to_end()).await?) })
}

async fn replace_key(replace: &ReplaceKey) -> Result<()> {
    let ReplaceKey { peer, hot_key, signer, network } = replace;
    if !hot_key.exists() {
        new_key(hot_key)?;
    }
    let hot = muster_keys::read_key(hot_key)?;
    let chain = meant(network, &network.client()?, signer.key(network)?.1).await?.chain;
    let replacement = Box::new(HotKeyReplacement::agree(&chain, PeerId(*peer), &hot));
    let action = market::Action::ReplaceHotKey { replacement };
    let done = format!(
        "peer {peer} has the hot key {}: name {} as hot_key in its peer.toml and start it again",
        hot.public(),
        hot_key.display()
    );
    perform(network, signer, action.into(), &done).await
}

async fn end(leave: &Leave) -> Result<()> {
    let Leave { peer, yes, signer, network } = leave;
    if !yes {
        output::say(&format!(
            "peer {peer} loses its place, its scores and what it has not paid out, for good; write \
             its number to end it:"
        ));
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .context("nothing can be read from stdin: give --yes")?;
        let same = line.trim().parse() == Ok(*peer);
        ensure!(same, "peer {peer} was not ended: its number was not written");
    }
    let action = market::Action::Leave { peer: PeerId(*peer) };
    let done = format!("peer {peer} is ended, the stake with it is on its way back");
    perform(network, signer, action.into(), &done).await
}

fn initialise(init: &Init) -> Result<()> {
    let folder = init.dir.clone().unwrap_or_else(|| PathBuf::from(&init.name));
    let file = folder.join("peer.toml");
    ensure!(!file.exists(), "{} is there already: choose another --dir", file.display());
    let owner = init.owner.as_ref().map(|owner| init.keyring.account(owner, None)).transpose()?;
    let endpoint = match &init.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => reached_at(init)?,
    };
    let mut texts = init
        .text
        .iter()
        .map(|path| {
            std::fs::canonicalize(path)
                .with_context(|| format!("cannot read the text {}", path.display()))
        })
        .collect::<Result<Vec<_>>>()?;
    let hot = new_key(&folder.join("hot.key"))?;
    if texts.is_empty() {
        write_whole(&folder.join(documents::NAME), documents::TEXT.as_bytes())?;
        texts.push(PathBuf::from(documents::NAME));
    }
    let text = |text: &str| toml::Value::String(text.to_owned());
    let list = |items: Vec<String>| {
        toml::Value::Array(items.into_iter().map(toml::Value::String).collect())
    };
    let paths = texts.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut table = toml::Table::from_iter([
        ("name".into(), text(&init.name)),
        ("home".into(), text(".")),
        ("hot_key".into(), text("hot.key")),
        ("listen".into(), text(&init.listen.to_string())),
        ("endpoint".into(), text(&endpoint)),
        ("node_urls".into(), list(init.node_urls.clone())),
        ("text".into(), list(paths)),
        ("control".into(), toml::Value::Boolean(false)),
    ]);
    let owner = match owner {
        Some(owner) => owner.to_string(),
        None => new_key(&folder.join("cold.key"))?,
    };
    table.insert("owner".into(), toml::Value::String(owner));
    write_whole(&file, toml::to_string(&table)?.as_bytes())?;
    output::say(&format!("start it with: muster peer --config {}", file.display()));
    output::print(&hot)
}

/// Where this machine is reached, as far as it can tell by itself: the address that it would speak
/// to the node from. Behind a router that is not what others see.
fn reached_at(init: &Init) -> Result<String> {
    let mut address = init.listen;
    if address.ip().is_unspecified() {
        let node = init.node_urls.first().context("name a node with --node-url")?;
        let host = node.split("://").last().and_then(|rest| rest.split('/').next());
        let local = host.and_then(|host| {
            // Connecting this kind of socket sends nothing: it only chooses a way.
            let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
            let with_port =
                if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
            socket.connect(with_port).ok()?;
            socket.local_addr().ok()
        });
        let local = local.with_context(|| {
            format!("no way to {node}, so name where others reach this peer with --endpoint")
        })?;
        address.set_ip(local.ip());
    }
    output::say(&format!(
        "others are told to reach this peer at https://{address}; if they cannot, write another \
         `endpoint` into peer.toml"
    ));
    Ok(format!("https://{address}"))
}
