//! What the handlers share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use muster_ledger::crypto::PublicKey;
use muster_ledger::genesis::Genesis;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};

use super::guard::Guard;
use super::limits::{BATCHES_CHECKED, GENESIS_BYTES_MAX, READS, SOURCE_STREAMS_MAX, STREAMS_MAX};
use super::made::{Made, MadeJson};
use super::places::Places;
use super::problems::HttpProblem;
use super::told::Told;
use super::work::worked;
use crate::gossip::Gossip;
use crate::telemetry::Reports;
use muster_chain::chain::Tip;
use muster_chain::consensus::Equivocations;
use muster_chain::mempool::Mempool;
use muster_chain::metrics::Metrics;
use muster_chain::snapshots::Snapshots;
use muster_chain::store::Store;

/// What a handler answers.
pub type Answer<T> = Result<Json<T>, HttpProblem>;

/// Names of validators by key, as genesis gives them.
pub(crate) type Names = HashMap<PublicKey, String>;

/// What the handlers share.
pub struct Api {
    /// The node's name.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// The genesis as JSON, unless it is too long to be given.
    pub(super) genesis: Option<Bytes>,
    /// The newest block and state.
    pub tip: watch::Receiver<Arc<Tip>>,
    /// The database.
    pub store: Arc<Store>,
    /// Snapshots of the state.
    pub snapshots: Arc<Snapshots>,
    /// What waits.
    pub mempool: Arc<Mempool>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// What peers report of themselves.
    pub reports: Reports,
    /// Passes transactions on.
    pub gossip: Gossip,
    /// Equivocations seen.
    pub equivocations: Equivocations,
    /// Names of validators.
    pub(crate) names: Names,
    /// What anybody may ask for.
    pub(super) guard: Arc<Guard>,
    /// Open streams of events.
    pub(super) streams: Arc<Places>,
    /// Answers made for more than one asker.
    pub(super) made: Made,
    /// Events, written for more than one stream.
    pub(super) told: Told,
    /// Batches whose signatures are checked at once.
    pub(super) checks: Arc<Semaphore>,
    reads: Semaphore,
}

/// What an [`Api`] is made from.
pub struct ApiParts {
    /// The node's name.
    pub name: String,
    /// How the network began.
    pub genesis: Genesis,
    /// The newest block and state.
    pub tip: watch::Receiver<Arc<Tip>>,
    /// The database.
    pub store: Arc<Store>,
    /// Snapshots of the state.
    pub snapshots: Arc<Snapshots>,
    /// What waits.
    pub mempool: Arc<Mempool>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Passes transactions on.
    pub gossip: Gossip,
    /// Equivocations seen.
    pub equivocations: Equivocations,
    /// Most connections.
    pub connections_max: usize,
}

impl Api {
    /// The shared part of the handlers.
    #[must_use]
    pub fn new(parts: ApiParts) -> Arc<Self> {
        let names = parts.genesis.validators.iter().map(|one| (one.key, one.name.clone()));
        Arc::new(Self {
            name: parts.name,
            genesis: document(&parts.genesis),
            names: names.collect(),
            network: parts.genesis.name,
            tip: parts.tip,
            store: parts.store,
            snapshots: parts.snapshots,
            mempool: parts.mempool,
            reports: Reports::default(),
            gossip: parts.gossip,
            equivocations: parts.equivocations,
            guard: Guard::new(parts.connections_max, parts.metrics.clone()),
            metrics: parts.metrics,
            streams: Places::new(STREAMS_MAX, SOURCE_STREAMS_MAX),
            made: Made::default(),
            told: Told::default(),
            checks: Arc::new(Semaphore::new(BATCHES_CHECKED)),
            reads: Semaphore::new(READS),
        })
    }

    /// What anybody may ask for.
    pub(crate) fn guard(&self) -> Arc<Guard> {
        self.guard.clone()
    }

    /// The newest block and state.
    pub(super) fn now(&self) -> Arc<Tip> {
        self.tip.borrow().clone()
    }

    /// Runs what waits for the disk or works for long where it may, a few at a time.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        body: impl FnOnce(&Api) -> Result<T, HttpProblem> + Send + 'static,
    ) -> Result<T, HttpProblem> {
        let fault = |_| HttpProblem::internal("a request failed, the node's log says how");
        let _place = self.reads.acquire().await.map_err(|_| HttpProblem::busy("shutting down"))?;
        let api = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let result = body(&api);
            (result, begun.elapsed())
        });
        let (result, time) = reading.await.map_err(fault)?;
        worked(time);
        result
    }

    /// The answer to a question, which says all that it depends on beside the newest state.
    ///
    /// # Errors
    /// Those of `make`, which are not kept.
    pub(super) async fn made<T: Serialize>(
        self: &Arc<Self>,
        question: String,
        make: impl FnOnce(&Api, &Tip) -> Result<T, HttpProblem> + Send + 'static,
    ) -> Result<MadeJson, HttpProblem> {
        let known = || self.made.find(&question, self.now().height());
        if let Some(answer) = known() {
            return Ok(MadeJson(answer));
        }
        let maker = self.made.maker.acquire().await;
        let _maker = maker.map_err(|_| HttpProblem::busy("the node is shutting down"))?;
        // Whoever was before may have made it.
        if let Some(answer) = known() {
            return Ok(MadeJson(answer));
        }
        let tip = self.now();
        let height = tip.height();
        let answer = self
            .read(move |api| {
                let json = serde_json::to_vec(&make(api, &tip)?);
                json.map_err(|_| HttpProblem::internal("an answer could not be written"))
            })
            .await?;
        let answer = Bytes::from(answer);
        self.made.keep(question, height, &answer);
        Ok(MadeJson(answer))
    }
}

/// Reads a part of a path.
pub(super) fn parse<T: std::str::FromStr<Err = muster_api::ScalarError>>(
    text: &str,
) -> Result<T, HttpProblem> {
    text.parse()
        .map_err(|error: muster_api::ScalarError| HttpProblem::bad_request(error.to_string()))
}

/// A genesis as it is given; `None` where it is too long.
fn document(genesis: &Genesis) -> Option<Bytes> {
    let document = serde_json::to_vec(genesis).expect("a genesis serialises");
    (document.len() <= GENESIS_BYTES_MAX).then(|| document.into())
}
