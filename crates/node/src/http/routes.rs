//! The endpoints that read: each answers from the newest state, or from the database.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use muster_api::{
    Account, Address, Block, BlockSummary, Blocks, Certificate, CommitSignature, Committee, Digest,
    HexBytes, History, HistoryEpoch, HistoryPeer, Market, MempoolStatus, Parameters, Peer, Peers,
    Proof, Proposals, SignatureHex, Status, Supply, Transaction, ValidatorStatus, Weights,
};
use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::encoding::encode;
use muster_ledger::state::Key;
use muster_ledger::transaction::PeerId;
use muster_ledger::tree;
use serde::Deserialize;

use super::Api;
use super::problems::HttpProblem;
use crate::chain::Tip;
use crate::consensus::StoredCertificate;
use crate::store::{Decided, HistoryPoint, Store};

type Answer<T> = Result<Json<T>, HttpProblem>;

/// Most blocks of one answer.
const BLOCKS_MAX: u64 = 200;
/// Most epochs of one answer.
const EPOCHS_MAX: usize = 500;
/// How often a proof is tried again when a block is decided meanwhile.
const PROOF_TRIES: usize = 3;

impl Api {
    fn now(&self) -> Arc<Tip> {
        self.tip.borrow().clone()
    }

    /// Runs what waits for the disk where it may wait.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        body: impl FnOnce(&Api) -> Result<T, HttpProblem> + Send + 'static,
    ) -> Result<T, HttpProblem> {
        let api = self.clone();
        tokio::task::spawn_blocking(move || body(&api))
            .await
            .map_err(|_| HttpProblem::internal("a request failed, the node's log says how"))?
    }

    fn validators(&self, tip: &Tip) -> Vec<ValidatorStatus> {
        let status = |validator: &muster_ledger::genesis::Validator| ValidatorStatus {
            name: validator.name.clone(),
            address: validator.key.into(),
            online: tip.online(&validator.key),
        };
        tip.state.committee().iter().map(status).collect()
    }

    fn peer(&self, tip: &Tip, id: PeerId) -> Option<Peer> {
        let telemetry = tip.state.peer(id).and_then(|peer| self.reports.of(&peer.hot));
        Peer::of(&tip.state, id, telemetry)
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

fn certificate(stored: &StoredCertificate) -> Certificate {
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

fn parse<T: std::str::FromStr<Err = muster_api::ScalarError>>(
    text: &str,
) -> Result<T, HttpProblem> {
    text.parse()
        .map_err(|error: muster_api::ScalarError| HttpProblem::bad_request(error.to_string()))
}

/// The node and the chain in brief.
#[utoipa::path(get, path = "/v1/status", tag = "chain", responses((status = 200, body = Status)))]
pub async fn status(State(api): State<Arc<Api>>) -> Json<Status> {
    let tip = api.now();
    let (clock, parameters, counters) =
        (tip.state.clock(), tip.state.parameters(), tip.state.counters());
    let (transactions, bytes) = api.mempool.size();
    let equivocations =
        api.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    Json(Status {
        name: api.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        network: api.network.clone(),
        chain: clock.chain.into(),
        height: tip.height(),
        time_ms: tip.header.time_ms,
        block: tip.hash.into(),
        state_root: tip.header.state_root.into(),
        epoch: clock.epoch,
        epoch_end: clock.epoch_end.0,
        epoch_blocks: parameters.epoch_blocks,
        block_time_ms: parameters.block_time_ms,
        blocks_per_second: tip.blocks_per_second(),
        validators: api.validators(&tip),
        peers: u64::from(counters.peers),
        transactions: counters.transactions,
        mempool: MempoolStatus { transactions: transactions as u64, bytes: bytes as u64 },
        supply: Supply::of(&tip.state),
        equivocations,
    })
}

/// Which blocks to answer.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct BlocksQuery {
    /// Only blocks below this height.
    before: Option<u64>,
    /// At most so many; 20 unless said, at most 200.
    limit: Option<u64>,
}

/// Blocks, newest first.
#[utoipa::path(get, path = "/v1/blocks", tag = "chain", params(BlocksQuery),
               responses((status = 200, body = Blocks)))]
pub async fn blocks(
    State(api): State<Arc<Api>>,
    query: Result<Query<BlocksQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<Blocks> {
    let Query(query) = query?;
    let end = query.before.unwrap_or(u64::MAX).min(api.now().height() + 1);
    let start = end.saturating_sub(query.limit.unwrap_or(20).min(BLOCKS_MAX)).max(1);
    api.read(move |api| {
        let mut blocks = Vec::new();
        for height in (start..end).rev() {
            blocks.extend(api.store.decided(height)?.map(|decided| api.summary(&decided)));
        }
        Ok(Json(Blocks { blocks }))
    })
    .await
}

/// One block with its certificate and transactions.
#[utoipa::path(get, path = "/v1/blocks/{height}", tag = "chain",
               params(("height" = u64, Path, description = "The height")),
               responses((status = 200, body = Block), (status = 404, body = muster_api::Problem)))]
