//! What hostile peers do: each attempt gets a clear status and a counter, and honest callers are
//! served as before.

use crate::common::{CHAIN, PATIENCE, Peer, identity, limits, start, table, until};
use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use muster_learning::{Activations, Shape, Tokens};
use muster_ledger::crypto::{Hash, PublicKey};
use muster_peer::exchange::client::Callee;
use muster_peer::exchange::counters::Reason;
use muster_peer::exchange::envelope::{Tag, now_ms, seal_request, seal_response};
use muster_peer::exchange::identity::Identity;
use muster_peer::exchange::limits::{Limits, Share};
use muster_peer::exchange::message::Message;
use muster_peer::exchange::proto::peer_client::PeerClient;
use muster_peer::exchange::proto::{
    BackwardRequest, DescribeRequest, Dtype, ForwardRequest, ForwardResponse, Tensor,
};
use muster_peer::exchange::tensor::{from_activations, from_tokens};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// A small request.
pub fn tokens() -> Tokens {
    Tokens::new(1, 3, vec![1, 2, 3]).expect("counts agree")
}

/// A raw client that sends whatever it is told over an honest TLS connection.
pub async fn connect(identity: &Identity, peer: &Peer) -> PeerClient<Channel> {
    let config = identity.client_config(peer.key()).expect("a usable key");
    let connector = TlsConnector::from(Arc::new(config));
    let address = peer.endpoint.trim_start_matches("https://").to_string();
    let dial = tower::service_fn(move |_| {
        let (connector, address) = (connector.clone(), address.clone());
        async move {
            let stream = TcpStream::connect(address).await?;
            let name = "localhost".try_into().expect("a name");
            let stream = connector.connect(name, stream).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let channel = Endpoint::from_static("http://peer").connect_with_connector_lazy(dial);
    PeerClient::new(channel).max_encoding_message_size(usize::MAX)
}

/// A message signed for a peer, under a fresh id.
pub fn sealed<M: Message>(mut message: M, identity: &Identity, receiver: PublicKey) -> (M, Tag) {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("randomness");
    let tag = seal_request(&mut message, identity, &CHAIN, receiver, id, now_ms());
    (message, tag)
}

fn forward(tensor: Tensor) -> ForwardRequest {
    ForwardRequest { envelope: None, input: Some(tensor), keep: false }
}

/// Asserts that an honest call is answered.
pub async fn served(honest: &Peer, peer: &Peer) {
    let (caller, callee) = (honest.caller(), peer.callee());
    let answer = caller.forward(&callee, from_tokens(&tokens()), false, PATIENCE).await;
    assert_eq!(answer.expect("honest callers are served").1, table(&tokens()));
}

/// Asserts the refusal, its counter, and that an honest call still works.
async fn refused(peer: &Peer, status: Status, code: Code, words: &str, reason: Reason, count: u64) {
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(words), "{status}");
    assert_eq!(peer.exchange.counters.refused(reason), count, "{reason:?}");
    let honest = start(2, &[1, 2, 3], limits(), false).await;
    served(&honest, peer).await;
}

#[tokio::test]
async fn unsigned_and_forged_messages_are_refused() {
    let peer = start(1, &[1, 2, 3], limits(), true).await;
    let attacker = identity(3);
    let mut client = connect(&attacker, &peer).await;
    let good = || sealed(forward(from_tokens(&tokens())), &attacker, peer.key()).0;

    let status = client.forward(forward(from_tokens(&tokens()))).await.expect_err("no envelope");
    refused(&peer, status, Code::Unauthenticated, "no envelope", Reason::Signature, 1).await;

    let mut empty = good();
    if let Some(envelope) = empty.envelope.as_mut() {
        envelope.signature = Bytes::new();
    }
    let status = client.forward(empty).await.expect_err("an empty signature");
    refused(&peer, status, Code::Unauthenticated, "signature has 0 bytes", Reason::Signature, 2)
        .await;

    let mut changed = good();
    changed.keep = true;
    let status = client.forward(changed).await.expect_err("another body than was signed");
    refused(&peer, status, Code::Unauthenticated, "signature is wrong", Reason::Signature, 3).await;

    // Signed in the name of somebody else, with somebody else's key even.
    let (stolen, _) = sealed(forward(from_tokens(&tokens())), &identity(2), peer.key());
    let status = client.forward(stolen).await.expect_err("another's message");
    refused(&peer, status, Code::Unauthenticated, "belongs to another key", Reason::Signature, 4)
        .await;

    let (elsewhere, _) = sealed(forward(from_tokens(&tokens())), &attacker, identity(2).public());
    let status = client.forward(elsewhere).await.expect_err("for somebody else");
    refused(&peer, status, Code::Unauthenticated, "addressed to", Reason::Signature, 5).await;

    let mut message = forward(from_tokens(&tokens()));
    seal_request(&mut message, &attacker, &Hash([9; 32]), peer.key(), [1; 16], now_ms());
    let status = client.forward(message).await.expect_err("another ledger");
    refused(&peer, status, Code::Unauthenticated, "signature is wrong", Reason::Signature, 6).await;
}

#[tokio::test]
async fn replays_and_wrong_clocks_are_refused() {
    let peer = start(1, &[1, 2, 3], limits(), true).await;
    let attacker = identity(3);
    let mut client = connect(&attacker, &peer).await;
    let (message, _) = sealed(forward(from_tokens(&tokens())), &attacker, peer.key());
    client.forward(message.clone()).await.expect("the first time it is a request");
    let status = client.forward(message).await.expect_err("the second time it is a replay");
    refused(&peer, status, Code::AlreadyExists, "already received", Reason::Replay, 1).await;

    for (count, time_ms) in [(1, now_ms() - 60_000), (2, now_ms() + 60_000), (3, u64::MAX)] {
        let mut message = forward(from_tokens(&tokens()));
        seal_request(&mut message, &attacker, &CHAIN, peer.key(), [count as u8; 16], time_ms);
        let status = client.forward(message).await.expect_err("out of time");
        refused(&peer, status, Code::FailedPrecondition, "set the clock", Reason::Clock, count)
            .await;
    }
}

#[tokio::test]
async fn keys_that_are_not_registered_may_only_describe_and_ask() {
    let peer = start(1, &[1, 2], limits(), true).await;
    let stranger = identity(9);
    let mut client = connect(&stranger, &peer).await;
    let (message, _) = sealed(DescribeRequest::default(), &stranger, peer.key());
    client.describe(message).await.expect("anybody may look");
    let (message, _) = sealed(forward(from_tokens(&tokens())), &stranger, peer.key());
    let status = client.forward(message).await.expect_err("not registered");
    refused(&peer, status, Code::PermissionDenied, "register first", Reason::Stranger, 1).await;
    let large =
        Tensor { dtype: Dtype::U8.into(), shape: vec![1, 100_000], data: vec![0; 100_000].into() };
    let (message, _) = sealed(forward(large), &stranger, peer.key());
    let status = client.forward(message).await.expect_err("too large for a stranger");
    refused(&peer, status, Code::ResourceExhausted, "at most 65536", Reason::Size, 1).await;
}

#[tokio::test]
async fn malformed_tensors_are_refused() {
    let peer = start(1, &[1, 2, 3], limits(), true).await;
    let attacker = identity(3);
    let mut client = connect(&attacker, &peer).await;
    let tensor = |dtype: Dtype, shape: &[u32], bytes: usize| Tensor {
        dtype: dtype.into(),
        shape: shape.to_vec(),
        data: vec![0; bytes].into(),
    };
    let cases = [
        (tensor(Dtype::F32, &[1, 1], 4), "dtype"),
        (tensor(Dtype::U8, &[1, 1, 1], 1), "3 dimensions"),
        (tensor(Dtype::U8, &[2, 3], 5), "not the 5 bytes"),
        (tensor(Dtype::U8, &[u32::MAX, u32::MAX], 5), "not the 5 bytes"),
        (tensor(Dtype::U8, &[0, 0], 0), "accepted are 1 to"),
        (tensor(Dtype::U8, &[1, 5000], 5000), "accepted are 1 to"),
        (tensor(Dtype::U8, &[2000, 1], 2000), "accepted are 1 to"),
    ];
    let mut count = 0;
    for (tensor, words) in cases {
        count += 1;
        let (message, _) = sealed(forward(tensor), &attacker, peer.key());
        let status = client.forward(message).await.expect_err(words);
        refused(&peer, status, Code::InvalidArgument, words, Reason::Tensor, count).await;
    }
    for (value, words) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (1e30, "refused")] {
        count += 1;
        let shape = Shape { batch: 1, sequence: 1, width: 1 };
        let gradient = Some(from_activations(Activations { shape, values: vec![value] }));
        let message =
            BackwardRequest { envelope: None, forward_id: Bytes::from_static(&[0; 16]), gradient };
        let (message, _) = sealed(message, &attacker, peer.key());
        let status = client.backward(message).await.expect_err(words);
        refused(&peer, status, Code::InvalidArgument, words, Reason::Tensor, count).await;
    }
}

#[tokio::test]
async fn gradients_of_answers_that_were_never_given_are_refused() {
    let peer = start(1, &[1, 2, 3], limits(), true).await;
    let attacker = identity(3);
    let mut client = connect(&attacker, &peer).await;
    let shape = Shape { batch: 1, sequence: 1, width: 4 };
    for (count, forward_id) in [(1, &[5_u8; 16][..]), (2, &[5_u8; 3][..])] {
        let message = BackwardRequest {
            envelope: None,
            forward_id: Bytes::copy_from_slice(forward_id),
            gradient: Some(from_activations(Activations::zeros(shape))),
        };
        let (message, _) = sealed(message, &attacker, peer.key());
        let status = client.backward(message).await.expect_err("unknown");
        refused(&peer, status, Code::NotFound, "", Reason::UnknownRequest, count).await;
    }
}

#[tokio::test]
async fn a_gigabyte_is_refused_by_its_announced_length() {
    let peer = start(1, &[1, 2, 3], limits(), true).await;
    let attacker = identity(3);
    let mut announcer = announcer(&attacker, &peer).await;
    let status = announcer.announce(1 << 30).await;
    refused(&peer, status, Code::ResourceExhausted, "1073741824 bytes", Reason::Size, 1).await;
    // An answer's bytes are given back when its last byte has left.
    until("all bytes to be given back", || peer.exchange.bytes_in_flight() == 0).await;
}

/// HTTP/2 by hand, so that only the length of a message is ever sent.
pub async fn announcer(identity: &Identity, peer: &Peer) -> Announcer {
    let config = identity.client_config(peer.key()).expect("a usable key");
    let address = peer.endpoint.trim_start_matches("https://").to_string();
    let stream = TcpStream::connect(address).await.expect("it listens");
    let connector = TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().expect("a name");
    let stream = connector.connect(name, stream).await.expect("an honest handshake");
    let (announcer, connection) = h2_client(stream).await;
    tokio::spawn(connection);
    announcer
}

/// Announces the length of a message that never comes, and reads the status.
#[derive(Clone)]
pub struct Announcer(hyper::client::conn::http2::SendRequest<AnnouncedBody>);

type Connection = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn h2_client(stream: tokio_rustls::client::TlsStream<TcpStream>) -> (Announcer, Connection) {
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (send, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.expect("HTTP/2");
    (Announcer(send), Box::pin(async move { drop(connection.await) }))
}

/// The five bytes before a message of some length, and then nothing, for ever.
struct AnnouncedBody(Option<Bytes>);

impl http_body::Body for AnnouncedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(bytes) => std::task::Poll::Ready(Some(Ok(http_body::Frame::data(bytes)))),
            None => std::task::Poll::Pending,
        }
    }
}

