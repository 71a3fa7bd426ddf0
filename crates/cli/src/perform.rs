//! Doing something on the ledger: signed, handed in, decided, and said.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use muster_api::Receipt;
use muster_ledger::money::Grains;
use muster_ledger::transaction::Action;

use crate::keyring::Signer;
use crate::meant::meant;
use crate::network::Network;
use crate::{output, unlocks};

/// How many blocks a transaction may wait for its inclusion.
const EXPIRY_BLOCKS: u64 = 100;
/// How long a command waits for a transaction to be decided.
const DECISION_PATIENCE: Duration = Duration::from_secs(60);

/// A transaction that was handed in, and where it stands.
#[derive(serde::Serialize)]
pub struct Decision {
    hash: String,
    /// Who signed it.
    pub signer: String,
    /// The block that it is in; none where it was not waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee: Option<String>,
}

/// What a command did, for scripts.
#[derive(serde::Serialize)]
struct Done<'a> {
    #[serde(flatten)]
    decision: &'a Decision,
    done: &'a str,
}

/// Signs an action, hands it in, waits until it is decided, and says what came of it.
pub async fn perform(network: &Network, signer: &Signer, action: Action, done: &str) -> Result<()> {
    if let Some(file) = &signer.for_round {
        unlocks::write(file, action)?;
        return output::print(&format!(
            "nothing is done now: `muster presence open ROUND --unlocks {}` opens a round that \
             unlocks it",
            file.display()
        ));
    }
    let decision = decide(network, signer, action).await?;
    let done = if decision.height.is_none() { "handed in" } else { done };
    decision.print(network, done)
}

/// Signs an action, hands it in, and waits until it is decided, unless the signer does not.
pub async fn decide(network: &Network, signer: &Signer, action: Action) -> Result<Decision> {
    ensure!(signer.for_round.is_none(), "--for-round: no round opens a round");
    let client = network.client()?;
    let (key, only) = signer.key(network)?;
    meant(network, &client, only).await?;
    let transaction = client.prepare(&key, action, signer.tip, EXPIRY_BLOCKS).await?;
    let hash = client.submit(&transaction).await?;
    let signed_by = key.public().to_string();
    let mut decision =
        Decision { hash: hash.to_string(), signer: signed_by, height: None, fee: None };
    if signer.no_wait {
        return Ok(decision);
    }
    let Receipt { height, fee, result, .. } = client.wait(&hash, DECISION_PATIENCE).await?;
    if let Err(reason) = result {
        let fee = Grains(fee.grains());
        bail!("the ledger refused it at height {height} (fee {fee}): {reason}");
    }
    decision.height = Some(height);
    decision.fee = Some(fee.grains().to_string());
    Ok(decision)
}

impl Decision {
    /// Says what it did.
    pub fn print(&self, network: &Network, done: &str) -> Result<()> {
        if network.json {
            return output::print_json(&Done { decision: self, done });
        }
        let place = match (self.height, &self.fee) {
            (Some(height), Some(fee)) => {
                format!(" in block {height}, fee {}", Grains(fee.parse().unwrap_or(0)))
            }
            _ => String::new(),
        };
        output::print(&format!("{done}{place}\ntransaction {}", self.hash))
    }
}
