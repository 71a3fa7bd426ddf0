//! What strangers do at peers: take their connections, announce what never comes, make them keep
//! what nobody wants.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use muster_learning::Tokens;
use muster_peer::exchange::client::{CallError, Callee, Caller};
use muster_peer::exchange::counters::Counters;
use muster_peer::exchange::evidence::EvidenceRing;
use muster_peer::exchange::identity::Identity;
use muster_peer::exchange::limits::Limits;
use muster_peer::exchange::tensor::from_tokens;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::orders::Orders;
use super::scene::Scene;
use super::wire;
use crate::error::SiegeError;
use crate::market::Role;

/// How long a connection with a key is held before it is made again with another.
const HOLD: Duration = Duration::from_secs(20);
/// Before a connection that was cut off is made again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that are announced over one connection.
const ANNOUNCED: u64 = 16;
/// What is announced and never sent: as much as a stranger may send.
const ANNOUNCED_BYTES: u32 = 64 << 10;

/// How to call a peer.
pub fn callee(orders: &Orders, peer: usize) -> Callee {
    let (key, door) = orders.peers[peer];
    Callee { key, endpoint: format!("https://{door}"), chain: orders.chain }
}

/// Somebody who calls peers, of a key.
pub fn caller(orders: &Orders, role: Role, index: u64) -> Result<Caller, SiegeError> {
    let identity = Identity::from_seed(*orders.key(role, index).seed());
    let identity = identity.map_err(|error| SiegeError::Wrong(error.to_string()))?;
    let limits = Limits { private_addresses: true, ..Limits::default() };
    let evidence = Arc::new(Mutex::new(EvidenceRing::new(1)));
    Ok(Caller::new(Arc::new(identity), limits, Arc::new(Counters::default()), evidence))
}

/// Counts what came of a call.
pub fn count<T>(scene: &Scene, answer: &Result<T, CallError>) {
    match answer {
        Ok(_) => scene.tally.was_taken(1),
        Err(CallError::Status(status)) if status.code() != tonic::Code::Unavailable => {
            scene.tally.was_refused(1);
        }
        Err(_) => scene.tally.was_cut(1),
    }
}

/// Connections to every peer: every second one says nothing at all, the others have a key of their
/// own, ask once, and stay.
pub fn connections(scene: &Scene, tasks: &mut JoinSet<()>) {
    for peer in 0..scene.orders.peers.len() {
        for index in 0..scene.count() as u64 {
            let scene = scene.clone();
            let number = 10_000 * (peer as u64 + 1) + index;
            tasks.spawn(async move {
                for turn in 0.. {
                    scene.tally.did(1);
                    match index % 2 {
                        0 => silent(&scene, peer, number).await,
                        _ => keyed(&scene, peer, number + 1_000_000 * turn).await,
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
    }
}

async fn silent(scene: &Scene, peer: usize, number: u64) {
    let Scene { orders, tally, .. } = scene;
    match wire::connect(orders.stranger(number), orders.peers[peer].1).await {
        Ok(mut stream) => {
            tally.was_taken(1);
            wire::hung_up(&mut stream).await;
        }
        Err(_) => tally.was_cut(1),
    }
}

async fn keyed(scene: &Scene, peer: usize, number: u64) {
    let Ok(caller) = caller(&scene.orders, Role::Stranger, number) else { return };
    let answer = caller.describe(&callee(&scene.orders, peer), PATIENCE).await;
    count(scene, &answer);
    tokio::time::sleep(HOLD).await;
}

/// Requests of which the five bytes before a message are sent, and nothing more.
pub fn announcements(scene: &Scene, tasks: &mut JoinSet<()>) {
    for peer in 0..scene.orders.peers.len() {
        for index in 0..(scene.count() as u64).div_ceil(ANNOUNCED) {
            let scene = scene.clone();
            let number = 10_000_000 * (peer as u64 + 1) + index;
            tasks.spawn(async move {
                loop {
                    if let Some(sender) = announcer(&scene, peer, number).await {
                        let calls = (0..ANNOUNCED).map(|_| announce(&scene, sender.clone()));
                        futures::future::join_all(calls).await;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
    }
}

type Sender = http2::SendRequest<Announced>;

/// HTTP/2 over an honest handshake.
async fn announcer(scene: &Scene, peer: usize, number: u64) -> Option<Sender> {
    let orders = &scene.orders;
    let (key, door) = orders.peers[peer];
    let identity = Identity::from_seed(*orders.key(Role::Stranger, number).seed()).ok()?;
    let connector = TlsConnector::from(Arc::new(identity.client_config(key).ok()?));
    let stream = wire::connect(orders.stranger(number), door).await.ok()?;
    let stream = connector.connect("localhost".try_into().ok()?, stream).await.ok()?;
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

async fn announce(scene: &Scene, mut sender: Sender) {
    scene.tally.did(1);
    let mut start = vec![0];
    start.extend(ANNOUNCED_BYTES.to_be_bytes());
    let request = tonic::codegen::http::Request::builder()
        .method("POST")
        .uri("http://peer/muster.peer.v1.Peer/Describe")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Announced(Some(start.into())))
        .expect("a well-formed request");
    match tokio::time::timeout(PATIENCE, sender.send_request(request)).await {
        Ok(Ok(_)) => scene.tally.was_refused(1),
        _ => scene.tally.was_cut(1),
    }
}

/// The beginning of a message, and then nothing, for ever.
struct Announced(Option<Bytes>);

impl http_body::Body for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }
}

/// Requests that are to be kept for gradients, of a key that is registered and has no stake.
pub fn keeps(scene: &Scene, tasks: &mut JoinSet<()>) -> Result<(), SiegeError> {
    let caller = Arc::new(caller(&scene.orders, Role::Registered, 0)?);
    let tokens = Tokens::new(1, 4, vec![1, 2, 3, 4]);
    let tensor = from_tokens(&tokens.map_err(|error| SiegeError::Wrong(error.to_string()))?);
    for peer in 0..scene.orders.peers.len() {
        let (scene, caller, tensor) = (scene.clone(), caller.clone(), tensor.clone());
        tasks.spawn(async move {
            let mut beat = scene.beat(scene.rate);
            loop {
                beat.next().await;
                scene.tally.did(1);
                let callee = callee(&scene.orders, peer);
                let answer = caller.forward(&callee, tensor.clone(), true, PATIENCE).await;
                count(&scene, &answer);
            }
        });
    }
    Ok(())
}