impl Announcer {
    /// Announces so many bytes, and waits for the answer.
    pub async fn announce(&mut self, length: u32) -> Status {
        let mut start = vec![0];
        start.extend(length.to_be_bytes());
        let request = tonic::codegen::http::Request::builder()
            .method("POST")
            .uri("http://peer/muster.peer.v1.Peer/Forward")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(AnnouncedBody(Some(start.into())))
            .expect("a well-formed request");
        let answer = tokio::time::timeout(PATIENCE, self.0.send_request(request));
        let response = answer.await.expect("answered in time").expect("answered");
        Status::from_header_map(response.headers()).expect("a gRPC status in the headers")
    }
}

#[tokio::test]
async fn a_peer_with_another_key_than_the_ledger_says_is_not_talked_to() {
    let peer = start(1, &[1, 2], limits(), true).await;
    let honest = start(2, &[1, 2], limits(), false).await;
    let callee = Callee { key: identity(5).public(), ..peer.callee() };
    let error = honest
        .caller()
        .forward(&callee, from_tokens(&tokens()), false, PATIENCE)
        .await
        .expect_err("the certificate is another's");
    assert!(matches!(error, muster_peer::exchange::client::CallError::Status(_)), "{error}");
    assert_eq!(peer.exchange.counters.answered(), 0);
}

