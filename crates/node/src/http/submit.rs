//! The endpoints that take transactions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use muster_api::{Accepted, BatchAccepted, Problem};
use muster_ledger::transaction::{SignedTransaction, TRANSACTION_BYTES_MAX};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::Api;
use super::problems::HttpProblem;
use super::source::Source;
use crate::gossip::HOPS_HEADER;
use muster_chain::mempool::{Refusal, is_forged};

/// Most transactions of one batch.
const BATCH_MAX: usize = 10_000;
/// Longest batch of transactions, bytes.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// What a transaction takes of its sender's rate, in requests: some 50 microseconds, of which a
/// request gets four thousand.
const TRANSACTION_TOKENS: f64 = 1.0 / 80.0;
/// What a signature takes that does not match: an address that hands in eight, after which no more
/// of a submission are looked at, is refused for some seconds. Whoever passes on what others signed
/// has checked it.
const FORGED_TOKENS: f64 = 25.0;

/// The routes of this file; each takes a body as long as what it is for.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    let one = OpenApiRouter::new().routes(routes!(transactions));
    let batch = OpenApiRouter::new().routes(routes!(mempool));
    one.layer(DefaultBodyLimit::max(TRANSACTION_BYTES_MAX))
        .merge(batch.layer(DefaultBodyLimit::max(BATCH_BYTES_MAX)))
}

fn require_octets(headers: &HeaderMap) -> Result<(), HttpProblem> {
    let found = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    if found == Some(b"application/octet-stream") {
        return Ok(());
    }
    let detail = "the body must be sent as application/octet-stream";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(HttpProblem::new(status, "unsupported-media-type", "Unsupported media type", detail))
}

impl Api {
    /// Checks transactions where the processors may be busy with it, two batches at a time; whoever
    /// asks pays for each of them out of its rate.
    async fn check(
        self: &Arc<Self>,
        source: Source,
        transactions: Vec<SignedTransaction>,
    ) -> Result<Vec<Result<muster_ledger::crypto::Hash, Refusal>>, HttpProblem> {
        let charge = |tokens: f64| self.guard.rate.charge(source, tokens, Instant::now());
        charge(transactions.len() as f64 * TRANSACTION_TOKENS);
        let permit = self.checks.clone().acquire_owned().await;
        let permit = permit.map_err(|_| HttpProblem::busy("the node is shutting down"))?;
        let api = self.clone();
        let results = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            api.mempool.submit(transactions)
        })
        .await
        .map_err(|_| HttpProblem::internal("a check failed, the node's log says how"))?;
        charge(results.iter().filter(|result| is_forged(result)).count() as f64 * FORGED_TOKENS);
        let accepted = results.iter().filter(|result| result.is_ok()).count() as u64;
        let known = results.iter().filter(|r| matches!(r, Err(Refusal::Known))).count() as u64;
        let refused = results.len() as u64 - accepted - known;
        self.metrics.mempool_accepted.fetch_add(accepted, Ordering::Relaxed);
        self.metrics.mempool_known.fetch_add(known, Ordering::Relaxed);
        self.metrics.mempool_refused.fetch_add(refused, Ordering::Relaxed);
        Ok(results)
    }
}

/// Hands in one transaction: the borsh encoding of a signed transaction.
#[utoipa::path(post, path = "/v1/transactions", tag = "chain",
               request_body(content = Vec<u8>, content_type = "application/octet-stream",
                            description = "borsh encoding of a SignedTransaction"),
               responses((status = 202, body = Accepted), (status = 400, body = Problem),
                         (status = 422, body = Problem)))]
pub async fn transactions(
    State(api): State<Arc<Api>>,
    source: Source,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Accepted>), HttpProblem> {
    require_octets(&headers)?;
    let transaction = SignedTransaction::decode(&body)
        .map_err(|error| HttpProblem::bad_request(error.to_string()))?;
    let hash = transaction.hash();
    let results = api.check(source, vec![transaction.clone()]).await?;
    match results.into_iter().next() {
        Some(Ok(_)) => api.gossip.originate(&[transaction]),
        // Handing in twice is handing in once.
        Some(Err(Refusal::Known)) => {}
        Some(Err(refusal @ Refusal::Full)) => return Err(HttpProblem::busy(refusal.to_string())),
        Some(Err(refusal)) => return Err(HttpProblem::refused(refusal.to_string())),
        None => return Err(HttpProblem::internal("the check gave no answer")),
    }
    Ok((StatusCode::ACCEPTED, Json(Accepted { hash: hash.into() })))
}

/// Hands in many transactions: the borsh encoding of a list of signed transactions. Nodes pass
/// transactions on with it; the header `muster-hops` says how many times they may still be.
#[utoipa::path(post, path = "/v1/mempool", tag = "chain",
               request_body(content = Vec<u8>, content_type = "application/octet-stream",
                            description = "borsh encoding of a list of SignedTransaction"),
               params(("muster-hops" = Option<u8>, Header, description = "How many times to pass on")),
               responses((status = 202, body = BatchAccepted), (status = 400, body = Problem)))]
pub async fn mempool(
    State(api): State<Arc<Api>>,
    source: Source,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<BatchAccepted>), HttpProblem> {
    require_octets(&headers)?;
    let hops = match headers.get(HOPS_HEADER) {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(|text| text.parse::<u8>().ok())
                .filter(|hops| *hops <= 16)
                .ok_or_else(|| HttpProblem::bad_request("muster-hops must be from 0 to 16"))?,
        ),
    };
    let transactions = decode_batch(&body)?;
    let results = api.check(source, transactions.clone()).await?;
    let mut answer = BatchAccepted { accepted: 0, known: 0, refused: 0, reason: None };
    let mut fresh = Vec::new();
    for (transaction, result) in transactions.into_iter().zip(results) {
        match result {
            Ok(_) => {
                answer.accepted += 1;
                fresh.push(transaction);
            }
            Err(Refusal::Known) => answer.known += 1,
            Err(refusal) => {
                answer.refused += 1;
                answer.reason.get_or_insert_with(|| refusal.to_string());
            }
        }
    }
    match hops {
        Some(hops) => api.gossip.relay(&fresh, hops),
        None => api.gossip.originate(&fresh),
    }
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn decode_batch(body: &[u8]) -> Result<Vec<SignedTransaction>, HttpProblem> {
    let count = body.first_chunk::<4>().map(|count| u32::from_le_bytes(*count) as usize);
    if count.is_some_and(|count| count > BATCH_MAX) {
        let detail = format!("a batch holds at most {BATCH_MAX} transactions");
        return Err(HttpProblem::bad_request(detail));
    }
    muster_ledger::encoding::decode("batch of transactions", body, body.len())
        .map_err(|error| HttpProblem::bad_request(error.to_string()))
}
