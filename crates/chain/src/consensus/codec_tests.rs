use malachitebft_core_types::{NilOrVal, SignedMessage, VoteType};
use muster_ledger::crypto::{PublicKey, Signature};
use proptest::prelude::*;

use super::super::context::{Announcement, Origin, ValidatorSet, Vote};
use super::super::parts::{Assembler, Present};
use super::super::signing::ChainVerifier;
use super::*;

fn vote(round: u32) -> SignedConsensusMsg<MusterContext> {
    let vote = Vote {
        kind: VoteType::Precommit,
        height: Height(7),
        round: Round::new(round),
        value: NilOrVal::Val(BlockId(Hash([3; 32]))),
        address: Address(PublicKey([4; 32])),
    };
    SignedConsensusMsg::Vote(SignedMessage::new(vote, EngineSignature(Signature([5; 64]))))
}

fn part() -> Part {
    let origin = Origin { round: Round::new(0), signature: Signature([6; 64]) };
    let announcement = Announcement {
        height: Height(3),
        round: Round::new(2),
        valid_round: Round::new(1),
        proposer: Address(PublicKey([2; 32])),
        block: Hash([1; 32]),
        bytes: 100,
        pieces: Hash([8; 32]),
        origin: Some(origin),
        signature: Signature([3; 64]),
    };
    let hashes = vec![Hash([8; 32]); 2];
    Part { announcement, hashes, index: 0, piece: Bytes::from(vec![7; 100]) }
}

/// Every decoder that bytes from the network or the log reach.
fn decode_all(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    macro_rules! each {
        ($($kind:ty),*) => {$(
            let decoded: io::Result<$kind> = EngineCodec::default().decode(bytes.clone());
            if let Ok(value) = decoded {
                // Canonical: what is accepted is what would have been sent.
                assert_eq!(EngineCodec::default().encode(&value).expect("encodes"), bytes);
            }
        )*};
    }
    each!(
        SignedConsensusMsg<MusterContext>,
        LivenessMsg<MusterContext>,
        Part,
        StreamMessage<Part>,
        ProposedValue<MusterContext>,
        PolkaCertificate<MusterContext>,
        sync::Status<MusterContext>,
        sync::Request<MusterContext>,
        sync::Response<MusterContext>,
        ValidatorProof<MusterContext>
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
    }

    #[test]
    fn no_damaged_message_panics(position in 0usize..4_096, bit in 0u8..8, kept in 0usize..4_096) {
        let certificate = StoredCertificate::new(
            Height(3),
            Round::new(0),
            BlockId(Hash([1; 32])),
            [(Address(PublicKey([2; 32])), EngineSignature(Signature([3; 64])))],
        );
        let value = sync::RawDecidedValue::new(Bytes::from(vec![9; 40]), certificate.to_engine());
        let response =
            sync::Response::ValueResponse(sync::ValueResponse::new(Height(3), vec![value]));
        let stream = StreamMessage::new(
            StreamId::new(Bytes::from_static(b"stream")),
            4,
            StreamContent::Data(part()),
        );
        for whole in [
            EngineCodec::default().encode(&vote(2)).expect("encodes"),
            EngineCodec::default().encode(&response).expect("encodes"),
            EngineCodec::default().encode(&stream).expect("encodes"),
        ] {
            decode_all(&whole);
            let mut damaged = whole.to_vec();
            let position = position % damaged.len();
            damaged[position] ^= 1 << bit;
            decode_all(&damaged);
            decode_all(&whole[..kept % (whole.len() + 1)]);
        }
    }
}

#[test]
fn a_length_that_lies_allocates_nothing() {
    // A list of 2^32 - 1 blocks in twelve bytes.
    let mut bytes = 5u64.to_le_bytes().to_vec();
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    decode_all(&bytes);
}

#[test]
fn rounds_beyond_reason_are_refused() {
    let bytes = EngineCodec::default().encode(&vote(u32::MAX)).expect("encodes");
    let decoded: io::Result<SignedConsensusMsg<MusterContext>> =
        EngineCodec::default().decode(bytes);
    assert!(decoded.is_err());
    let bytes = EngineCodec::default().encode(&vote(3)).expect("encodes");
    let decoded: io::Result<SignedConsensusMsg<MusterContext>> =
        EngineCodec::default().decode(bytes);
    assert_eq!(decoded.expect("decodes"), vote(3));
}

#[test]
fn the_length_of_a_response_is_known_before_it_is_encoded() {
    let certificate = StoredCertificate::new(
        Height(3),
        Round::new(1),
        BlockId(Hash([1; 32])),
        (0..4).map(|i| (Address(PublicKey([i; 32])), EngineSignature(Signature([i; 64])))),
    );
    let values: Vec<_> = (0..3)
        .map(|i| sync::RawDecidedValue::new(Bytes::from(vec![i; 1_000]), certificate.to_engine()))
        .collect();
    let response = sync::Response::ValueResponse(sync::ValueResponse::new(Height(3), values));
    let length = EngineCodec::default().encoded_len(&response).expect("known");
    assert_eq!(length, EngineCodec::default().encode(&response).expect("encodes").len());
}

#[test]
fn signatures_out_of_order_and_twice_are_refused() {
    let by = |key: u8| (Address(PublicKey([key; 32])), EngineSignature(Signature([5; 64])));
    let decoded = |keys: &[u8]| {
        let signatures = keys.iter().map(|key| by(*key)).collect();
        let certificate =
            StoredCertificate { height: 7, round: 1, block: Hash([3; 32]), signatures };
        let blocks = vec![SyncedBlock { block: Bytes::from_static(b"block"), certificate }];
        let bytes = encode(&(Height(7), blocks)).expect("encodes");
        decode_all(&bytes);
        let answer: io::Result<sync::Response<MusterContext>> =
            EngineCodec::default().decode(bytes);
        answer
    };
    assert!(decoded(&[]).is_ok() && decoded(&[2, 4, 9]).is_ok());
    for keys in [&[4, 2][..], &[2, 2], &[2, 4, 4], &[2, 9, 4]] {
        let error = decoded(keys).expect_err("refused");
        assert!(error.to_string().contains("order of their keys"), "{error}");
    }
}

#[test]
fn with_an_inlet_nothing_of_a_part_goes_on() {
    let committee = ValidatorSet::new([PublicKey([2; 32])]);
    let present = Present { height: 3, round: 0, committee, block_bytes_max: 1 << 20 };
    let verifier = ChainVerifier { chain: Hash([9; 32]) };
    let inlet = Arc::new(Inlet::new(Assembler::new(verifier, present)));
    let codec = EngineCodec { inlet: Some(inlet.clone()) };
    let name = StreamId::new(Bytes::from(vec![1; 100_000]));
    let contents = [StreamContent::Data(part()), StreamContent::Fin];
    for content in contents {
        let message = StreamMessage::new(name.clone(), 7, content);
        let bytes = codec.encode(&message).expect("encodes");
        let note: StreamMessage<Part> = codec.decode(bytes).expect("decodes");
        assert_eq!(note, StreamMessage::new(StreamId::new(Bytes::new()), 0, StreamContent::Fin));
    }
    assert_eq!(inlet.refused(), 1);
    let note: StreamMessage<Part> = codec.decode(Bytes::from_static(b"none")).expect("decodes");
    assert_eq!(note, StreamMessage::new(StreamId::new(Bytes::new()), 0, StreamContent::Fin));
    assert_eq!(inlet.refused(), 2);
}
