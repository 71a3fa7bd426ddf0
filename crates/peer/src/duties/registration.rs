//! Registering: by proof of work, or by burning the price.

use crate::duties::duty::{Duty, DutyError, Next, View};
use futures::future::BoxFuture;
use muster_ledger::crypto::{PublicKey, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::transaction::market::{Payment, Registration, find_work};
use muster_ledger::transaction::{Action, market};
use muster_ledger::types::Endpoint;
use std::time::Instant;

/// Hashes tried between two looks at the clock and the challenge.
const WORK_BATCH: u64 = 1 << 20;
/// Most batches of work on one challenge before it is looked up anew.
const WORK_BATCHES: u64 = 64;

/// Registers a peer that is not on the ledger.
pub(crate) struct Register {
    owner: PublicKey,
    endpoint: Endpoint,
    /// Key of the account that burns the price, and the most that is burned; otherwise by work.
    burn: Option<(SecretKey, Grains)>,
}

impl Register {
    /// The peer belongs to `owner` and answers at `endpoint`; with a `burn_key`, up to `burn_max`
    /// grains are burned for it.
    pub fn new(
        owner: PublicKey,
        endpoint: Endpoint,
        burn_max: u64,
        burn_key: Option<SecretKey>,
    ) -> Self {
        Self { owner, endpoint, burn: burn_key.map(|key| (key, Grains(burn_max))) }
    }

    async fn register(&self, view: &View<'_>) -> Result<Next, DutyError> {
        let View { chain, directory, desk } = *view;
        let me = desk.me();
        if directory.get(&me).is_some() {
            return Ok(Next::Duty);
        }
        let hot = desk.exchange.identity.secret();
        let agree = |payment| {
            let endpoint = self.endpoint.clone();
            let registration = Registration::agree(&chain, hot, self.owner, endpoint, payment);
            Action::Market(market::Action::Register { registration: Box::new(registration) })
        };
        match &self.burn {
            Some((key, price_max)) => {
                tracing::info!(%price_max, "registering by burning the price");
                let action = agree(Payment::Burn { price_max: *price_max });
                desk.send_as(key, action).await?;
            }
            None => {
                let nonce = self.find_work(view).await?;
                desk.send(agree(Payment::Work { nonce })).await?;
            }
        }
        tracing::info!(address = %me, "registered");
        desk.wait_for(|directory| directory.get(&me).is_some()).await;
        Ok(Next::View)
    }

    /// Works on the current challenge, bounded; says how it goes.
    async fn find_work(&self, view: &View<'_>) -> Result<u64, DutyError> {
        let market = view.desk.ledger.market().await?;
        let difficulty = market.registration_difficulty;
        let challenge = market.registration_challenge.0;
        let (chain, hot, owner) = (view.chain, view.desk.me(), self.owner);
        tracing::info!(difficulty, "registering by proof of work");
        let began = Instant::now();
        for batch in 0..WORK_BATCHES {
            let found = tokio::task::spawn_blocking(move || {
                let start = batch * WORK_BATCH;
                find_work(&chain, &challenge, &hot, &owner, difficulty, start, WORK_BATCH)
            });
            if let Ok(Some(nonce)) = found.await {
                return Ok(nonce);
            }
            let hashes = (batch + 1) * WORK_BATCH;
            let seconds = began.elapsed().as_secs();
            tracing::info!(hashes, difficulty, seconds, "still working");
        }
        Err(DutyError::Work { hashes: WORK_BATCHES * WORK_BATCH, difficulty })
    }
}

impl Duty for Register {
    fn tend<'a>(&'a mut self, view: &'a View<'_>) -> BoxFuture<'a, Result<Next, DutyError>> {
        Box::pin(self.register(view))
    }
}
