//! What peers say to each other: gRPC messages, their envelopes, tensors, certificates.

use std::sync::OnceLock;
use std::time::Duration;

use muster_learning::{Activations, Shape, Tokens};
use muster_ledger::crypto::Hash;
use muster_peer::exchange::envelope::{open_response, read_request, seal_request, seal_response};
use muster_peer::exchange::identity::{Identity, key_of};
use muster_peer::exchange::message::Message;
use muster_peer::exchange::proto::{
    AskRequest, AskResponse, BackwardRequest, BackwardResponse, DescribeRequest, DescribeResponse,
    ForwardRequest, ForwardResponse,
};
use muster_peer::exchange::tensor::{from_activations, from_tokens, to_activations, to_tokens};

use rustls::pki_types::PrivatePkcs8KeyDer;

use super::{choose, chosen};
use crate::Target;

/// Messages between peers.
pub const TARGET: Target = Target {
    name: "exchange",
    about: "gRPC messages between peers, their envelopes and tensors, certificates",
    bytes_max: 8 << 10,
    run,
    seeds,
};

const CHAIN: Hash = Hash([42; 32]);
const NOW_MS: u64 = 1_700_000_000_000;
const SKEW: Duration = Duration::from_secs(10);
const ID: [u8; 16] = [3; 16];

fn identities() -> &'static [Identity; 2] {
    static IDENTITIES: OnceLock<[Identity; 2]> = OnceLock::new();
    IDENTITIES.get_or_init(|| {
        [1, 2].map(|seed| Identity::from_seed([seed; 32]).expect("any seed gives an identity"))
    })
}

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 9) else { return };
    match kind {
        0 => drop(request::<DescribeRequest>(bytes)),
        1 => drop(response::<DescribeResponse>(bytes)),
        2 => {
            if let Some(message) = request::<ForwardRequest>(bytes)
                && let Ok(tokens) = to_tokens(message.input.clone())
            {
                assert_eq!(Some(from_tokens(&tokens)), message.input, "other tokens");
            }
        }
        3 => tensor(response::<ForwardResponse>(bytes).and_then(|message| message.output)),
        4 => tensor(request::<BackwardRequest>(bytes).and_then(|message| message.gradient)),
        5 => drop(response::<BackwardResponse>(bytes)),
        6 => {
            if let Some(message) = request::<AskRequest>(bytes) {
                let _ = muster_ledger::transaction::SignedTransaction::decode(&message.payment);
            }
        }
        7 => drop(response::<AskResponse>(bytes)),
        _ => {
            if let Ok(key) = key_of(&bytes.into()) {
                assert!(key.is_valid());
            }
        }
    }
}

/// A message of the exchange.
trait Spoken: Message + prost::Message + Default + PartialEq + std::fmt::Debug {}

impl<M: Message + prost::Message + Default + PartialEq + std::fmt::Debug> Spoken for M {}

fn tensor(found: Option<muster_peer::exchange::proto::Tensor>) {
    if let Ok(activations) = to_activations(found.clone()) {
        assert!(activations.values.iter().all(|value| value.is_finite()));
        assert_eq!(Some(from_activations(activations)), found, "other values");
    }
}

/// Reads a message as it came and, where it can be read, as if its sender had sealed it.
fn request<M: Spoken>(bytes: &[u8]) -> Option<M> {
    let [asker, answerer] = identities();
    let mut message = read::<M>(bytes)?;
    let (me, sender) = (answerer.public(), asker.public());
    let as_it_came = read_request(&message, me, sender, NOW_MS, SKEW);
    if let Ok(tag) = as_it_came.and_then(|read| read.verify(&CHAIN)) {
        assert_eq!((tag.asker, tag.answerer), (sender, me));
    }
    let sealed = seal_request(&mut message, asker, &CHAIN, me, ID, NOW_MS);
    let message = read::<M>(&message.encode_to_vec()).expect("our own encoding");
    let opened = read_request(&message, me, sender, NOW_MS, SKEW)
        .and_then(|read| read.verify(&CHAIN))
        .expect("what was sealed is opened");
    assert_eq!(opened, sealed);
    let other = Hash([43; 32]);
    let elsewhere = read_request(&message, me, sender, NOW_MS, SKEW);
    assert!(elsewhere.and_then(|read| read.verify(&other)).is_err(), "taken on another chain");
    Some(message)
}

