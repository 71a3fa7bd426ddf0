//! What is read of the chain: status, blocks, transactions, accounts, money, committee.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use muster_api::{
    Account, Address, Block, BlockSummary, Blocks, Certificate, CommitSignature, Committee, Digest,
    Equivocation, HexBytes, MempoolStatus, Problem, Protocol, SignatureHex, Status, Supply,
    Transaction, ValidatorStatus,
};
use muster_ledger::crypto::Hash;
use muster_ledger::state as entries;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{Answer, Api, parse};
use super::made::MadeJson;
use super::pages::{PageQuery, page};
use super::problems::HttpProblem;
use muster_chain::chain::Tip;
use muster_chain::consensus::StoredCertificate;
use muster_chain::store::{Decided, Store};

/// Most blocks of one answer.
const BLOCKS_MAX: u64 = 200;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(blocks))
        .routes(routes!(block))
        .routes(routes!(transaction))
        .routes(routes!(account))
        .routes(routes!(supply))
        .routes(routes!(committee))
}

impl Api {
    fn validators(&self, tip: &Tip) -> Vec<ValidatorStatus> {
        let status = |validator: &muster_ledger::committee::Validator| ValidatorStatus {
            name: validator.name.clone(),
            address: validator.key.into(),
            online: tip.online(&validator.key),
        };
        tip.state.committee().iter().map(status).collect()
    }

    fn summary(&self, decided: &Decided) -> BlockSummary {
        let header = &decided.header;
        BlockSummary {
            height: header.height.0,
            hash: decided.hash.into(),
            time_ms: header.time_ms,
            previous: header.previous.into(),
            state_root: header.state_root.into(),
            transactions_root: header.transactions_root.into(),
            next_committee: header.next_committee.into(),
            proposer: header.proposer.into(),
            proposer_name: self.names.get(&header.proposer).cloned(),
            transactions: decided.transactions,
            bytes: decided.bytes,
            round: decided.certificate.round,
            signatures: (decided.certificate.signatures.len() as u64, decided.committee),
        }
    }
}

pub(super) fn certificate(stored: &StoredCertificate) -> Certificate {
    let signatures = stored.signatures.iter().map(|(address, signature)| CommitSignature {
        validator: address.0.into(),
        signature: SignatureHex(signature.0),
    });
    Certificate {
        height: stored.height,
        round: stored.round,
        block: stored.block.into(),
        signatures: signatures.collect(),
    }
}

fn equivocation(seen: &muster_chain::consensus::Equivocation) -> Equivocation {
    Equivocation {
        address: seen.address.0.into(),
        height: seen.height.0,
        kind: seen.kind.to_string(),
        messages: seen.messages.iter().cloned().map(HexBytes).collect(),
    }
}

/// The node and the chain in brief.
#[utoipa::path(get, path = "/v1/status", tag = "chain", responses((status = 200, body = Status)))]
pub async fn status(State(api): State<Arc<Api>>) -> Json<Status> {
    let tip = api.now();
    let (clock, parameters) = (tip.state.clock(), tip.state.parameters());
    let (transactions, bytes) = api.mempool.size();
    let seen = api.equivocations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let equivocations = seen.iter().map(equivocation).collect();
    drop(seen);
    Json(Status {
        name: api.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        protocol: Protocol::of(&tip.state),
        network: api.network.clone(),
        chain: clock.chain.into(),
        height: tip.height(),
        first_block: api.store.first(),
        time_ms: tip.header.time_ms,
        block: tip.hash.into(),
        state_root: tip.header.state_root.into(),
        epoch: clock.epoch.0,
        epoch_end: clock.epoch_end.0,
        epoch_blocks: parameters.epoch_blocks,
        block_time_ms: parameters.block_time_ms,
        blocks_per_second: tip.blocks_per_second(),
        validators: api.validators(&tip),
        peers: u64::from(tip.state.places().taken),
        transactions: tip.state.the(entries::chain::counters()).transactions,
        mempool: MempoolStatus { transactions: transactions as u64, bytes: bytes as u64 },
        supply: Supply::of(&tip.state),
        equivocations,
    })
}

/// Which blocks to answer.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct BlocksQuery {
    /// Only blocks below this height.
    before: Option<u64>,
    /// At most so many; 20 unless said, at most 200.
    limit: Option<u64>,
}

/// Blocks, newest first, down to the first that this node keeps.
#[utoipa::path(get, path = "/v1/blocks", tag = "chain", params(BlocksQuery),
               responses((status = 200, body = Blocks)))]
pub async fn blocks(
    State(api): State<Arc<Api>>,
    query: Result<Query<BlocksQuery>, QueryRejection>,
) -> Answer<Blocks> {
    let Query(query) = query?;
    let end = query.before.unwrap_or(u64::MAX).min(api.now().height() + 1);
    let start = end.saturating_sub(query.limit.unwrap_or(20).min(BLOCKS_MAX));
    let start = start.max(api.store.first());
    api.read(move |api| {
        let mut blocks = Vec::new();
        for height in (start..end).rev() {
            blocks.extend(api.store.decided(height)?.map(|decided| api.summary(&decided)));
        }
        Ok(Json(Blocks { blocks }))
    })
    .await
}

