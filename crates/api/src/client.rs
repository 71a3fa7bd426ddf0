//! A client of the API over several nodes: what one node cannot answer, the next is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use muster_ledger::crypto::{Hash, PublicKey, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::transaction::{self as ledger, Action, SignedTransaction};
use muster_ledger::types::Height;
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::account::Account;
use crate::chain::{
    Accepted, BatchAccepted, Blocks, Proof, Receipt, Transaction, TransactionState,
};
use crate::event::Event;
use crate::governance::Proposals;
use crate::market::{Market, Peer};
use crate::parameters::Parameters;
use crate::presence::RoundReport;
use crate::problem::Problem;
use crate::scalar::Digest;
use crate::sse;
use crate::status::{Committee, Status, Supply};
use crate::telemetry::TelemetryReport;

/// Largest answer that the client reads.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How often [`Client::wait`] asks.
const WAIT_INTERVAL: Duration = Duration::from_millis(100);

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no node to ask.
    #[error("no node URL was given")]
    NoUrl,
    /// A URL cannot be used.
    #[error("{url:?} is not the URL of a node ({why}); give one such as http://127.0.0.1:7700")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The TLS part could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Setup(String),
    /// No node answered.
    #[error("no node answers at {urls}: {cause}")]
    Unreachable {
        /// All that were tried.
        urls: String,
        /// The last failure.
        cause: String,
    },
    /// A node answered with a problem.
    #[error("{url}: {} ({})", .problem.detail, .problem.status)]
    Problem {
        /// The URL asked.
        url: String,
        /// Its answer.
        problem: Box<Problem>,
    },
    /// The answer is not what the API promises.
    #[error("{url} answered with something that is not this API: {why}")]
    Answer {
        /// The URL asked.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// A node names another chain than the pinned one.
    #[error(
        "the node is on the chain {named}, the pinned one is {pinned}: nothing is signed for \
         another; ask a node of the pinned chain, or pin the other"
    )]
    Chain {
        /// What the node says.
        named: Hash,
        /// What was pinned.
        pinned: Hash,
    },
    /// No chain is pinned, so that a node would choose what is signed.
    #[error("nothing is signed before it is known for which chain: pin one")]
    Unpinned,
    /// A transaction was not decided in time.
    #[error("transaction {hash} was not decided within {seconds} s")]
    Undecided {
        /// The transaction.
        hash: Digest,
        /// The time waited.
        seconds: u64,
    },
}

impl ClientError {
    /// The HTTP status, where a node answered with a problem.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            _ => None,
        }
    }
}

/// A client of one or more nodes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    urls: Arc<Vec<Url>>,
    http: reqwest::Client,
    /// Index of the node that answered last: asked first.
    preferred: Arc<AtomicUsize>,
    /// The chain that is signed for, once it is pinned; clones share it.
    pinned: Arc<OnceLock<Hash>>,
}

/// One request, ready to be sent to any of the nodes.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
}

impl Client {
    /// A client of the nodes at `urls`, such as `http://127.0.0.1:7700`.
    ///
    /// # Errors
    /// When there is no URL or one cannot be used.
    pub fn new(urls: Vec<String>) -> Result<Self, ClientError> {
        if urls.is_empty() {
            return Err(ClientError::NoUrl);
        }
        // Whoever is first in the process installs the provider; that another was first is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let urls = urls.iter().map(|url| parse_url(url)).collect::<Result<Vec<_>, _>>()?;
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .build()
            .map_err(|error| ClientError::Setup(chain_of(&error)))?;
        Ok(Self { urls: Arc::new(urls), http, preferred: Arc::default(), pinned: Arc::default() })
    }

    /// Pins a chain: from now on this client and its clones sign for no other.
    ///
    /// # Errors
    /// [`ClientError::Chain`] where another is pinned already.
    pub fn pin(&self, chain: Hash) -> Result<(), ClientError> {
        match *self.pinned.get_or_init(|| chain) {
            pinned if pinned == chain => Ok(()),
            pinned => Err(ClientError::Chain { named: chain, pinned }),
        }
    }

