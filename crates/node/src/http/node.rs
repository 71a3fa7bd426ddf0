//! This node: its description, its counters, whether it is well.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use muster_api::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::Api;
use super::problems::HttpProblem;
use super::routes::openapi_json;
use muster_chain::chain::now_ms;

/// A node whose newest block is older than so many block times (and than 15 s) is not ready.
const READY_BLOCK_TIMES: u64 = 20;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(openapi))
        .routes(routes!(metrics))
        .routes(routes!(health))
        .routes(routes!(ready))
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
        ("muster_peers", "Registered peers.", f64::from(tip.state.places().taken)),
        ("muster_epoch", "Market epochs closed.", tip.state.clock().epoch.0 as f64),
        ("muster_supply_grains", "All money, grains.", supply.total().0 as f64),
        ("muster_minted_grains", "Money minted, grains.", supply.minted.0 as f64),
        ("muster_burned_grains", "Money burned, grains.", supply.burned.0 as f64),
        ("muster_http_connections", "Open connections.", api.guard.connections.held() as f64),
        ("muster_http_streams", "Open streams of events.", api.streams.held() as f64),
        ("muster_http_request_bytes", "Bytes of open requests.", api.guard.requests.held() as f64),
        ("muster_http_answer_bytes", "Bytes of unread answers.", api.guard.answers.held() as f64),
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
                         (status = 503, body = Problem)))]
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
