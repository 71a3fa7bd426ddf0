//! Payments for continuations, on a node that says what it is told to say.

use crate::common::{CHAIN, PATIENCE, Peer, limits, start_selling, until};
use muster_api::{Account, Client, Problem};
use muster_ledger::crypto::SecretKey;
use muster_ledger::money::Grains;
use muster_ledger::outcome::Rejection;
use muster_ledger::transaction::{SignedTransaction, Transaction, account};
use muster_ledger::types::Height;
use muster_peer::exchange::client::Caller;
use muster_peer::exchange::identity::Identity;
use muster_peer::exchange::proto::{AskRequest, AskResponse};
use muster_peer::exchange::shared::Exchange;
use muster_peer::sale::till::Till;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Status, Streaming};

/// What the node knows.
#[derive(Default)]
struct Ledger {
    /// Transactions that were handed in, each as often as it was.
    handed_in: Vec<SignedTransaction>,
    /// What it decided about them; nothing yet.
    decision: Option<Result<(), Rejection>>,
    /// The payer's nonce.
    nonce: u64,
    /// Whether it has forgotten what was handed in.
    forgotten: bool,
}

type Shared = Arc<Mutex<Ledger>>;

/// Listens like a node, and gives its URL.
async fn node(ledger: Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, ledger.clone()));
        }
    });
    format!("http://{address}")
}

/// Reads one request and answers it.
async fn answer(mut stream: TcpStream, ledger: Shared) {
    let mut request = Vec::new();
    let (head, body) = loop {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(count) if count > 0 => request.extend_from_slice(&bytes[..count]),
            _ => return,
        }
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.trim().parse().expect("a number"));
        if request.len() >= end + 4 + length {
            break (head, request[end + 4..].to_vec());
        }
    };
    let (status, json) = told(&head, &body, &ledger);
    let head = format!(
        "HTTP/1.1 {status} told\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        json.len()
    );
    let _ = stream.write_all(format!("{head}{json}").as_bytes()).await;
}

fn told(head: &str, body: &[u8], ledger: &Shared) -> (u16, String) {
    let mut ledger = ledger.lock().expect("not poisoned");
    if head.starts_with("get /v1/accounts/") {
        let account = Account {
            address: payer().public().into(),
            balance: Grains(1_000_000).into(),
            deposit: Grains(0).into(),
            nonce: ledger.nonce,
            nonce_pending: 1,
            delegations: Vec::new(),
            unbondings: Vec::new(),
            owns: Vec::new(),
            hot_of: None,
        };
        return (200, serde_json::to_string(&account).expect("it serialises"));
    }
    if head.starts_with("post /v1/transactions") {
        let transaction = SignedTransaction::decode(body).expect("a transaction");
        let hash = transaction.hash();
        ledger.handed_in.push(transaction);
        return (202, format!("{{\"hash\":\"{hash}\"}}"));
    }
    match ledger.handed_in.first().filter(|_| !ledger.forgotten) {
        Some(signed) => {
            let told = match &ledger.decision {
                None => muster_api::Transaction::pending(signed),
                Some(result) => muster_api::Transaction::decided(signed, 9, 0, Grains(1), result),
            };
            (200, serde_json::to_string(&told).expect("it serialises"))
        }
        None => {
            let problem = Problem {
                kind: "about:blank".into(),
                title: "Not found".into(),
                status: 404,
                detail: "this node knows no such transaction".into(),
            };
            (404, serde_json::to_string(&problem).expect("it serialises"))
        }
    }
}

fn payer() -> SecretKey {
    SecretKey::from_seed([77; 32])
}

/// A transfer to a peer that is good for one continuation of 64 bytes.
fn payment(peer: &Peer) -> Vec<u8> {
    let transaction = Transaction {
        chain: CHAIN,
        signer: payer().public(),
        nonce: 0,
        expires: Height(50),
        tip: Grains(0),
        action: account::Action::Transfer { to: peer.key(), amount: Grains(64_000) }.into(),
    };
    SignedTransaction::sign(transaction, &payer()).encode()
}

async fn selling(ledger: &Shared) -> Peer {
    let client = Client::new(vec![node(ledger.clone()).await]).expect("a URL");
    start_selling(1, &[1, 2], limits(), true, Till::new(1000, Some(client))).await
}