    /// The pinned chain.
    #[must_use]
    pub fn pinned(&self) -> Option<Hash> {
        self.pinned.get().copied()
    }

    /// The URLs that this client asks.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.urls.iter().map(ToString::to_string).collect()
    }

    /// `GET /v1/status`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("v1/status", &[]).await
    }

    /// `GET /v1/blocks`: up to `limit` blocks below height `before` (default: the newest), newest
    /// first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn blocks(
        &self,
        before: Option<u64>,
        limit: Option<u64>,
    ) -> Result<Blocks, ClientError> {
        let mut query = vec![];
        query.extend(before.map(|height| ("before", height.to_string())));
        query.extend(limit.map(|count| ("limit", count.to_string())));
        self.get("v1/blocks", &query).await
    }

    /// `GET /v1/transactions/{hash}`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn transaction(&self, hash: &Digest) -> Result<Transaction, ClientError> {
        self.get(&format!("v1/transactions/{hash}"), &[]).await
    }

    /// `GET /v1/accounts/{address}`. An account that nobody paid yet is empty, not an error.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn account(&self, address: &PublicKey) -> Result<Account, ClientError> {
        self.get(&format!("v1/accounts/{address}"), &[]).await
    }

    /// `GET /v1/peers/{id}`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn peer(&self, id: u32) -> Result<Peer, ClientError> {
        self.get(&format!("v1/peers/{id}"), &[]).await
    }

    /// `GET /v1/market`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn market(&self) -> Result<Market, ClientError> {
        self.get("v1/market", &[]).await
    }

    /// `GET /v1/parameters`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn parameters(&self) -> Result<Parameters, ClientError> {
        self.get("v1/parameters", &[]).await
    }

    /// `GET /v1/proposals`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn proposals(&self) -> Result<Proposals, ClientError> {
        self.get("v1/proposals", &[]).await
    }

    /// `GET /v1/supply`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn supply(&self) -> Result<Supply, ClientError> {
        self.get("v1/supply", &[]).await
    }

    /// `GET /v1/committee`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn committee(&self) -> Result<Committee, ClientError> {
        self.get("v1/committee", &[]).await
    }

    /// `GET /v1/proofs/account/{address}`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn prove_account(&self, address: &PublicKey) -> Result<Proof, ClientError> {
        self.get(&format!("v1/proofs/account/{address}"), &[]).await
    }

    /// `GET /v1/proofs/peer/{id}`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn prove_peer(&self, id: u32) -> Result<Proof, ClientError> {
        self.get(&format!("v1/proofs/peer/{id}"), &[]).await
    }

    /// `POST /v1/transactions`: hands in one transaction; the answer is its hash.
    ///
    /// # Errors
    /// A [`ClientError::Problem`] says why the node refuses it.
    pub async fn submit(&self, transaction: &SignedTransaction) -> Result<Digest, ClientError> {
        let body = borsh::to_vec(transaction).expect("encoding to memory does not fail");
        let accepted: Accepted =
            self.post("v1/transactions", "application/octet-stream", body).await?;
        Ok(accepted.hash)
    }

    /// `GET /v1/rounds/{id}`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn round(&self, id: u64) -> Result<RoundReport, ClientError> {
        self.get(&format!("v1/rounds/{id}"), &[]).await
    }

    /// `GET /v1/proofs/round/{id}`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn prove_round(&self, id: u64) -> Result<Proof, ClientError> {
        self.get(&format!("v1/proofs/round/{id}"), &[]).await
    }

    /// An action signed by a key, with the next nonce of its account and after the transactions
    /// that wait; it may be decided within the next `expiry_blocks` blocks.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::Unpinned`] before [`Self::pin`], and
    /// [`ClientError::Chain`] where the node is on another chain than the pinned one.
    pub async fn prepare(
        &self,
        key: &SecretKey,
        action: Action,
        tip: Grains,
        expiry_blocks: u64,
    ) -> Result<SignedTransaction, ClientError> {
        let signer = key.public();
        let (status, account) = futures::try_join!(self.status(), self.account(&signer))?;
        let pinned = self.pinned().ok_or(ClientError::Unpinned)?;
        if pinned != status.chain.0 {
            return Err(ClientError::Chain { named: status.chain.0, pinned });
        }
        let transaction = ledger::Transaction {
            chain: pinned,
            signer,
            nonce: account.nonce_pending,
            expires: Height(status.height.saturating_add(expiry_blocks)),
            tip,
            action,
        };
        Ok(SignedTransaction::sign(transaction, key))
    }

    /// `POST /v1/mempool`: hands in many at once; says how many were taken.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn submit_batch(
        &self,
        transactions: &[SignedTransaction],
    ) -> Result<BatchAccepted, ClientError> {
        let body = borsh::to_vec(transactions).expect("encoding to memory does not fail");
        self.post("v1/mempool", "application/octet-stream", body).await
    }

    /// `POST /v1/telemetry` to **all** nodes: each keeps its own copy. Succeeds when one took it.
    ///
    /// # Errors
    /// The last failure when no node took it.
    pub async fn report(&self, report: &TelemetryReport) -> Result<(), ClientError> {
        let body = serde_json::to_vec(report).expect("strings and numbers serialise");
        let mut outcome = Err(ClientError::NoUrl);
        for url in self.urls.iter() {
            let request = Request {
                method: Method::POST,
                path: "v1/telemetry",
                query: &[],
                body: Some(("application/json", body.clone())),
            };
            match self.send(url, &request).await {
                Ok(_) => outcome = Ok(()),
                Err((error, _)) if outcome.is_err() => outcome = Err(error),
                Err(_) => {}
            }
        }
        outcome
    }

    /// Whether a node is up and follows the chain (`GET /ready`).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ready(&self) -> Result<(), ClientError> {
        let request = Request { method: Method::GET, path: "ready", query: &[], body: None };
        self.ask(&request).await.map(|_| ())
    }

    /// Waits until a transaction is decided.
    ///
    /// # Errors
    /// [`ClientError::Undecided`] after `timeout`; other failures of single questions are retried
    /// until then.
    pub async fn wait(&self, hash: &Digest, timeout: Duration) -> Result<Receipt, ClientError> {
        let start = Instant::now();
        loop {
            if let Ok(transaction) = self.transaction(hash).await
                && let Some(receipt) = receipt_of(&transaction)
            {
                return Ok(receipt);
            }
            if start.elapsed() >= timeout {
                return Err(ClientError::Undecided { hash: *hash, seconds: timeout.as_secs() });
            }
            tokio::time::sleep(WAIT_INTERVAL).await;
        }
    }

    /// `GET /v1/events`: the events after `last` (an id such as "12.3"), then new ones as they
    /// come. The stream ends when the connection does; go on from the last id.
    ///
    /// # Errors
    /// When no node opens the stream.
    pub async fn events(
        &self,
        last: Option<&str>,
    ) -> Result<impl Stream<Item = Result<Event, ClientError>> + use<>, ClientError> {
        let url = self.order().next().ok_or(ClientError::NoUrl)?.clone();
        let target = join(&url, "v1/events")?;
        let mut builder = self.http.get(target.clone()).header("accept", "text/event-stream");
        if let Some(last) = last {
            builder = builder.header("last-event-id", last);
        }
        let response = builder.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(problem_of(&target, response.status(), &read(&target, response).await?));
        }
        let name = target.to_string();
        let mut parser = sse::Parser::default();
        Ok(response.bytes_stream().flat_map(move |chunk| {
            let items: Vec<Result<Event, ClientError>> = match chunk {
                Ok(bytes) => match parser.push(&bytes) {
                    Ok(data) => data.iter().map(|json| decode(&name, json.as_bytes())).collect(),
                    Err(error) => {
                        vec![Err(ClientError::Answer { url: name.clone(), why: error.to_string() })]
                    }
                },
                Err(error) => {
                    vec![Err(ClientError::Unreachable {
                        urls: name.clone(),
                        cause: chain_of(&error),
                    })]
                }
            };
            futures::stream::iter(items)
        }))
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let (url, bytes) =
            self.ask(&Request { method: Method::GET, path, query, body: None }).await?;
        decode(&url, &bytes)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &'static str,
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        let request =
            Request { method: Method::POST, path, query: &[], body: Some((media_type, body)) };
        let (url, bytes) = self.ask(&request).await?;
        decode(&url, &bytes)
    }

    /// Asks the nodes in turn, the one that answered last first. Only failures of the node itself
    /// (no connection, 5xx, 429) move on to the next; a refusal is an answer.
    pub(crate) async fn ask(
        &self,
        request: &Request<'_>,
    ) -> Result<(String, Vec<u8>), ClientError> {
        let mut last = ClientError::NoUrl;
        for url in self.order() {
            match self.send(url, request).await {
                Ok(answer) => {
                    let index = self.urls.iter().position(|known| known == url).unwrap_or(0);
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err((error, true)) => last = error,
                Err((error, false)) => return Err(error),
            }
        }
        Err(last)
    }

    fn order(&self) -> impl Iterator<Item = &Url> {
        let first = self.preferred.load(Ordering::Relaxed).min(self.urls.len() - 1);
        self.urls[first..].iter().chain(&self.urls[..first])
    }

    /// Sends to one node. The flag of an error says whether another node might do better.
    async fn send(
        &self,
        url: &Url,
        request: &Request<'_>,
    ) -> Result<(String, Vec<u8>), (ClientError, bool)> {
        let mut target = join(url, request.path).map_err(|error| (error, false))?;
        if !request.query.is_empty() {
            target.query_pairs_mut().extend_pairs(request.query);
        }
        let mut builder =
            self.http.request(request.method.clone(), target.clone()).timeout(REQUEST_TIMEOUT);
        if let Some((media_type, body)) = &request.body {
            builder = builder.header("content-type", *media_type).body(body.clone());
        }
        let response = builder.send().await.map_err(|error| (self.unreachable(&error), true))?;
        let status = response.status();
        let bytes = read(&target, response).await.map_err(|error| (error, true))?;
        if status.is_success() {
            return Ok((target.to_string(), bytes));
        }
        let elsewhere = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        Err((problem_of(&target, status, &bytes), elsewhere))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { urls: self.urls().join(", "), cause: chain_of(error) }
    }
}

