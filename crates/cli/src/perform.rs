//! Doing something on the ledger: signed, handed in, decided, and said.

use std::time::Duration;

use anyhow::{Result, bail};
use muster_api::Receipt;
use muster_ledger::money::Grains;
use muster_ledger::transaction::Action;

use crate::keyring::Signer;
use crate::meant::meant;
use crate::network::Network;
use crate::output;

/// How many blocks a transaction may wait for its inclusion.
const EXPIRY_BLOCKS: u64 = 100;
/// How long a command waits for a transaction to be decided.
const DECISION_PATIENCE: Duration = Duration::from_secs(60);

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
    let (key, only) = signer.key(network)?;
    meant(network, &client, only).await?;
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
