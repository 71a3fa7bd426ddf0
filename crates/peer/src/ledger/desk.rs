//! Where a peer signs what it hands to the ledger, and waits until that is decided.

use crate::exchange::shared::Exchange;
use crate::ledger::directory::Directory;
use muster_api::{Client, ClientError};
use muster_ledger::crypto::{PublicKey, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::transaction::Action;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Blocks within which a transaction must be decided.
pub(crate) const EXPIRY_BLOCKS: u64 = 50;
/// How long a decision is waited for.
pub(crate) const DECISION_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a transaction had no effect; it may be tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    /// No node answers, or one refuses.
    #[error(transparent)]
    Ledger(#[from] ClientError),
    /// A node does not take the transaction.
    #[error("{error}; fees are paid by {signer}, or by what its peer has earned")]
    Refused {
        /// Who signed, and pays.
        signer: PublicKey,
        /// What the node said.
        error: ClientError,
    },
    /// The transaction was decided, and had no effect.
    #[error("the ledger decided against it: {0}")]
    Rejected(String),
}

/// Signs and hands in transactions in the name of one peer.
pub(crate) struct Desk {
    /// The peer: its hot key signs.
    pub exchange: Arc<Exchange>,
    /// Where they are handed in.
    pub ledger: Client,
}

impl Desk {
    /// The peer's hot key, which is its address.
    pub fn me(&self) -> PublicKey {
        self.exchange.identity.public()
    }

    /// Hands in an action of the hot key, and waits until it is decided; gives the height.
    pub async fn send(&self, action: Action) -> Result<u64, DeskError> {
        self.send_as(self.exchange.identity.secret(), action).await
    }

    /// Hands in an action of `key`, and waits until it is decided; gives the height.
    pub async fn send_as(&self, key: &SecretKey, action: Action) -> Result<u64, DeskError> {
        let transaction = self.ledger.prepare(key, action, Grains(0), EXPIRY_BLOCKS).await?;
        let hash =
            self.ledger.submit(&transaction).await.map_err(|error| match error.status() {
                Some(_) => DeskError::Refused { signer: key.public(), error },
                None => DeskError::Ledger(error),
            })?;
        let receipt = self.ledger.wait(&hash, DECISION_TIMEOUT).await?;
        receipt.result.map(|()| receipt.height).map_err(DeskError::Rejected)
    }

    /// Waits until the view of the ledger shows what was done, or gives up for now.
    pub async fn wait_for(&self, shows: impl Fn(&Directory) -> bool) {
        let began = Instant::now();
        while began.elapsed() < DECISION_TIMEOUT && !shows(&self.exchange.directory()) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