/// The same for an answer.
fn response<M: Spoken>(bytes: &[u8]) -> Option<M> {
    let [asker, answerer] = identities();
    let mut message = read::<M>(bytes)?;
    let mut question = DescribeRequest::default();
    let tag = seal_request(&mut question, asker, &CHAIN, answerer.public(), ID, NOW_MS);
    let _ = open_response(&message, &tag, &CHAIN, NOW_MS, SKEW);
    let sealed = seal_response(&mut message, answerer, &CHAIN, &tag, NOW_MS);
    let message = read::<M>(&message.encode_to_vec()).expect("our own encoding");
    let opened = open_response(&message, &tag, &CHAIN, NOW_MS, SKEW);
    assert_eq!(opened.expect("what was sealed is opened"), sealed);
    Some(message)
}

/// Decodes, and decodes again what that encodes to.
fn read<M: Spoken>(bytes: &[u8]) -> Option<M> {
    let message = M::decode(bytes).ok()?;
    let again = M::decode(message.encode_to_vec().as_slice()).expect("our own encoding");
    assert_eq!(again, message);
    Some(message)
}

fn sealed<M: Spoken>(mut message: M) -> Vec<u8> {
    let [asker, answerer] = identities();
    let tag = seal_request(&mut message, asker, &CHAIN, answerer.public(), ID, NOW_MS);
    if M::RESPONSE {
        seal_response(&mut message, answerer, &CHAIN, &tag, NOW_MS);
    }
    message.encode_to_vec()
}

fn seeds() -> Vec<Vec<u8>> {
    let tokens = Tokens::new(2, 2, vec![1, 2, 3, 4]).expect("counts agree");
    let shape = Shape { batch: 1, sequence: 2, width: 2 };
    let values = || Activations::new(shape, vec![0.5, -1.0, 2.0, 0.0]).expect("counts agree");
    let input = Some(from_tokens(&tokens));
    let output = Some(from_activations(values()));
    let gradient = Some(from_activations(values()));
    let forward_id = ID.to_vec().into();
    let described = DescribeResponse {
        name: "peer".into(),
        version: "0.1.0".into(),
        modality: "TEXT".into(),
        context: 32,
        width: 48,
        ..Default::default()
    };
    let ask = AskRequest {
        text: b"once upon".to_vec().into(),
        bytes: 16,
        payment: vec![7; 40].into(),
        seed: 1,
        ..Default::default()
    };
    let asked = vec![vec![1; 32].into(), vec![2; 32].into()];
    let piece = AskResponse { index: 1, done: true, asked, ..Default::default() };
    let backward = BackwardRequest { forward_id, gradient, ..Default::default() };
    let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8());
    let pair = rcgen::KeyPair::try_from(&pkcs8).expect("a key");
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).expect("made");
    vec![
        choose(0, sealed(DescribeRequest::default())),
        choose(1, sealed(described)),
        choose(2, sealed(ForwardRequest { input, keep: true, ..Default::default() })),
        choose(3, sealed(ForwardResponse { output, ..Default::default() })),
        choose(4, sealed(backward)),
        choose(5, sealed(BackwardResponse { applied: true, ..Default::default() })),
        choose(6, sealed(ask)),
        choose(7, sealed(piece)),
        choose(8, certificate.der().as_ref()),
    ]
}

/// An Ed25519 key as RFC 8410 writes it.
fn pkcs8() -> Vec<u8> {
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    [&prefix[..], &[7; 32]].concat()
}
