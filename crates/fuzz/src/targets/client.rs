//! Answers of a node, read by the client: JSON of every kind, streams of events, and histories of
//! committees and proofs, which are believed only as far as they follow from the genesis.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use futures::StreamExt;
use muster_api::{
    Certificate, Client, CommitSignature, CommitteeChange, CommitteeChanges, HexBytes, Proof,
    SignatureHex,
};
use muster_ledger::block::Header;
use muster_ledger::crypto::{Hash, Signature};
use muster_ledger::encoding::{decode, encode};
use muster_ledger::genesis::Genesis;
use muster_ledger::light::Follower;
use muster_ledger::parameters::Parameters;
use muster_ledger::state::{Key, chain};
use muster_ledger::types::Height;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{choose, chosen};
use crate::Target;
use crate::node::Node;
use crate::support;

/// The client of a node's API.
pub const TARGET: Target = Target {
    name: "client",
    about: "answers of a node: JSON of every kind, events, committees, proofs",
    bytes_max: 8 << 10,
    run,
    seeds,
};

/// Kinds of answers that are decoded alone.
const KINDS: u8 = 18;
/// Rounds of presence, and one of them, behind the kinds that go through the client's requests.
const ROUNDS: u8 = KINDS + 3;
const ROUND: u8 = ROUNDS + 1;

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, ROUND + 1) else { return };
    match kind {
        0 => json::<muster_api::Status>(bytes),
        1 => json::<muster_api::Blocks>(bytes),
        2 => json::<muster_api::Block>(bytes),
        3 => json::<muster_api::Transaction>(bytes),
        4 => json::<muster_api::Account>(bytes),
        5 => json::<muster_api::Peers>(bytes),
        6 => json::<muster_api::Peer>(bytes),
        7 => json::<muster_api::Weights>(bytes),
        8 => json::<muster_api::Market>(bytes),
        9 => json::<muster_api::History>(bytes),
        10 => {
            let _: Result<muster_api::Parameters, _> = serde_json::from_slice(bytes);
        }
        11 => json::<muster_api::Proposals>(bytes),
        12 => json::<muster_api::Supply>(bytes),
        13 => json::<muster_api::Committee>(bytes),
        14 => json::<Proof>(bytes),
        15 => json::<muster_api::Event>(bytes),
        16 => json::<CommitteeChanges>(bytes),
        17 => json::<muster_api::Problem>(bytes),
        ROUNDS => json::<muster_api::presence::Rounds>(bytes),
        ROUND => json::<muster_api::presence::RoundReport>(bytes),
        kind => remote().ask(kind - KINDS, bytes),
    }
}

/// What is read is written so that it is read as the same.
fn json<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_string(&value).expect("writes");
        let again: T = serde_json::from_str(&written).expect("our own JSON");
        let again = serde_json::to_string(&again).expect("writes");
        assert_eq!(again, written, "read as something else");
    }
}

/// A client, and a node that answers whatever it is told to.
struct Remote {
    runtime: Runtime,
    client: Client,
    answer: Arc<Mutex<Vec<u8>>>,
    genesis: Genesis,
}

fn remote() -> &'static Remote {
    static REMOTE: OnceLock<Remote> = OnceLock::new();
    REMOTE.get_or_init(|| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answer = Arc::new(Mutex::new(Vec::new()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(serve(listener, answer.clone()));
        let client = Client::new(vec![url]).expect("a client");
        let genesis = support::genesis(2, Parameters::default());
        Remote { runtime, client, answer, genesis }
    })
}

/// Answers every request on every connection with what is to be answered.
async fn serve(listener: TcpListener, answer: Arc<Mutex<Vec<u8>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let answer = answer.clone();
        tokio::spawn(async move {
            let (mut head, mut chunk) = (Vec::new(), [0; 4_096]);
            while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                head.extend_from_slice(&chunk[..count]);
                if !head.ends_with(b"\r\n\r\n") {
                    continue;
                }
                head.clear();
                let body = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let length = body.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let whole = [head.as_bytes(), &body].concat();
                if stream.write_all(&whole).await.is_err() {
                    return;
                }
            }
        });
    }
}