/// What is heard of a peer, on a connection that stays open for it.
struct Answer {
    stream: Streaming<AskResponse>,
    _caller: Caller,
}

/// Asks as a key that costs nothing.
async fn ask(asker: u8, peer: &Peer, payment: Vec<u8>) -> Result<Answer, String> {
    let identity = Identity::from_seed([asker; 32]).expect("any seed");
    let offer = peer.exchange.offer.clone();
    let caller = Exchange::new(identity, limits(), offer, Till::default()).caller();
    let request = AskRequest {
        text: "To be".into(),
        bytes: 64,
        payment: payment.into(),
        ..AskRequest::default()
    };
    let asked = caller.ask(&peer.callee(), request, PATIENCE).await;
    let (_, stream) = asked.map_err(|error| error.to_string())?;
    Ok(Answer { stream, _caller: caller })
}

impl Answer {
    /// Reads the stream to its end; the bytes, and how it ended.
    async fn read(&mut self, mut heard: usize) -> (usize, Result<(), Status>) {
        loop {
            match self.stream.message().await {
                Ok(Some(response)) => heard += response.network.len(),
                Ok(None) => return (heard, Ok(())),
                Err(status) => return (heard, Err(status)),
            }
        }
    }
}

#[tokio::test]
async fn one_payment_buys_one_continuation_however_many_ask_with_it_at_once() {
    let ledger = Shared::default();
    let peer = selling(&ledger).await;
    let payment = payment(&peer);
    let asks = (100..104).map(|asker| ask(asker, &peer, payment.clone()));
    let answers = futures::future::join_all(asks).await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((served.len(), refused.len()), (1, 3));
    for error in refused.into_iter().filter_map(Result::err) {
        assert!(error.contains("one payment buys one continuation"), "{error}");
    }
    assert_eq!(ledger.lock().expect("not poisoned").handed_in.len(), 1);

    // The first piece comes at once; the rest when the money has moved.
    let mut answer = served.into_iter().find_map(Result::ok).expect("one is served");
    let first = answer.stream.message().await.expect("a piece").expect("not the end");
    assert_eq!(first.network.len(), 8);
    {
        let rest = answer.read(8);
        tokio::pin!(rest);
        assert!(futures::poll!(&mut rest).is_pending(), "the node has not decided");
        ledger.lock().expect("not poisoned").decision = Some(Ok(()));
        let (heard, ended) = rest.await;
        assert!(ended.is_ok() && heard == 64, "{heard} {ended:?}");
    }

    // Nor can it be used again afterwards.
    let error = ask(105, &peer, payment).await.err().expect("used");
    assert!(error.contains("one payment buys one continuation"), "{error}");
}

#[tokio::test]
async fn a_payment_that_fails_or_is_replaced_stops_the_answer_after_its_first_piece() {
    let rejection = Rejection::Balance { needed: Grains(64_000), available: Grains(0) };
    let replaced = |ledger: &mut Ledger| (ledger.forgotten, ledger.nonce) = (true, 1);
    let rejected = |ledger: &mut Ledger| ledger.decision = Some(Err(rejection.clone()));
    let changes: [&dyn Fn(&mut Ledger); 2] = [&replaced, &rejected];
    for (change, words) in changes.into_iter().zip(["took its place", "the payment failed"]) {
        let ledger = Shared::default();
        let peer = selling(&ledger).await;
        let asked = ask(100, &peer, payment(&peer)).await;
        let mut asked = asked.expect("the node takes the payment");
        change(&mut ledger.lock().expect("not poisoned"));
        let (heard, ended) = asked.read(0).await;
        drop(asked);
        let status = ended.expect_err("it is not paid");
        assert!(status.message().contains(words), "{status}");
        assert_eq!(heard, 8, "the first piece is the risk");
        until("nothing is in flight", || peer.exchange.bytes_in_flight() == 0).await;
    }
}

#[tokio::test]
async fn a_payment_that_the_node_refuses_may_be_handed_in_again() {
    let ledger = Shared::default();
    ledger.lock().expect("not poisoned").nonce = 1;
    let peer = selling(&ledger).await;
    let error = ask(100, &peer, payment(&peer)).await.err().expect("its nonce is used");
    assert!(error.contains("the ledger expects 1"), "{error}");
    ledger.lock().expect("not poisoned").nonce = 0;
    ask(100, &peer, payment(&peer)).await.expect("now it is good");
}