pub async fn block(
    State(api): State<Arc<Api>>,
    path: Result<Path<u64>, axum::extract::rejection::PathRejection>,
) -> Answer<Block> {
    let Path(height) = path?;
    api.read(move |api| {
        let (Some(decided), Some(outcome)) =
            (api.store.decided(height)?, api.store.outcome(height)?)
        else {
            let newest = api.now().height();
            let detail = format!("there is no block {height} yet, the newest is {newest}");
            return Err(HttpProblem::not_found(detail));
        };
        let block = api.store.block(&decided)?;
        let items = block.transactions.iter().zip(&outcome.receipts).zip(0u32..);
        let items = items.map(|((signed, receipt), index)| {
            Transaction::decided(signed, height, index, receipt.fee, &receipt.result)
        });
        Ok(Json(Block {
            summary: api.summary(&decided),
            certificate: certificate(&decided.certificate),
            items: items.collect(),
        }))
    })
    .await
}

/// A transaction, decided or waiting.
#[utoipa::path(get, path = "/v1/transactions/{hash}", tag = "chain",
               params(("hash" = String, Path, description = "64 hexadecimal digits")),
               responses((status = 200, body = Transaction),
                         (status = 404, body = muster_api::Problem)))]
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
            None => Err(HttpProblem::not_found(format!(
                "this node knows no transaction {hash}: it was not sent here, or it expired"
            ))),
        }
    })
    .await
}

fn find_transaction(store: &Store, hash: &Hash) -> Result<Option<Transaction>, HttpProblem> {
    for (height, index) in store.find_transaction(hash)? {
        let Some(outcome) = store.outcome(height)? else { continue };
        let receipt = outcome.receipts.get(index as usize).filter(|receipt| receipt.hash == *hash);
        if let (Some(receipt), Some(decided)) = (receipt, store.decided(height)?)
            && let Some(signed) = store.block(&decided)?.transactions.get(index as usize)
        {
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

/// All peers.
#[utoipa::path(get, path = "/v1/peers", tag = "market", responses((status = 200, body = Peers)))]
pub async fn peers(State(api): State<Arc<Api>>) -> Json<Peers> {
    let tip = api.now();
    let peers = tip.state.peers().filter_map(|(id, _)| api.peer(&tip, id)).collect();
    Json(Peers { height: tip.height(), peers })
}

/// One peer.
#[utoipa::path(get, path = "/v1/peers/{id}", tag = "market",
               params(("id" = u32, Path, description = "The peer's number")),
               responses((status = 200, body = Peer), (status = 404, body = muster_api::Problem)))]
pub async fn peer(
    State(api): State<Arc<Api>>,
    path: Result<Path<u32>, axum::extract::rejection::PathRejection>,
) -> Answer<Peer> {
    let Path(id) = path?;
    let tip = api.now();
    let peer = api.peer(&tip, PeerId(id));
    peer.map(Json).ok_or_else(|| HttpProblem::not_found(format!("there is no peer {id}")))
}

/// The weights that peers give each other.
#[utoipa::path(get, path = "/v1/weights", tag = "market",
               responses((status = 200, body = Weights)))]
pub async fn weights(State(api): State<Arc<Api>>) -> Json<Weights> {
    Json(Weights::of(&api.now().state))
}

/// The last market epoch, and what registration takes.
#[utoipa::path(get, path = "/v1/market", tag = "market", responses((status = 200, body = Market)))]
pub async fn market(State(api): State<Arc<Api>>) -> Json<Market> {
    Json(Market::of(&api.now().state))
}

/// Which epochs to answer.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Only epochs after this one.
    after: Option<u64>,
}

/// The market at the close of past epochs, oldest first; at most 500 at once.
#[utoipa::path(get, path = "/v1/history", tag = "market", params(HistoryQuery),
               responses((status = 200, body = History)))]
pub async fn history(
    State(api): State<Arc<Api>>,
    query: Result<Query<HistoryQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<History> {
    let Query(query) = query?;
    api.read(move |api| {
        let points = api.store.history(query.after.unwrap_or(0), EPOCHS_MAX)?;
        Ok(Json(History { epochs: points.into_iter().map(history_epoch).collect() }))
    })
    .await
}

fn history_epoch(point: HistoryPoint) -> HistoryEpoch {
    let score = |grid: i64| muster_ledger::state::Score(grid).to_f64();
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

/// The parameters of the chain.
#[utoipa::path(get, path = "/v1/parameters", tag = "chain",
               responses((status = 200, body = Parameters)))]
pub async fn parameters(State(api): State<Arc<Api>>) -> Json<Parameters> {
    Json(Parameters::of(&api.now().state))
}

/// Open proposals to change a parameter.
#[utoipa::path(get, path = "/v1/proposals", tag = "chain",
               responses((status = 200, body = Proposals)))]
pub async fn proposals(State(api): State<Arc<Api>>) -> Json<Proposals> {
    Json(Proposals::of(&api.now().state))
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

/// A proof of one entry of the state for a light client: `account` with an address, or `peer` with
/// a number.
#[utoipa::path(get, path = "/v1/proofs/{kind}/{id}", tag = "chain",
               params(("kind" = String, Path, description = "account or peer"),
                      ("id" = String, Path, description = "SS58 address, or the peer's number")),
               responses((status = 200, body = Proof), (status = 400, body = muster_api::Problem),
                         (status = 503, body = muster_api::Problem)))]
pub async fn proof(
    State(api): State<Arc<Api>>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer<Proof> {
    let key =
        match kind.as_str() {
            "account" => Key::Account(parse::<Address>(&id)?.0),
            "peer" => Key::Peer(PeerId(id.parse().map_err(|_| {
                HttpProblem::bad_request(format!("{id} is not the number of a peer"))
            })?)),
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

/// Names of validators by key, as genesis gives them.
pub(crate) type Names = std::collections::HashMap<PublicKey, String>;