/// One block with its certificate and a page of its transactions, by their index. A node may keep
/// the newest blocks alone: its status names the first.
#[utoipa::path(get, path = "/v1/blocks/{height}", tag = "chain",
               params(("height" = u64, Path, description = "The height"), PageQuery),
               responses((status = 200, body = Block), (status = 404, body = Problem),
                         (status = 410, description = "Not kept here", body = Problem)))]
pub async fn block(
    State(api): State<Arc<Api>>,
    path: Result<Path<u64>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<MadeJson, HttpProblem> {
    let (Path(height), Query(query)) = (path?, query?);
    api.made(format!("block {height} {}", query.words()), move |api, tip| {
        let Some((decided, block, outcome)) = api.store.whole(height)? else {
            return Err(no_block(height, api.store.first(), tip.height()));
        };
        let items = block.transactions.iter().zip(&outcome.receipts).zip(0u32..);
        let items = items.filter(|(_, index)| query.reaches(*index));
        let items = items.map(|((signed, receipt), index)| {
            let (fee, result) = (receipt.fee, &receipt.result);
            (index, Transaction::decided(signed, height, index, fee, result))
        });
        let (items, next) = page(items, query.limit, |(index, _)| u64::from(*index));
        Ok(Block {
            summary: api.summary(&decided),
            certificate: certificate(&decided.certificate),
            items: items.into_iter().map(|(_, item)| item).collect(),
            next,
        })
    })
    .await
}

/// Why there is no such block.
fn no_block(height: u64, first: u64, newest: u64) -> HttpProblem {
    if (1..first).contains(&height) {
        return HttpProblem::pruned(height, first);
    }
    HttpProblem::not_found(format!("there is no block {height} yet, the newest is {newest}"))
}

/// A transaction, decided or waiting.
#[utoipa::path(get, path = "/v1/transactions/{hash}", tag = "chain",
               params(("hash" = String, Path, description = "64 hexadecimal digits")),
               responses((status = 200, body = Transaction),
                         (status = 404, body = Problem)))]
pub async fn transaction(
    State(api): State<Arc<Api>>,
    Path(hash): Path<String>,
) -> Answer<Transaction> {
    let Digest(hash) = parse(&hash)?;
    api.read(move |api| {
        if let Some(waiting) = api.mempool.get(&hash) {
            return Ok(Json(Transaction::pending(&waiting)));
        }
        match find_transaction(&api.store, &hash)? {
            Some(transaction) => Ok(Json(transaction)),
            None => Err(no_transaction(&hash, api.store.first())),
        }
    })
    .await
}

/// Why there is no such transaction; `first` is the first block that is kept.
fn no_transaction(hash: &Hash, first: u64) -> HttpProblem {
    let mut detail =
        format!("this node knows no transaction {hash}: it was not sent here, or it expired");
    if first > 1 {
        detail += &format!(", or it was decided before block {first}, the first that is kept here");
    }
    HttpProblem::not_found(detail)
}

fn find_transaction(store: &Store, hash: &Hash) -> Result<Option<Transaction>, HttpProblem> {
    for (height, index) in store.find_transaction(hash)? {
        let Some((_, block, outcome)) = store.whole(height)? else { continue };
        let receipt = outcome.receipts.get(index as usize).filter(|receipt| receipt.hash == *hash);
        if let (Some(receipt), Some(signed)) = (receipt, block.transactions.get(index as usize)) {
            let (fee, result) = (receipt.fee, &receipt.result);
            return Ok(Some(Transaction::decided(signed, height, index, fee, result)));
        }
    }
    Ok(None)
}

/// An account; one that was never used is empty.
#[utoipa::path(get, path = "/v1/accounts/{address}", tag = "chain",
               params(("address" = String, Path, description = "SS58 address")),
               responses((status = 200, body = Account)))]
pub async fn account(State(api): State<Arc<Api>>, Path(address): Path<String>) -> Answer<Account> {
    let Address(key) = parse(&address)?;
    let tip = api.now();
    let pending = api.mempool.nonce_after(&key, tip.state.account(&key).nonce);
    Ok(Json(Account::of(&tip.state, &key, pending)))
}

/// The money supply.
#[utoipa::path(get, path = "/v1/supply", tag = "chain", responses((status = 200, body = Supply)))]
pub async fn supply(State(api): State<Arc<Api>>) -> Json<Supply> {
    Json(Supply::of(&api.now().state))
}

/// The committee of the next height.
#[utoipa::path(get, path = "/v1/committee", tag = "chain",
               responses((status = 200, body = Committee)))]
pub async fn committee(State(api): State<Arc<Api>>) -> Json<Committee> {
    let tip = api.now();
    Json(Committee { height: tip.height() + 1, validators: api.validators(&tip) })
}
