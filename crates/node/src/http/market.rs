//! Peers, what they think of each other and report of themselves, and what the market made of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use muster_api::market::edges_of;
use muster_api::{
    History, HistoryEpoch, HistoryPeer, Market, Peer, Peers, Problem, TelemetryReport, Weights,
};
use muster_ledger::types::PeerId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{Answer, Api};
use super::made::MadeJson;
use super::pages::{PageQuery, page};
use super::problems::HttpProblem;
use muster_chain::chain::{Tip, now_ms};
use muster_chain::store::HistoryPoint;

/// Most epochs that are read for one answer.
const EPOCHS_MAX: usize = 512;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(peers))
        .routes(routes!(peer))
        .routes(routes!(weights))
        .routes(routes!(market))
        .routes(routes!(history))
        .routes(routes!(telemetry))
}

impl Api {
    fn peer(&self, tip: &Tip, id: PeerId) -> Option<Peer> {
        let telemetry = tip.state.peer(id).and_then(|peer| self.reports.of(&peer.hot));
        Peer::of(&tip.state, id, telemetry)
    }
}

/// Peers by number.
#[utoipa::path(get, path = "/v1/peers", tag = "market", params(PageQuery),
               responses((status = 200, body = Peers)))]
pub async fn peers(
    State(api): State<Arc<Api>>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<MadeJson, HttpProblem> {
    let Query(query) = query?;
    api.made(format!("peers {}", query.words()), move |api, tip| {
        let ids = tip.state.peers().map(|(id, _)| id).filter(|id| query.reaches(id.0));
        let peers = ids.filter_map(|id| api.peer(tip, id));
        let (peers, next) = page(peers, query.limit, |peer| u64::from(peer.id));
        Ok(Peers { height: tip.height(), peers, next })
    })
    .await
}

/// One peer.
#[utoipa::path(get, path = "/v1/peers/{id}", tag = "market",
               params(("id" = u32, Path, description = "The peer's number")),
               responses((status = 200, body = Peer), (status = 404, body = Problem)))]
pub async fn peer(
    State(api): State<Arc<Api>>,
    path: Result<Path<u32>, PathRejection>,
) -> Answer<Peer> {
    let Path(id) = path?;
    let tip = api.now();
    let peer = api.peer(&tip, PeerId(id));
    peer.map(Json).ok_or_else(|| HttpProblem::not_found(format!("there is no peer {id}")))
}

/// The weights that peers give each other; a page has whole rows, and `limit` counts rows.
#[utoipa::path(get, path = "/v1/weights", tag = "market", params(PageQuery),
               responses((status = 200, body = Weights)))]
pub async fn weights(
    State(api): State<Arc<Api>>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<MadeJson, HttpProblem> {
    let Query(query) = query?;
    api.made(format!("weights {}", query.words()), move |_, tip| {
        let ids = tip.state.peers().map(|(id, _)| id).filter(|id| query.reaches(id.0));
        let rows = ids.map(|id| (id.0, edges_of(&tip.state, id)));
        let rows = rows.filter(|(_, edges)| !edges.is_empty());
        let (rows, next) = page(rows, query.limit, |(id, _)| u64::from(*id));
        let edges = rows.into_iter().flat_map(|(_, edges)| edges).collect();
        Ok(Weights { height: tip.height(), edges, next })
    })
    .await
}

/// The last market epoch, and what registration takes.
#[utoipa::path(get, path = "/v1/market", tag = "market", responses((status = 200, body = Market)))]
pub async fn market(State(api): State<Arc<Api>>) -> Json<Market> {
    Json(Market::of(&api.now().state))
}

/// The market at the close of past epochs, oldest first; `after` and `next` are epochs.
#[utoipa::path(get, path = "/v1/history", tag = "market", params(PageQuery),
               responses((status = 200, body = History)))]
pub async fn history(
    State(api): State<Arc<Api>>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<MadeJson, HttpProblem> {
    let Query(query) = query?;
    api.made(format!("history {}", query.words()), move |api, _| {
        let points = api.store.history(query.after.unwrap_or(0), EPOCHS_MAX)?;
        let more = points.len() == EPOCHS_MAX;
        let last = points.last().map(|point| point.epoch).filter(|_| more);
        let points = points.into_iter().map(history_epoch);
        let (epochs, next) = page(points, query.limit, |epoch| epoch.epoch);
        Ok(History { epochs, next: next.or(last) })
    })
    .await
}

fn history_epoch(point: HistoryPoint) -> HistoryEpoch {
    let score = |grid: i64| muster_ledger::types::Score(grid).to_f64();
    let amount = |grains: u64| muster_ledger::money::Grains(grains).into();
    let peers = point.peers.iter().map(|peer| HistoryPeer {
        id: peer.id,
        stake: amount(peer.stake),
        trust: score(peer.trust),
        incentive: score(peer.incentive),
        rank: score(peer.rank),
    });
    HistoryEpoch {
        epoch: point.epoch,
        height: point.height,
        time_ms: point.time_ms,
        loss: score(point.loss),
        minted: amount(point.minted),
        peers: peers.collect(),
    }
}

/// Takes what a peer reports of itself, signed by its hot key.
#[utoipa::path(post, path = "/v1/telemetry", tag = "market", request_body = TelemetryReport,
               responses((status = 202, description = "Kept until a newer one comes"),
                         (status = 422, body = Problem)))]
pub async fn telemetry(
    State(api): State<Arc<Api>>,
    report: Result<Json<TelemetryReport>, JsonRejection>,
) -> Result<StatusCode, HttpProblem> {
    let Json(report) = report?;
    let state = api.tip.borrow().state.clone();
    api.reports
        .keep(&state, report, now_ms())
        .map_err(|refusal| HttpProblem::refused(refusal.to_string()))?;
    Ok(StatusCode::ACCEPTED)
}