fn receipt_of(transaction: &Transaction) -> Option<Receipt> {
    let result = match transaction.state {
        TransactionState::Pending => return None,
        TransactionState::Applied => Ok(()),
        TransactionState::Rejected => Err(transaction.rejection.clone().unwrap_or_default()),
    };
    Some(Receipt {
        hash: transaction.hash,
        height: transaction.height?,
        fee: transaction.fee.unwrap_or_default(),
        result,
    })
}

fn parse_url(text: &str) -> Result<Url, ClientError> {
    let fault = |why: String| ClientError::Url { url: text.to_string(), why };
    let mut url = Url::parse(text).map_err(|error| fault(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault(format!("the scheme is {}", url.scheme())));
    }
    // Joining drops what follows the last slash.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn join(url: &Url, path: &str) -> Result<Url, ClientError> {
    url.join(path)
        .map_err(|error| ClientError::Url { url: format!("{url}{path}"), why: error.to_string() })
}

async fn read(url: &Url, response: reqwest::Response) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| ClientError::Unreachable {
            urls: url.to_string(),
            cause: chain_of(&error),
        })?;
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            let why = format!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
            return Err(ClientError::Answer { url: url.to_string(), why });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

pub(crate) fn decode<T: DeserializeOwned>(url: &str, bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ClientError::Answer { url: url.to_string(), why: error.to_string() })
}

fn problem_of(url: &Url, status: StatusCode, bytes: &[u8]) -> ClientError {
    let problem = serde_json::from_slice(bytes).unwrap_or_else(|_| Problem {
        kind: "about:blank".to_string(),
        title: status.canonical_reason().unwrap_or("error").to_string(),
        status: status.as_u16(),
        detail: String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned(),
    });
    ClientError::Problem { url: url.to_string(), problem: Box::new(problem) }
}

/// An error with its causes: reqwest's own message leaves the reason out.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
