//! Proofs of entries of the state, for light clients.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use muster_api::{Address, HexBytes, Problem, Proof};
use muster_ledger::encoding::encode;
use muster_ledger::state::{Key, account, market};
use muster_ledger::tree;
use muster_ledger::types::PeerId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{Answer, Api, parse};
use super::chain::certificate;
use super::problems::HttpProblem;

/// How often a proof is tried again when a block is decided meanwhile.
const PROOF_TRIES: usize = 3;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(proof))
}

/// A proof of one entry of the state for a light client: `account` with an address, or `peer` with
/// a number.
#[utoipa::path(get, path = "/v1/proofs/{kind}/{id}", tag = "chain",
               params(("kind" = String, Path, description = "account or peer"),
                      ("id" = String, Path, description = "SS58 address, or the peer's number")),
               responses((status = 200, body = Proof), (status = 400, body = Problem),
                         (status = 503, body = Problem)))]
pub async fn proof(
    State(api): State<Arc<Api>>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer<Proof> {
    let key: Key =
        match kind.as_str() {
            "account" => account::Key::Account(parse::<Address>(&id)?.0).into(),
            "peer" => market::Key::Peer(PeerId(id.parse().map_err(|_| {
                HttpProblem::bad_request(format!("{id} is not the number of a peer"))
            })?))
            .into(),
            _ => return Err(HttpProblem::not_found("proofs are of an account or a peer")),
        };
    api.read(move |api| prove(api, &key).map(Json)).await
}

fn prove(api: &Api, key: &Key) -> Result<Proof, HttpProblem> {
    for _ in 0..PROOF_TRIES {
        let tip = api.now();
        let value = tip.state.get(key).map(encode);
        let known = value.clone().map(|value| (tree::key_hash(key), value));
        let snapshot = api.store.tree(known)?;
        // The database may be a block ahead of the tip that was read.
        let Ok((_, proof)) = tree::prove(&snapshot, tip.header.height, key) else { continue };
        let decided = api.store.decided(tip.height())?.ok_or_else(|| {
            HttpProblem::busy("no block has been decided yet, so that nothing certifies the state")
        })?;
        return Ok(Proof {
            height: tip.height(),
            key: HexBytes(encode(key)),
            value: value.map(HexBytes),
            proof: HexBytes(proof.encode()),
            header: HexBytes(encode(&tip.header)),
            certificate: certificate(&decided.certificate),
        });
    }
    Err(HttpProblem::busy("blocks are decided faster than the proof is made: try again"))
}
