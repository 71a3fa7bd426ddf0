//! Everything that decodes what others send, on random and on mutated bytes.

use crate::common::{CHAIN, identity};
use muster_learning::Tokens;
use muster_peer::exchange::envelope::{now_ms, read_request, seal_request};
use muster_peer::exchange::identity::key_of;
use muster_peer::exchange::message::Message;
use muster_peer::exchange::proto::{
    AskRequest, AskResponse, BackwardRequest, DescribeResponse, ForwardRequest, ForwardResponse,
};
use muster_peer::exchange::tensor::{from_tokens, to_activations, to_tokens};
use proptest::prelude::*;
use prost::Message as _;
use std::time::Duration;

/// Decodes as every message and does with it what the server and the client do before trusting it.
fn swallow(bytes: &[u8]) {
    let me = identity(2).public();
    let sender = identity(1).public();
    let skew = Duration::from_secs(10);
    if let Ok(message) = ForwardRequest::decode(bytes) {
        let _ = read_request(&message, me, sender, now_ms(), skew).and_then(|r| r.verify(&CHAIN));
        let _ = to_tokens(message.input);
    }
    if let Ok(message) = BackwardRequest::decode(bytes) {
        let _ = read_request(&message, me, sender, now_ms(), skew).and_then(|r| r.verify(&CHAIN));
        let _ = to_activations(message.gradient);
    }
    if let Ok(message) = ForwardResponse::decode(bytes) {
        let _ = to_activations(message.output);
    }
    if let Ok(message) = AskRequest::decode(bytes) {
        let _ = muster_ledger::transaction::SignedTransaction::decode(&message.payment);
    }
    let _ = AskResponse::decode(bytes);
    let _ = DescribeResponse::decode(bytes);
    let _ = key_of(&bytes.into());
}

fn valid() -> Vec<u8> {
    let input = Some(from_tokens(&Tokens::new(2, 2, vec![1, 2, 3, 4]).expect("counts agree")));
    let mut message = ForwardRequest { envelope: None, input, keep: true };
    let receiver = identity(2).public();
    seal_request(&mut message, &identity(1), &CHAIN, receiver, [3; 16], now_ms());
    message.encode_to_vec()
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        swallow(&bytes);
    }

    #[test]
    fn a_mutated_request_is_never_taken_for_a_signed_one(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let original = valid();
        let mut bytes = original.clone();
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        swallow(&bytes);
        let (me, sender) = (identity(2).public(), identity(1).public());
        if let Ok(message) = ForwardRequest::decode(&bytes[..]) {
            let opened =
                read_request(&message, me, sender, now_ms(), Duration::from_secs(10))
                    .and_then(|read| read.verify(&CHAIN));
            let original = ForwardRequest::decode(&original[..]).expect("our own encoding");
            // What is accepted says what was signed, however it was encoded.
            prop_assert!(opened.is_err() || message.body() == original.body());
        }
    }

    #[test]
    fn mutated_certificates_never_panic(
        index in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let certificate =
            rcgen::CertificateParams::default().self_signed(&pair).expect("a certificate");
        let mut der = certificate.der().to_vec();
        let index = index.index(der.len());
        der[index] = value;
        let _ = key_of(&der.into());
    }
}
