//! What a peer owes the ledger: a list of duties, gone through in order, again and again.
//!
//! A duty that changes how the peer stands on the ledger ends the round, for those after it rest
//! on what the ledger shows: nobody sets weights who is not registered.

mod commitment;
mod duty;
mod endpoint;
mod registration;
mod weights;

use crate::config::PeerConfig;
use crate::exchange::shared::Exchange;
use crate::ledger::desk::Desk;
use crate::ledger::directory::Directory;
use duty::{Duty, DutyError, Next, View};
use endpoint::SayEndpoint;
use muster_api::Client;
use muster_ledger::crypto::SecretKey;
use muster_ledger::types::{Endpoint, Modality};
use registration::Register;
use std::sync::Arc;
use std::time::Duration;
use weights::SetWeights;

/// How long to wait after something that the ledger refused.
const RETRY: Duration = Duration::from_secs(5);

/// Deals with the ledger in the name of a hot key.
pub struct Clerk {
    desk: Desk,
    /// In the order in which they are gone through.
    duties: Vec<Box<dyn Duty>>,
}

impl Clerk {
    /// A clerk for the peer of `config`.
    #[must_use]
    pub fn new(
        exchange: Arc<Exchange>,
        ledger: Client,
        config: &PeerConfig,
        burn_key: Option<SecretKey>,
    ) -> Self {
        let endpoint = Endpoint { url: config.endpoint.clone(), modality: Modality::Text };
        let owner = config.owner.unwrap_or(exchange.identity.public());
        let duties: Vec<Box<dyn Duty>> = vec![
            Box::new(Register::new(owner, endpoint.clone(), config.burn_max, burn_key)),
            Box::new(SayEndpoint::new(endpoint)),
            Box::new(SetWeights::new(&config.home, config.commit_weights)),
        ];
        Self { desk: Desk { exchange, ledger }, duties }
    }

    /// Deals with the ledger, for ever. What fails is logged and tried again.
    pub async fn work(mut self) {
        loop {
            let directory = self.desk.exchange.directory();
            let pause = match self.tend(&directory).await {
                Ok(()) => Duration::from_millis(directory.block_time_ms / 4)
                    .clamp(Duration::from_millis(100), Duration::from_secs(1)),
                Err(error) => {
                    tracing::warn!(%error, "the ledger was not dealt with; trying again");
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Does what is due at this view of the ledger.
    async fn tend(&mut self, directory: &Directory) -> Result<(), DutyError> {
        let Some(chain) = directory.chain else {
            return Ok(());
        };
        let view = View { chain, directory, desk: &self.desk };
        for duty in &mut self.duties {
            match duty.tend(&view).await? {
                Next::Duty => {}
                Next::View => break,
            }
        }
        Ok(())
    }
}
