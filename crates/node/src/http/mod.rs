//! The HTTP API: reads, submissions, events, metrics, the dashboard.
//!
//! Nothing here is privileged: whatever changes the ledger carries a signature. Bodies, rates,
//! streams and time are bounded; errors are problem documents.

mod dashboard;
mod limits;
mod problems;
mod routes;
mod sse;
mod submit;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use tower::limit::ConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;

use crate::chain::{Tip, now_ms};
use crate::consensus::Faults;
use crate::gossip::Gossip;
use crate::mempool::Mempool;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::telemetry::Reports;
use limits::RateLimiter;
use problems::HttpProblem;
pub(crate) use routes::Names;

/// Longest body where nothing else is said, bytes.
const BODY_BYTES_MAX: usize = 16 << 10;
/// Longest transaction.
const TRANSACTION_BYTES_MAX: usize = muster_ledger::transaction::TRANSACTION_BYTES_MAX;
/// Longest batch of transactions.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Requests that are answered at once.
const CONCURRENCY: usize = 256;
/// Streams of events.
const STREAMS: usize = 128;
/// Batches whose signatures are checked at once.
const CHECKS: usize = 2;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A node whose newest block is older than so many block times (and than 15 s) is not ready.
const READY_BLOCK_TIMES: u64 = 20;

/// What the handlers share.
pub struct Api {
    /// The node's name.
    pub name: String,
    /// The network's name.
    pub network: String,
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
    pub faults: Faults,
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
    /// The network's name.
    pub network: String,
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
    pub faults: Faults,
    /// Names of validators by key.
    pub names: Vec<(muster_ledger::crypto::PublicKey, String)>,
}

impl Api {
    /// The shared part of the handlers.
    #[must_use]
    pub fn new(parts: ApiParts) -> Arc<Self> {
        Arc::new(Self {
            name: parts.name,
            network: parts.network,
            tip: parts.tip,
            store: parts.store,
            mempool: parts.mempool,
            metrics: parts.metrics,
            reports: Reports::default(),
            gossip: parts.gossip,
            faults: parts.faults,
            names: parts.names.into_iter().collect(),
            limiter: RateLimiter::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            checks: Arc::new(Semaphore::new(CHECKS)),
        })
    }
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
    paths(
        routes::status, routes::blocks, routes::block, routes::transaction, routes::account,
        routes::peers, routes::peer, routes::weights, routes::market, routes::history,
        routes::parameters, routes::proposals, routes::supply, routes::committee, routes::proof,
        submit::transactions, submit::mempool, submit::telemetry, sse::events,
        openapi, metrics, health, ready
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
    Description::openapi().to_pretty_json().expect("the document serialises")
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "node",
               responses((status = 200, description = "The OpenAPI document")))]
async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}

/// Counters in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "node",
               responses((status = 200, description = "Prometheus text format", body = String,
                          content_type = "text/plain")))]
async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let tip = api.tip.borrow().clone();
    let (transactions, bytes) = api.mempool.size();
    let supply = tip.state.supply();
    let gauges = [
        ("muster_mempool_transactions", "Transactions waiting.", transactions as f64),
        ("muster_mempool_bytes", "Bytes of transactions waiting.", bytes as f64),
        ("muster_peers", "Registered peers.", f64::from(tip.state.counters().peers)),
        ("muster_epoch", "Market epochs closed.", tip.state.clock().epoch as f64),
        ("muster_supply_grains", "All money, grains.", supply.total().0 as f64),
        ("muster_minted_grains", "Money minted, grains.", supply.minted.0 as f64),
        ("muster_burned_grains", "Money burned, grains.", supply.burned.0 as f64),
        ("muster_block_time_seconds", "Time of the newest block.", tip.header.time_ms as f64 / 1e3),
    ];
    let mut text = api.metrics.text(&gauges);
    crate::consensus::engine_metrics(&mut text);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Whether the process answers.
#[utoipa::path(get, path = "/health", tag = "node",
               responses((status = 200, description = "It does")))]
async fn health() -> &'static str {
    "ok\n"
}

/// Whether the node follows the chain: its newest block is not old.
#[utoipa::path(get, path = "/ready", tag = "node",
               responses((status = 200, description = "It does"),
                         (status = 503, body = muster_api::Problem)))]
async fn ready(State(api): State<Arc<Api>>) -> Result<&'static str, HttpProblem> {
    let tip = api.tip.borrow().clone();
    if tip.height() == 0 {
        return Err(HttpProblem::busy("no block has been decided yet"));
    }
    let limit = (READY_BLOCK_TIMES * tip.state.parameters().block_time_ms).max(15_000);
    let age = now_ms().saturating_sub(tip.header.time_ms);
    if age > limit {
        let seconds = age / 1_000;
        return Err(HttpProblem::busy(format!("the newest block is {seconds} s old")));
    }
    Ok("ready\n")
}

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let limit = DefaultBodyLimit::max;
    Router::new()
        .route("/v1/status", get(routes::status))
        .route("/v1/blocks", get(routes::blocks))
        .route("/v1/blocks/{height}", get(routes::block))
        .route("/v1/transactions/{hash}", get(routes::transaction))
        .route("/v1/accounts/{address}", get(routes::account))
        .route("/v1/peers", get(routes::peers))
        .route("/v1/peers/{id}", get(routes::peer))
        .route("/v1/weights", get(routes::weights))
        .route("/v1/market", get(routes::market))
        .route("/v1/history", get(routes::history))
        .route("/v1/parameters", get(routes::parameters))
        .route("/v1/proposals", get(routes::proposals))
        .route("/v1/supply", get(routes::supply))
        .route("/v1/committee", get(routes::committee))
        .route("/v1/proofs/{kind}/{id}", get(routes::proof))
        .route("/v1/telemetry", post(submit::telemetry))
        .route("/openapi.json", get(openapi))
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .fallback(get(dashboard::serve))
        .layer(limit(BODY_BYTES_MAX))
        .merge(
            Router::new()
                .route("/v1/transactions", post(submit::transactions))
                .layer(limit(TRANSACTION_BYTES_MAX)),
        )
        .merge(
            Router::new().route("/v1/mempool", post(submit::mempool)).layer(limit(BATCH_BYTES_MAX)),
        )
        .layer(CompressionLayer::new())
        .merge(Router::new().route("/v1/events", get(sse::events)))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(ConcurrencyLimitLayer::new(CONCURRENCY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(api.clone(), limited))
        .with_state(api)
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
