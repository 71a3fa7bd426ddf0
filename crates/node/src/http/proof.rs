//! What light clients need: the genesis, changes of the committee, proofs of entries of the state.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use muster_api::{Address, CommitteeChange, CommitteeChanges, HexBytes, Member, Problem, Proof};
use muster_ledger::encoding::encode;
use muster_ledger::state::{Key, account, market, presence};
use muster_ledger::tree;
use muster_ledger::types::{PeerId, RoundId};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{Answer, Api, parse};
use super::chain::certificate;
use super::limits::ANSWER_TIMEOUT;
use super::problems::HttpProblem;
use muster_chain::chain::Tip;

/// How often a proof is tried again when a block is decided meanwhile.
const PROOF_TRIES: usize = 3;
/// Changes of the committee of one answer end with the one that brings their members to so many:
/// some 400 bytes each, with their signatures.
const MEMBERS_MAX: usize = 512;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(genesis)).routes(routes!(committees)).routes(routes!(proof))
}

/// The genesis: its digest is the chain's identity.
#[utoipa::path(get, path = "/v1/genesis", tag = "chain",
               responses((status = 200, description = "The document that the network began with"),
                         (status = 404, body = Problem)))]
pub async fn genesis(State(api): State<Arc<Api>>) -> Result<Response, HttpProblem> {
    match &api.genesis {
        Some(document) => {
            Ok(([(header::CONTENT_TYPE, "application/json")], document.clone()).into_response())
        }
        None => Err(HttpProblem::not_found(
            "this network's genesis is too long to be given here: take the file from where you \
             learned of the network",
        )),
    }
}

/// Which changes of the committee to answer.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CommitteesQuery {
    /// Only changes above this height; all unless said.
    after: Option<u64>,
}

/// The blocks at which the committee changed, oldest first, some at a time: ask again after the
/// last one until there are none.
#[utoipa::path(get, path = "/v1/committees", tag = "chain", params(CommitteesQuery),
               responses((status = 200, body = CommitteeChanges)))]
pub async fn committees(
    State(api): State<Arc<Api>>,
    query: Result<Query<CommitteesQuery>, QueryRejection>,
) -> Answer<CommitteeChanges> {
    let Query(query) = query?;
    api.read(move |api| {
        let changes = api.store.committees(query.after.unwrap_or(0), MEMBERS_MAX)?;
        let changes = changes.iter().map(|change| CommitteeChange {
            height: change.decided.header.height.0,
            header: HexBytes(encode(&change.decided.header)),
            certificate: certificate(&change.decided.certificate),
            validators: change.next.iter().map(Member::from).collect(),
        });
        Ok(Json(CommitteeChanges { changes: changes.collect() }))
    })
    .await
}

/// A proof of one entry of the state for a light client: `account` with an address, `peer` or
/// `round` with a number.
#[utoipa::path(get, path = "/v1/proofs/{kind}/{id}", tag = "chain",
               params(("kind" = String, Path, description = "account, peer or round"),
                      ("id" = String, Path, description = "SS58 address, or a number")),
               responses((status = 200, body = Proof), (status = 400, body = Problem),
                         (status = 503, body = Problem)))]
pub async fn proof(
    State(api): State<Arc<Api>>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer<Proof> {
    let no_number = |_| HttpProblem::bad_request(format!("{id} is not the number of a {kind}"));
    let key: Key = match kind.as_str() {
        "account" => account::Key::Account(parse::<Address>(&id)?.0).into(),
        "peer" => market::Key::Peer(PeerId(id.parse().map_err(no_number)?)).into(),
        "round" => presence::Key::Round(RoundId(id.parse().map_err(no_number)?)).into(),
        _ => return Err(HttpProblem::not_found("proofs are of an account, a peer or a round")),
    };
    let mut tip = api.tip.clone();
    for _ in 0..PROOF_TRIES {
        let now = tip.borrow_and_update().clone();
        if let Some(proof) = api.read(move |api| prove(api, &now, &key)).await? {
            return Ok(Json(proof));
        }
        // The block that is on the disk already is the next to be told of. An error means that the
        // node ends.
        let _ = tokio::time::timeout(ANSWER_TIMEOUT, tip.changed()).await;
    }
    Err(HttpProblem::busy("blocks are decided faster than the proof is made: try again"))
}

/// A proof in the state after a block; `None` where the disk is a block ahead of it.
fn prove(api: &Api, tip: &Tip, key: &Key) -> Result<Option<Proof>, HttpProblem> {
    let value = tip.state.get(key).map(encode);
    let known = value.clone().map(|value| (tree::key_hash(key), value));
    let snapshot = api.store.tree(known)?;
    let Ok((_, proof)) = tree::prove(&snapshot, tip.header.height, key) else { return Ok(None) };
    let decided = api.store.decided(tip.height())?.ok_or_else(|| {
        HttpProblem::busy("no block has been decided yet, so that nothing certifies the state")
    })?;
    Ok(Some(Proof {
        height: tip.height(),
        key: HexBytes(encode(key)),
        value: value.map(HexBytes),
        proof: HexBytes(proof.encode()),
        header: HexBytes(encode(&tip.header)),
        certificate: certificate(&decided.certificate),
    }))
}
