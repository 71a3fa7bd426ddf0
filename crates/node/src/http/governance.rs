//! The parameters of the chain and the proposals to change them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::{Parameters, Proposals};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::Api;
use super::made::MadeJson;
use super::problems::HttpProblem;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(parameters)).routes(routes!(proposals))
}

/// The parameters of the chain.
#[utoipa::path(get, path = "/v1/parameters", tag = "chain",
               responses((status = 200, body = Parameters)))]
pub async fn parameters(State(api): State<Arc<Api>>) -> Json<Parameters> {
    Json(Parameters::of(&api.now().state))
}

/// Open proposals to change a parameter.
#[utoipa::path(get, path = "/v1/proposals", tag = "chain",
               responses((status = 200, body = Proposals)))]
pub async fn proposals(State(api): State<Arc<Api>>) -> Result<MadeJson, HttpProblem> {
    api.made("proposals".to_string(), |_, tip| Ok(Proposals::of(&tip.state))).await
}
