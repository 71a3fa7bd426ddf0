//! The HTTP API: reads, submissions, events, metrics, the dashboard.
//!
//! Nothing here is privileged: whatever changes the ledger carries a signature. Bodies, rates,
//! streams and time are bounded; errors are problem documents.

mod chain;
mod dashboard;
mod governance;
mod limits;
mod market;
mod node;
mod problems;
mod proof;
mod sse;
mod submit;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use muster_ledger::crypto::PublicKey;
use muster_ledger::genesis::Genesis;
use tokio::sync::{Semaphore, watch};
use tower::limit::ConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::chain::Tip;
use crate::consensus::Equivocations;
use crate::gossip::Gossip;
use crate::mempool::Mempool;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::telemetry::Reports;
use limits::RateLimiter;
use problems::HttpProblem;

/// Longest body where nothing else is said, bytes.
const BODY_BYTES_MAX: usize = 16 << 10;
/// Requests that are answered at once.
const CONCURRENCY: usize = 256;
/// Streams of events.
const STREAMS: usize = 128;
/// Batches whose signatures are checked at once.
const CHECKS: usize = 2;
/// Longest genesis that is given, bytes.
const GENESIS_BYTES_MAX: usize = 1 << 20;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

type Answer<T> = Result<Json<T>, HttpProblem>;

/// Names of validators by key, as genesis gives them.
pub(crate) type Names = HashMap<PublicKey, String>;

/// What the handlers share.
pub struct Api {
    /// The node's name.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// The genesis as JSON, unless it is too long to be given.
    genesis: Option<Bytes>,
    /// The newest block and state.
    pub tip: watch::Receiver<Arc<Tip>>,
    /// The database.
    pub store: Arc<Store>,
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
    limiter: RateLimiter,
    streams: Arc<Semaphore>,
    checks: Arc<Semaphore>,
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
    /// What waits.
    pub mempool: Arc<Mempool>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Passes transactions on.
    pub gossip: Gossip,
    /// Equivocations seen.
    pub equivocations: Equivocations,
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
            mempool: parts.mempool,
            metrics: parts.metrics,
            reports: Reports::default(),
            gossip: parts.gossip,
            equivocations: parts.equivocations,
            limiter: RateLimiter::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            checks: Arc::new(Semaphore::new(CHECKS)),
        })
    }

    fn now(&self) -> Arc<Tip> {
        self.tip.borrow().clone()
    }

    /// Runs what waits for the disk where it may wait.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        body: impl FnOnce(&Api) -> Result<T, HttpProblem> + Send + 'static,
    ) -> Result<T, HttpProblem> {
        let api = self.clone();
        tokio::task::spawn_blocking(move || body(&api))
            .await
            .map_err(|_| HttpProblem::internal("a request failed, the node's log says how"))?
    }
}

fn parse<T: std::str::FromStr<Err = muster_api::ScalarError>>(
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

/// The description of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Muster node",
        description = "Reads of the ledger and the market of peers, submission of transactions. \
                       Amounts are decimal strings of grains (10^9 grains are 1 MST), keys are \
                       SS58 addresses, digests hexadecimal; errors are problem documents \
                       (RFC 9457)."
    ),
    components(schemas(muster_api::Problem)),
    tags(
        (name = "chain", description = "Blocks, transactions, accounts"),
        (name = "market", description = "Peers and what they think of each other"),
        (name = "node", description = "This node")
    )
)]
struct Description;

/// The OpenAPI document as JSON.
///
/// # Panics
/// Never: the document holds only what serialises.
#[must_use]
pub fn openapi_json() -> String {
    described().into_openapi().to_pretty_json().expect("the document serialises")
}

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let router: Router<Arc<Api>> = described().into();
    router
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(ConcurrencyLimitLayer::new(CONCURRENCY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(api.clone(), limited))
        .with_state(api)
}

/// Each route with its description: whoever adds a route to one of these modules adds it to both.
fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(chain::routes())
        .merge(proof::routes())
        .merge(market::routes())
        .merge(governance::routes())
        .merge(node::routes())
        .fallback(get(dashboard::serve))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(submit::routes())
        .layer(CompressionLayer::new())
        .merge(sse::routes())
}

// The payload may hold anything; the panic's own message is in the log already.
fn panicked(_payload: Box<dyn std::any::Any + Send>) -> Response {
    HttpProblem::internal("a request failed, the node's log says how").into_response()
}

/// Counts requests, turns away those over the rate, and makes problem documents of the refusals of
/// the layers and extractors below.
async fn limited(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    if let Some(address) = address
        && !api.limiter.admit(address, Instant::now())
    {
        api.metrics.http_limited.fetch_add(1, Ordering::Relaxed);
        return HttpProblem::too_many("too many requests from this address: wait a second")
            .into_response();
    }
    api.metrics.http_requests.fetch_add(1, Ordering::Relaxed);
    let response = next.run(request).await;
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let is_problem = media_type.is_some_and(|found| found == muster_api::PROBLEM_JSON);
    let status = response.status();
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return secured(response);
    }
    secured(bare_problem(status))
}

fn bare_problem(status: StatusCode) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take this method; see /openapi.json",
        StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than this path takes",
        StatusCode::SERVICE_UNAVAILABLE => "the answer took too long: try again",
        _ => title,
    };
    let slug = title.to_lowercase().replace(' ', "-");
    HttpProblem::new(status, &slug, title, detail).into_response()
}

fn secured(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
