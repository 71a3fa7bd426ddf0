//! Which chain is meant. Nothing is signed for another, whatever a node says, and nothing is called
//! proved that does not follow from its genesis.
//!
//! A market of `muster up` has its genesis in its home. Any other network is named by `--genesis`;
//! or its chain is remembered for the URL, in the user's data folder, from what the node there said
//! at the first use. A node of one network can name the chain of another, so that what is signed
//! for the one is valid on the other; a chain that is known from one URL is therefore not taken
//! from another without being told.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use muster_api::Client;
use muster_files::Readers;
use muster_ledger::crypto::{Hash, hash};
use muster_ledger::encoding::{decode, encode};
use muster_ledger::genesis::Genesis;
use muster_ledger::light::Follower;
use serde::{Deserialize, Serialize};

use crate::network::{Network, read_genesis, running_home};
use crate::output;
use crate::wallet::{data_folder, write_private};

/// Longest file of this module that is read, bytes: a committee of 1,024, and a URL.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// The chain that is meant.
pub struct Meant {
    /// Its identity.
    pub chain: Hash,
    /// How it began, where a file says so.
    genesis: Option<Genesis>,
    /// Whether it is known from nobody but the node, and since this command.
    pub is_new: bool,
}

/// A chain, remembered for the URL of a node.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    url: String,
    chain: String,
}

/// The chain that is meant by a network and by the wallet that signs, which may be bound to `only`
/// one. The node is asked whether it is of that chain, and the client signs for no other.
pub async fn meant(network: &Network, client: &Client, only: Option<Hash>) -> Result<Meant> {
    let meant = find(network, client, only).await?;
    client.pin(meant.chain)?;
    Ok(meant)
}

async fn find(network: &Network, client: &Client, only: Option<Hash>) -> Result<Meant> {
    let urls = client.urls();
    let meant = match named_genesis(network)? {
        Some(genesis) => {
            let chain = genesis.chain_id();
            if network.genesis.is_some() {
                for url in &urls {
                    remember(url, &chain)?;
                }
            }
            Meant { chain, genesis: Some(genesis), is_new: false }
        }
        None => match (remembered(&urls)?, only) {
            (Some(chain), _) | (None, Some(chain)) => Meant { chain, genesis: None, is_new: false },
            (None, None) => return first_use(client, &urls).await,
        },
    };
    if let Some(only) = only.filter(|only| *only != meant.chain) {
        bail!(
            "this wallet is of a trial on chain {only} and signs nothing for chain {}: name a wallet \
             of your own with --wallet",
            meant.chain
        );
    }
    let found = client.status().await?.chain.0;
    let (chain, shown) = (meant.chain, urls.join(", "));
    ensure!(
        found == chain,
        "{shown} says that it is of chain {found}, and chain {chain} is meant: ask a node of that \
         chain; if its network began anew, name the new --genesis{}",
        urls.iter().find_map(|url| forget_hint(url)).unwrap_or_default()
    );
    Ok(meant)
}

/// Where the memory of a URL lies, for who wants to delete it.
fn forget_hint(url: &str) -> Option<String> {
    let path = pin_path(url).ok().filter(|path| path.exists())?;
    Some(format!(", after deleting {}", path.display()))
}

/// The genesis that a file gives: the one that is named, that of the market whose home is named,
/// or, where nothing is named at all, that of the market that runs on this machine.
fn named_genesis(network: &Network) -> Result<Option<Genesis>> {
    if let Some(path) = &network.genesis {
        let genesis = read_genesis(path)?;
        let shown = path.display();
        genesis.validate().with_context(|| format!("{shown} cannot begin a network"))?;
        return Ok(Some(genesis));
    }
    let home = match (&network.home, network.url.is_empty()) {
        (Some(home), _) => Some(home.clone()),
        (None, true) => running_home(),
        (None, false) => None,
    };
    home.map(|home| read_genesis(&home.join("genesis.json"))).transpose()
}

/// Takes the chain from what the node says, remembers it, and says what that means.
async fn first_use(client: &Client, urls: &[String]) -> Result<Meant> {
    let status = client.status().await?;
    let (chain, shown) = (status.chain.0, urls.join(", "));
    if let Some(other) = pins()?.into_iter().find(|pin| pin.chain == chain.to_string()) {
        bail!(
            "{shown} says that it is of chain {chain}, which you know from {}: what is signed here \
             would be valid there. If both are of one network, name its --genesis, or both --url",
            other.url
        );
    }
    for url in urls {
        remember(url, &chain)?;
    }
    output::say(&format!(
        "{shown} is taken to be of chain {chain} (it calls itself {}) from now on, and nothing is \
         signed for another chain there; only this node has said so: compare the chain with what \
         those publish who run the network",
        status.network
    ));
    Ok(Meant { chain, genesis: None, is_new: true })
}