#[tokio::test]
async fn connections_without_a_proven_key_and_rubbish_are_dropped() {
    let bounds = Limits { handshake_timeout: Duration::from_secs(2), ..limits() };
    let peer = start(1, &[1, 2, 3], bounds, true).await;
    let address = peer.endpoint.trim_start_matches("https://").to_string();
    let mut rubbish = TcpStream::connect(&address).await.expect("it listens");
    rubbish.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, rubbish.read_to_end(&mut rest)).await.expect("closed");
    let mut silent = TcpStream::connect(&address).await.expect("it listens");
    let _ = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await.expect("closed");

    // TLS without a client certificate.
    let mut config = identity(3).client_config(peer.key()).expect("a usable key");
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(&address).await.expect("it listens");
    let name = "localhost".try_into().expect("a name");
    if let Ok(mut stream) = connector.connect(name, stream).await {
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(read.expect("closed").is_err(), "the server aborts the handshake");
    }
    assert_eq!(peer.exchange.counters.handshakes_failed(), 3);
    let honest = start(2, &[1, 2, 3], limits(), false).await;
    served(&honest, &peer).await;
}

#[derive(Debug)]
struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_key_with_too_many_connections_gives_up_its_own() {
    let mut bounds = limits();
    bounds.staked.connections.each = 2;
    let peer = start(1, &[1, 2, 3], bounds, true).await;
    let attacker = identity(3);
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = connect(&attacker, &peer).await;
        let (message, _) = sealed(DescribeRequest::default(), &attacker, peer.key());
        client.describe(message).await.expect("an idle one of its own makes room");
        clients.push(client);
        assert!(peer.exchange.places.open()[2] <= 2);
    }
    let honest = start(2, &[1, 2, 3], limits(), false).await;
    served(&honest, &peer).await;
}

