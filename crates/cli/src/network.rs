//! Which running network to speak to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use muster_api::Client;
use muster_ledger::genesis::Genesis;

use crate::wallet::data_folder;

/// Where a node listens by default.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7700";

/// Which network to speak to.
#[derive(Args, Clone, Debug)]
pub struct Network {
    /// A node's URL; may be repeated, the next is tried when one fails [default:
    /// http://127.0.0.1:7700, or the nodes of --home]
    #[arg(long, value_name = "URL", env = "MUSTER_URL", global = true)]
    pub url: Vec<String>,
    /// The home of a market of `muster up`: its nodes, its user's wallet
    #[arg(long, value_name = "DIR", global = true)]
    pub home: Option<PathBuf>,
    /// The genesis of the network that is meant: nothing is signed for another, and proofs are
    /// checked from it on [default: that of --home; else the one remembered for the URL, or what a
    /// node says at the first use]
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "home")]
    pub genesis: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub json: bool,
}

impl Network {
    /// A client of the chosen nodes.
    pub fn client(&self) -> Result<Client> {
        let urls = match (&self.home, self.url.is_empty()) {
            (_, false) => self.url.clone(),
            (Some(home), true) => running_urls(home)?,
            (None, true) => vec![DEFAULT_URL.to_owned()],
        };
        Ok(Client::new(urls)?)
    }
}

/// The nodes of a running market on this machine.
fn running_urls(home: &Path) -> Result<Vec<String>> {
    let path = home.join("running.toml");
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("no market runs in {}: start it with `muster up --home`", home.display())
    })?;
    let table: toml::Table =
        text.parse().with_context(|| format!("{} is damaged", path.display()))?;
    let urls = table.get("urls").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    Ok(urls.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

/// Reads the document of a genesis.
pub fn read_genesis(path: &Path) -> Result<Genesis> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_str(&text).with_context(|| format!("{shown} is no genesis"))
}

/// The home of the market that runs on this machine, if `muster up` started it last.
pub fn running_home() -> Option<PathBuf> {
    latest_home().filter(|home| home.join("running.toml").exists())
}

/// The home of the market that `muster up` started last, if it is still there.
pub fn latest_home() -> Option<PathBuf> {
    let name = std::fs::read_to_string(data_folder().ok()?.join("markets/latest")).ok()?;
    let home = PathBuf::from(name);
    home.join("market.toml").exists().then_some(home)
}
