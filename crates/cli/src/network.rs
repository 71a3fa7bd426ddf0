//! Speaking to a running network: which nodes, whose key, and what became of a transaction.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use muster_api::{Client, Receipt};
use muster_ledger::crypto::SecretKey;
use muster_ledger::money::Grains;
use muster_ledger::transaction::Action;

use crate::keyring::Keyring;
use crate::output;
use crate::wallet::data_folder;

/// Where a node listens by default.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7700";
/// How many blocks a transaction may wait for its inclusion.
const EXPIRY_BLOCKS: u64 = 100;
/// How long a command waits for a transaction to be decided.
const DECISION_PATIENCE: Duration = Duration::from_secs(60);

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

/// The home of the market that `muster up` started last, if it is still there.
pub fn latest_home() -> Option<PathBuf> {
    let name = std::fs::read_to_string(data_folder().ok()?.join("markets/latest")).ok()?;
    let home = PathBuf::from(name);
    home.join("market.toml").exists().then_some(home)
}

/// Who signs.
#[derive(Args)]
pub struct Signer {
    #[command(flatten)]
    pub keyring: Keyring,
    /// The name of the key in the wallet, such as user, cold/peer-0 or hot/peer-0
    #[arg(long, value_name = "NAME", default_value = "user")]
    pub key: String,
    /// A file with a key of its own instead (64 hexadecimal digits)
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Paid on top of the fee, for earlier inclusion (MST)
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    pub tip: Grains,
    /// Do not wait until the transaction is decided
    #[arg(long)]
    pub no_wait: bool,
}

impl Signer {
    /// The key that signs.
    pub fn key(&self, network: &Network) -> Result<SecretKey> {
        match &self.key_file {
            Some(path) => Ok(muster_keys::read_key(path)?),
            None => self.keyring.key(&self.key, Some(network)),
        }
    }
}

/// What a command did, for scripts.
#[derive(serde::Serialize)]
struct Done<'a> {
    hash: String,
    signer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee: Option<String>,
    done: &'a str,
}

/// Signs an action, hands it in, waits until it is decided, and says what came of it.
pub async fn perform(network: &Network, signer: &Signer, action: Action, done: &str) -> Result<()> {
    let client = network.client()?;
    let key = signer.key(network)?;
    let transaction = client.prepare(&key, action, signer.tip, EXPIRY_BLOCKS).await?;
    let hash = client.submit(&transaction).await?;
    let address = key.public().to_string();
    let mut report =
        Done { hash: hash.to_string(), signer: address, height: None, fee: None, done };
    if signer.no_wait {
        report.done = "handed in";
    } else {
        let Receipt { height, fee, result, .. } = client.wait(&hash, DECISION_PATIENCE).await?;
        if let Err(reason) = result {
            bail!(
                "the ledger refused it at height {height} (fee {}): {reason}",
                Grains(fee.grains())
            );
        }
        report.height = Some(height);
        report.fee = Some(fee.grains().to_string());
    }
    if network.json {
        return output::print_json(&report);
    }
    let place = match (report.height, &report.fee) {
        (Some(height), Some(fee)) => {
            format!(" in block {height}, fee {}", Grains(fee.parse().unwrap_or(0)))
        }
        _ => String::new(),
    };
    output::print(&format!("{}{place}\ntransaction {}", report.done, report.hash))
}

/// A share of a row of weights: a number from 0 to 1.
pub fn share(text: &str) -> Result<f64> {
    let number: f64 = text.parse().with_context(|| format!("`{text}` is not a number"))?;
    ensure!((0.0..=1.0).contains(&number), "`{text}` is not a number from 0 to 1");
    Ok(number)
}
