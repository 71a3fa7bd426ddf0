//! Snapshots of the state, for those who join: read from files, a chunk at a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use muster_api::{HexBytes, Problem, Snapshot, SnapshotSummary, Snapshots};
use muster_ledger::encoding::encode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{Answer, Api};
use super::chain::certificate;
use super::problems::HttpProblem;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(snapshots)).routes(routes!(snapshot)).routes(routes!(chunk))
}

/// Snapshots of the state, newest first.
#[utoipa::path(get, path = "/v1/snapshots", tag = "chain",
               responses((status = 200, body = Snapshots)))]
pub async fn snapshots(State(api): State<Arc<Api>>) -> Json<Snapshots> {
    let summaries = api.snapshots.all().into_iter().rev().map(|snapshot| SnapshotSummary {
        height: snapshot.header().height.0,
        chunks: snapshot.chunks() as u64,
        bytes: snapshot.bytes(),
    });
    Json(Snapshots { snapshots: summaries.collect() })
}

/// The outline of a snapshot, with the header that proves it.
#[utoipa::path(get, path = "/v1/snapshots/{height}", tag = "chain",
               params(("height" = u64, Path, description = "The height of the snapshot")),
               responses((status = 200, body = Snapshot), (status = 404, body = Problem)))]
pub async fn snapshot(
    State(api): State<Arc<Api>>,
    path: Result<Path<u64>, PathRejection>,
) -> Answer<Snapshot> {
    let Path(height) = path?;
    api.read(move |api| {
        let snapshot = api.snapshots.find(height).ok_or_else(|| none(height))?;
        Ok(Json(Snapshot {
            height,
            header: HexBytes(encode(snapshot.header())),
            certificate: certificate(snapshot.certificate()),
            outline: HexBytes(encode(&snapshot.outline())),
        }))
    })
    .await
}

/// A chunk of a snapshot, by its place in the outline: encoded entries, packed with Snappy.
#[utoipa::path(get, path = "/v1/snapshots/{height}/chunks/{number}", tag = "chain",
               params(("height" = u64, Path, description = "The height of the snapshot"),
                      ("number" = usize, Path, description = "The chunk's place, from 0")),
               responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
                         (status = 404, body = Problem)))]
pub async fn chunk(
    State(api): State<Arc<Api>>,
    path: Result<Path<(u64, usize)>, PathRejection>,
) -> Result<Response, HttpProblem> {
    let Path((height, number)) = path?;
    let bytes = api
        .read(move |api| {
            let snapshot = api.snapshots.find(height).ok_or_else(|| none(height))?;
            let chunk = snapshot.chunk(number).map_err(|error| {
                tracing::error!(%error, height, number, "a chunk of a snapshot cannot be read");
                HttpProblem::internal("a snapshot cannot be read, the node's log says why")
            })?;
            chunk.ok_or_else(|| {
                HttpProblem::not_found(format!("the snapshot {height} has no chunk {number}"))
            })
        })
        .await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

fn none(height: u64) -> HttpProblem {
    HttpProblem::not_found(format!(
        "there is no snapshot of block {height} here, or not any more: /v1/snapshots lists them"
    ))
}
