//! All routes, their description, and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower::limit::ConcurrencyLimitLayer;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::api::Api;
use super::guard::Guard;
use super::limits::{ANSWER_TIMEOUT, BODY_BYTES_MAX, CONCURRENCY};
use super::problems::HttpProblem;
use super::{
    admission, chain, dashboard, governance, market, node, presence, proof, snapshots, sse, submit,
};

/// The description of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Muster node",
        description = "Reads of the ledger and the market of peers, submission of transactions. \
                       Amounts are decimal strings of grains (10^9 grains are 1 MST), keys are \
                       SS58 addresses, digests hexadecimal; errors are problem documents \
                       (RFC 9457). Lists come in pages: where an answer has `next`, ask again \
                       with `after` set to it."
    ),
    components(schemas(muster_api::Problem)),
    tags(
        (name = "chain", description = "Blocks, transactions, accounts"),
        (name = "market", description = "Peers and what they think of each other"),
        (name = "presence", description = "Rounds that count an anonymous crowd by its work"),
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
    described()
        .merge(snapshots::routes())
        .merge(sse::routes())
        .into_openapi()
        .to_pretty_json()
        .expect("the document serialises")
}

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let weigh = middleware::from_fn_with_state(api.guard.clone(), admission::weigh);
    let described: Router<Arc<Api>> = described().into();
    // Within the compression: what is held for an answer is what it was before.
    let answers = described.layer(weigh.clone());
    // Packed already, on the disk.
    let snapshots: Router<Arc<Api>> = snapshots::routes().into();
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest);
    let streams: Router<Arc<Api>> = sse::routes().into();
    let guard = api.guard.clone();
    let all = answers.layer(compression).merge(snapshots.layer(weigh)).merge(streams);
    guarded(all.with_state(api), &guard)
}

/// Routes whose answers are weighed, for a server of its own.
pub(crate) fn weighed(routes: Router, guard: &Arc<Guard>) -> Router {
    let weigh = middleware::from_fn_with_state(guard.clone(), admission::weigh);
    guarded(routes.layer(weigh), guard)
}

/// The layers around all routes of a port.
fn guarded(routes: Router, guard: &Arc<Guard>) -> Router {
    routes
        // Of each path: who hands in transactions by the thousand does not hold up who reads.
        .layer(ConcurrencyLimitLayer::new(CONCURRENCY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_TIMEOUT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(guard.clone(), admission::admit))
}

/// Each route with its description: whoever adds a route to one of these modules adds it to both.
fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(chain::routes())
        .merge(proof::routes())
        .merge(market::routes())
        .merge(governance::routes())
        .merge(presence::routes())
        .merge(node::routes())
        .fallback(get(dashboard::serve))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(submit::routes())
}

// The payload may hold anything; the panic's own message is in the log already.
fn panicked(_payload: Box<dyn std::any::Any + Send>) -> Response {
    HttpProblem::internal("a request failed, the node's log says how").into_response()
}
