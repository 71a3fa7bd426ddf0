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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::identity::Identity;
    use crate::exchange::limits::Limits;
    use crate::exchange::shared::Offer;
    use crate::sale::till::Till;
    use futures::future::BoxFuture;
    use muster_ledger::crypto::Hash;
    use std::sync::atomic::{AtomicUsize, Ordering};

    type Outcome = fn() -> Result<Next, DutyError>;

    /// A duty that counts how often it was seen to.
    struct Counted {
        outcome: Outcome,
        seen: Arc<AtomicUsize>,
    }

    impl Duty for Counted {
        fn tend<'a>(&'a mut self, _: &'a View<'_>) -> BoxFuture<'a, Result<Next, DutyError>> {
            self.seen.fetch_add(1, Ordering::Relaxed);
            let outcome = (self.outcome)();
            Box::pin(async move { outcome })
        }
    }

    fn desk() -> Desk {
        let offer = Offer {
            name: "peer".into(),
            context: 1,
            width: 1,
            batch_max: 1,
            price_per_byte: 0,
            ask_text_max: 1,
            ask_bytes_max: 1,
        };
        let identity = Identity::from_seed([1; 32]).expect("any seed gives an identity");
        let exchange = Exchange::new(identity, Limits::default(), offer, Till::default());
        let ledger = Client::new(vec!["http://127.0.0.1:1".into()]).expect("a URL");
        Desk { exchange: Arc::new(exchange), ledger }
    }

    #[tokio::test]
    async fn a_round_ends_where_the_view_no_longer_holds() {
        let cases: [(Outcome, bool, usize); 3] = [
            (|| Ok(Next::Duty), true, 1),
            (|| Ok(Next::View), true, 0),
            (|| Err(DutyError::Weights), false, 0),
        ];
        for (outcome, well, after) in cases {
            let seen: [Arc<AtomicUsize>; 3] = Default::default();
            let outcomes = [|| Ok(Next::Duty), outcome, || Ok(Next::Duty)];
            let duty = |(outcome, seen): (_, &Arc<AtomicUsize>)| -> Box<dyn Duty> {
                Box::new(Counted { outcome, seen: seen.clone() })
            };
            let duties = outcomes.into_iter().zip(&seen).map(duty).collect();
            let mut clerk = Clerk { desk: desk(), duties };
            // Before the ledger was read, nothing is owed.
            assert!(clerk.tend(&Directory::default()).await.is_ok());
            assert_eq!(seen[0].load(Ordering::Relaxed), 0);
            let directory = Directory { chain: Some(Hash([1; 32])), ..Directory::default() };
            assert_eq!(clerk.tend(&directory).await.is_ok(), well);
            assert_eq!(seen.map(|seen| seen.load(Ordering::Relaxed)), [1, 1, after]);
        }
    }
}