impl Remote {
    fn ask(&self, kind: u8, bytes: &[u8]) {
        let proof = (kind == 2).then(|| serde_json::from_slice::<Proof>(bytes));
        // Whoever shows a proof is also asked how the committee changed.
        let answer = if kind == 2 { br#"{"changes":[]}"# } else { bytes };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer.to_vec();
        let mut follower = Follower::new(&self.genesis).expect("a genesis");
        let begun = follower.clone();
        self.runtime.block_on(async {
            match (kind, proof) {
                (0, _) => self.listen().await,
                (1, _) => {
                    let _ = self.client.follow(&mut follower, u64::MAX).await;
                }
                (_, Some(Ok(proof))) => {
                    let wanted = decode::<Key>("key", &proof.key.0, proof.key.0.len());
                    let wanted = wanted.unwrap_or_else(|_| chain::Key::Clock.into());
                    let shown = self.client.check_proof(&mut follower, &proof, &wanted).await;
                    assert!(shown.is_err(), "nobody signed what is shown");
                }
                _ => {}
            }
        });
        // Nobody who may sign has signed anything.
        assert_eq!(follower, begun, "a committee that the genesis' did not name");
    }

    /// Reads a stream of events to its end.
    async fn listen(&self) {
        let events = self.client.events(None).await.expect("a node answers");
        let mut events = std::pin::pin!(events);
        while events.next().await.is_some() {}
    }
}

/// What a node answers to each kind of question, in their order.
fn answers() -> Vec<Vec<u8>> {
    let paths = [
        "/v1/status",
        "/v1/blocks",
        "/v1/blocks/{height}",
        "/v1/transactions/{hash}",
        "/v1/accounts/{address}",
        "/v1/peers",
        "/v1/peers/{id}",
        "/v1/weights",
        "/v1/market",
        "/v1/history",
        "/v1/parameters",
        "/v1/proposals",
        "/v1/supply",
        "/v1/committee",
        "/v1/proofs/account/{address}",
        "/v1/rounds",
        "/v1/rounds/{id}",
    ];
    let node = Node::get();
    node.runtime.block_on(async {
        let mut answers = Vec::new();
        for path in paths {
            let request = Request::get(node.path(path)).body(Body::empty()).expect("a path");
            let answer = node.answer(request).await;
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            let body = to_bytes(answer.into_body(), 1 << 20).await.expect("short");
            answers.push(body.to_vec());
        }
        answers
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let kinds = (0..=14).chain([ROUNDS, ROUND]);
    let mut seeds: Vec<Vec<u8>> =
        kinds.zip(answers()).map(|(kind, text)| choose(kind, text)).collect();
    let proof = seeds[14][1..].to_vec();
    let event = r#"{"id":"1.1","height":1,"kind":"transferred","from":"A","to":"B","amount":"1"}"#;
    seeds.push(choose(15, event));
    seeds.push(choose(16, changes()));
    seeds.push(choose(17, r#"{"type":"about:blank","title":"a","status":404,"detail":"b"}"#));
    let stream = format!(": hello\n\nid: 1.0\nevent: block\ndata: {event}\n\ndata:\r\n\r\n");
    seeds.push(choose(KINDS, stream));
    seeds.push(choose(KINDS + 1, changes()));
    seeds.push(choose(KINDS + 2, proof));
    seeds
}

/// A history in which the committee changed once, which nobody signed.
fn changes() -> Vec<u8> {
    let genesis = support::genesis(2, Parameters::default());
    let header = Header { height: Height(3), ..genesis.header(Hash([1; 32])) };
    let block = header.hash();
    let signatures = vec![CommitSignature {
        validator: genesis.validators[0].key.into(),
        signature: SignatureHex(Signature([5; 64])),
    }];
    let certificate = Certificate { height: 3, round: 0, block: block.into(), signatures };
    let change = CommitteeChange {
        height: 3,
        header: HexBytes(encode(&header)),
        certificate,
        validators: genesis.validators.iter().map(Into::into).collect(),
    };
    serde_json::to_vec(&CommitteeChanges { changes: vec![change] }).expect("written")
}