#[tokio::test]
async fn answers_that_are_unsigned_or_of_another_request_are_refused() {
    // The asker's check, without a server: what a hostile answerer could send.
    let (asker, answerer) = (start(2, &[1, 2], limits(), false).await, identity(1));
    let (_, tag) = sealed(forward(from_tokens(&tokens())), &identity(2), answerer.public());
    let caller = asker.caller();
    let answer =
        || ForwardResponse { envelope: None, output: Some(from_activations(table(&tokens()))) };
    let refusal = |message: &ForwardResponse| {
        caller.check(message, &tag, &CHAIN).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refusal(&answer()).contains("no envelope"));

    let mut good = answer();
    seal_response(&mut good, &answerer, &CHAIN, &tag, now_ms());
    assert_eq!(refusal(&good), "");

    let mut empty = good.clone();
    empty.envelope.as_mut().expect("sealed").signature = Bytes::new();
    assert!(refusal(&empty).contains("signature has 0 bytes"));

    let mut changed = good.clone();
    changed.output.as_mut().expect("there is one").shape = vec![1, 1, 12];
    assert!(refusal(&changed).contains("signature is wrong"));

    let mut other = answer();
    seal_response(&mut other, &answerer, &CHAIN, &Tag { id: [9; 16], ..tag }, now_ms());
    assert!(refusal(&other).contains("another request"));

    // Same id, but the answer to a request with another body.
    let mut swapped = answer();
    let statement = Hash([3; 32]);
    seal_response(&mut swapped, &answerer, &CHAIN, &Tag { statement, ..tag }, now_ms());
    assert!(refusal(&swapped).contains("signature is wrong"));

    let mut old = answer();
    seal_response(&mut old, &answerer, &CHAIN, &tag, now_ms() - 60_000);
    assert!(refusal(&old).contains("set the clock"));

    let mut impostor = answer();
    seal_response(&mut impostor, &identity(7), &CHAIN, &tag, now_ms());
    assert!(refusal(&impostor).contains("belongs to another key"));
}

#[tokio::test]
async fn one_sender_cannot_fill_the_bytes_in_flight_of_all() {
    let mut bounds = limits();
    bounds.staked.bytes = Share { all: 128 << 20, each: 34 << 20 };
    let peer = start(1, &[1, 2, 3], bounds, false).await;
    let attacker = identity(3);
    let client = connect(&attacker, &peer).await;
    let large = Tokens::new(240, 4096, vec![7; 240 * 4096]).expect("counts agree");
    let mut calls: FuturesUnordered<_> = (0..4)
        .map(|_| {
            let mut client = client.clone();
            let (message, _) = sealed(forward(from_tokens(&large)), &attacker, peer.key());
            async move { client.forward(Request::new(message)).await }
        })
        .collect();
    // Two fit with their answers of fifteen mebibytes, and wait; two are told at once.
    for _ in 0..2 {
        let status = calls.next().await.expect("one of four").expect_err("too many bytes");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    }
    assert!(calls.next().now_or_never().is_none(), "the others wait");
    assert_eq!(peer.exchange.counters.refused(Reason::Size), 2);
}