/// The chain remembered for any of these URLs; then all of them are of it.
fn remembered(urls: &[String]) -> Result<Option<Hash>> {
    let mut known: Option<(Hash, &String)> = None;
    for url in urls {
        let Some(chain) = read_pin(&pin_path(url)?)?.map(|pin| chain_of(&pin)).transpose()? else {
            continue;
        };
        match known {
            Some((other, first)) if other != chain => bail!(
                "{first} is of chain {other}, and {url} of chain {chain}: ask nodes of one network"
            ),
            _ => known = Some((chain, url)),
        }
    }
    let Some((chain, _)) = known else { return Ok(None) };
    for url in urls {
        remember(url, &chain)?;
    }
    Ok(Some(chain))
}

/// Remembers the chain of a URL, once and for all.
fn remember(url: &str, chain: &Hash) -> Result<()> {
    let path = pin_path(url)?;
    let pin = Pin { url: url.to_owned(), chain: chain.to_string() };
    match muster_files::create(&path, toml::to_string(&pin)?.as_bytes(), Readers::Owner) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let known = read_pin(&path)?.map(|pin| chain_of(&pin)).transpose()?;
            ensure!(
                known == Some(*chain),
                "{url} is known to be of another chain than {chain}: if its network began anew, \
                 delete {}",
                path.display()
            );
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn pins_folder() -> Result<PathBuf> {
    Ok(data_folder()?.join("chains"))
}

/// A name for a URL that may stand in a folder.
fn pin_path(url: &str) -> Result<PathBuf> {
    let digest = hash("muster url", &[url.as_bytes()]);
    Ok(pins_folder()?.join(format!("{}.toml", hex::encode(&digest.0[..16]))))
}

fn pins() -> Result<Vec<Pin>> {
    let folder = pins_folder()?;
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut pins = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            pins.extend(read_pin(&path)?);
        }
    }
    Ok(pins)
}

fn read_pin(path: &Path) -> Result<Option<Pin>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let damaged = || format!("{} is damaged: delete it", path.display());
    let text = String::from_utf8(bytes).with_context(damaged)?;
    toml::from_str(&text).map(Some).with_context(damaged)
}

fn chain_of(pin: &Pin) -> Result<Hash> {
    pin.chain.parse().with_context(|| {
        let shown = pin_path(&pin.url).map(|path| path.display().to_string()).unwrap_or_default();
        format!("{shown} names no chain: delete it")
    })
}

/// A file of this module, where there is one.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        metadata => {
            let length = metadata.with_context(|| format!("cannot read {shown}"))?.len();
            ensure!(length <= FILE_BYTES_MAX, "{shown} has {length} bytes: delete it");
        }
    }
    fs::read(path).map(Some).with_context(|| format!("cannot read {shown}"))
}

fn follower_path(chain: &Hash) -> Result<PathBuf> {
    Ok(pins_folder()?.join(format!("{chain}.followed")))
}

/// Keeps how far the committees were followed.
pub fn keep(follower: &Follower) -> Result<()> {
    write_private(&follower_path(&follower.chain())?, &encode(follower))
}

impl Meant {
    /// Who follows the committees of this chain: from where the last one stopped, else from the
    /// genesis, which may come from anywhere, since its digest is the chain.
    pub async fn follower(&self, client: &Client) -> Result<Follower> {
        let path = follower_path(&self.chain)?;
        if let Some(bytes) = read(&path)? {
            let known: Follower = decode("what was followed", &bytes, bytes.len())
                .with_context(|| format!("{} is damaged: delete it", path.display()))?;
            ensure!(
                known.chain() == self.chain,
                "{} is of another chain: delete it",
                path.display()
            );
            return Ok(known);
        }
        let genesis = match &self.genesis {
            Some(genesis) => genesis.clone(),
            None => client.genesis().await.context("name the network's --genesis")?,
        };
        let (chain, found) = (self.chain, genesis.chain_id());
        ensure!(
            found == chain,
            "the node gives the genesis of chain {found}, and chain {chain} is meant: do not trust \
             this node"
        );
        Follower::new(&genesis).context("the genesis is not possible")
    }
}
