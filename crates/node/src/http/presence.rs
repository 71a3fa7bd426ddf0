//! Presence rounds: how they stand, what they were designed for, and what is known once they are
//! solved.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use muster_api::Problem;
use muster_api::presence::{Round, RoundReport, Rounds};
use muster_ledger::types::RoundId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::Api;
use super::made::MadeJson;
use super::pages::{PageQuery, page};
use super::problems::HttpProblem;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(rounds)).routes(routes!(round))
}

/// Presence rounds by number: those that are open, and those that are over and not forgotten.
#[utoipa::path(get, path = "/v1/rounds", tag = "presence", params(PageQuery),
               responses((status = 200, body = Rounds)))]
pub async fn rounds(
    State(api): State<Arc<Api>>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<MadeJson, HttpProblem> {
    let Query(query) = query?;
    api.made(format!("rounds {}", query.words()), move |_, tip| {
        let ids = tip.state.rounds().map(|(id, _)| id).filter(|id| query.reaches(id.0));
        let rounds = ids.filter_map(|id| {
            let (round, design) = tip.state.round(id)?;
            Some(Round::of(id, round, design))
        });
        let (rounds, next) = page(rounds, query.limit, |round| round.id);
        Ok(Rounds { height: tip.height(), time_ms: tip.header.time_ms, rounds, next })
    })
    .await
}

/// One presence round: what it was designed for, its clock, and what is believed of the number
/// that is present.
#[utoipa::path(get, path = "/v1/rounds/{id}", tag = "presence",
               params(("id" = u64, Path, description = "The round's number")),
               responses((status = 200, body = RoundReport), (status = 404, body = Problem)))]
pub async fn round(
    State(api): State<Arc<Api>>,
    path: Result<Path<u64>, PathRejection>,
) -> Result<MadeJson, HttpProblem> {
    let Path(id) = path?;
    api.made(format!("round {id}"), move |_, tip| {
        let report = RoundReport::of(&tip.state, RoundId(id));
        report.ok_or_else(|| HttpProblem::not_found(format!("there is no round {id}")))
    })
    .await
}
