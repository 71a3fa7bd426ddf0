//! What travels between engines, and the engine's log on disk.

use std::fs::OpenOptions;
use std::io;

use bytes::Bytes;
use malachitebft_app_channel::app::wal::Log;
use malachitebft_codec::Codec;
use malachitebft_core_consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use malachitebft_core_types::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, SignedMessage, ValidatorProof, Validity,
    VoteType,
};
use malachitebft_engine::util::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_sync as sync;
use muster_chain::consensus::codec::{EngineCodec, StoredCertificate};
use muster_chain::consensus::context::{
    Address, BlockId, EngineSignature, Height, MusterContext, Part, Proposal, Vote,
};
use muster_chain::consensus::log::mend;
use muster_ledger::crypto::{Hash, PublicKey, Signature};

use super::{choose, chosen, proposals};
use crate::Target;

/// The engine's codec and log.
pub const TARGET: Target = Target {
    name: "consensus",
    about: "votes, proposals, parts, certificates, sync and liveness messages, the engine's log",
    bytes_max: 16 << 10,
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 11) else { return };
    match kind {
        0 => canonical::<SignedConsensusMsg<MusterContext>>(bytes),
        1 => canonical::<LivenessMsg<MusterContext>>(bytes),
        2 => canonical::<Part>(bytes),
        3 => canonical::<StreamMessage<Part>>(bytes),
        4 => canonical::<ProposedValue<MusterContext>>(bytes),
        5 => canonical::<PolkaCertificate<MusterContext>>(bytes),
        6 => canonical::<sync::Status<MusterContext>>(bytes),
        7 => canonical::<sync::Request<MusterContext>>(bytes),
        8 => canonical::<sync::Response<MusterContext>>(bytes),
        9 => canonical::<ValidatorProof<MusterContext>>(bytes),
        _ => log(bytes),
    }
}

/// What is accepted is what would have been sent.
fn canonical<T>(bytes: &[u8])
where
    EngineCodec: Codec<T, Error = io::Error>,
{
    let codec = EngineCodec::default();
    let decoded: io::Result<T> = codec.decode(Bytes::copy_from_slice(bytes));
    if let Ok(value) = decoded {
        assert_eq!(codec.encode(&value).expect("encodes"), bytes, "not canonical");
    }
}

/// A mended log stays as it is when it is mended again, and the engine reads it to its end, or to
/// an entry of which it says that it is damaged.
fn log(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    std::fs::write(&path, bytes).expect("written");
    let open = || OpenOptions::new().read(true).write(true).open(&path).expect("there");
    mend(&mut open()).expect("the disk works");
    let mended = std::fs::read(&path).expect("read");
    assert!(bytes.starts_with(&mended), "more was changed than cut off");
    mend(&mut open()).expect("the disk works");
    assert_eq!(std::fs::read(&path).expect("read"), mended, "mended twice");
    if let Ok(mut log) = Log::open(&path) {
        let entries = log.iter().expect("reads").take_while(Result::is_ok);
        let _: Vec<_> = entries.take(bytes.len() + 1).collect();
    }
}

/// A log of two entries.
fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let mut log = Log::open(&path).expect("made");
    log.reset(7).expect("begins");
    for entry in [b"one", b"two"] {
        log.append(entry).expect("written");
    }
    log.flush().expect("written");
    drop(log);
    std::fs::read(&path).expect("there")
}

fn vote(kind: VoteType, value: NilOrVal<BlockId>) -> SignedMessage<MusterContext, Vote> {
    let address = Address(PublicKey([4; 32]));
    let vote = Vote { kind, height: Height(7), round: Round::new(1), value, address };
    SignedMessage::new(vote, signature())
}

fn signature() -> EngineSignature {
    EngineSignature(Signature([5; 64]))
}

fn seeds() -> Vec<Vec<u8>> {
    let codec = EngineCodec::default();
    let mut seeds = Vec::new();
    let mut add = |kind, bytes: io::Result<Bytes>| {
        seeds.push(choose(kind, bytes.expect("our own message encodes")));
    };
    let (block, height, address) = (BlockId(Hash([3; 32])), Height(7), Address(PublicKey([4; 32])));
    let (round, before) = (Round::new(1), Round::new(0));
    for value in [NilOrVal::Nil, NilOrVal::Val(block)] {
        let vote = vote(VoteType::Precommit, value);
        add(0, codec.encode(&SignedConsensusMsg::Vote(vote.clone())));
        add(1, codec.encode(&LivenessMsg::Vote(vote)));
    }
    let proposal = Proposal { height, round, value: block, pol_round: before, address };
    let proposal = SignedMessage::new(proposal, signature());
    add(0, codec.encode(&SignedConsensusMsg::Proposal(proposal)));
    let part = proposals::part();
    add(2, codec.encode(&part));
    let name = StreamId::new(Bytes::from_static(b"stream"));
    let data = StreamMessage::new(name.clone(), 4, StreamContent::Data(part));
    add(3, codec.encode(&data));
    add(3, codec.encode(&StreamMessage::new(name, 5, StreamContent::Fin)));
    let proposed = ProposedValue {
        height,
        round,
        valid_round: before,
        proposer: address,
        value: block,
        validity: Validity::Valid,
    };
    add(4, codec.encode(&proposed));
    let polka = PolkaCertificate {
        height,
        round,
        value_id: block,
        polka_signatures: vec![PolkaSignature::new(address, signature())],
    };
    add(1, codec.encode(&LivenessMsg::PolkaCertificate(polka.clone())));
    add(5, codec.encode(&polka));
    let certificate =
        StoredCertificate::new(height, round, block, [(address, signature())]).to_engine();
    let value = sync::RawDecidedValue::new(Bytes::from(vec![9; 40]), certificate);
    let response = sync::ValueResponse::new(height, vec![value]);
    add(8, codec.encode(&sync::Response::ValueResponse(response)));
    let request = sync::ValueRequest::new(height..=Height(9));
    add(7, codec.encode(&sync::Request::ValueRequest(request)));
    // As libp2p writes the identity of an Ed25519 key.
    let peer = [&[0, 36, 8, 1, 18, 32][..], &PublicKey([2; 32]).0].concat();
    let peer_id = malachitebft_peer::PeerId::from_bytes(&peer).expect("an identity");
    let status = sync::Status { peer_id, tip_height: Height(9), history_min_height: height };
    add(6, codec.encode(&status));
    let proof = ValidatorProof::new(vec![4; 32], vec![6; 38], signature());
    add(9, codec.encode(&proof));
    add(10, Ok(written().into()));
    // A list of 2^32 - 1 blocks in twelve bytes.
    add(8, Ok([5u64.to_le_bytes().as_slice(), &u32::MAX.to_le_bytes()].concat().into()));
    seeds
}
