//! One pinned hash per encoding, and decoders under random and damaged bytes.

use std::collections::BTreeMap;

use muster_ledger::block::{Block, Header};
use muster_ledger::crypto::{Hash, hash};
use muster_ledger::encoding::{DecodeError, decode, encode};
use muster_ledger::event::{Event, Receipt};
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::{ParameterChange, Parameters};
use muster_ledger::state::{Key, Pool, Value};
use muster_ledger::transaction::{
    Action, Payment, PeerId, Registration, Rejection, SignedTransaction,
};
use muster_ledger::tree::{Proof, prove};
use proptest::prelude::*;

use crate::support::{Chain, address, endpoint, genesis, key, mst, row};

/// Hashes of the encodings of one sample each. A change means that old data can no longer be
/// read; to regenerate, run the test and copy what it prints.
const PINNED: &[(&str, &str)] = &[
    ("block", "fc69e91fb695fa6edaf7fdc92baa659dd3ae940150f4bd2f639476982480f555"),
    ("entry Account", "10caca3a1731f4beace21cfc0e71352b8934881c9bb0de1e0f5adca300d3d2e1"),
    ("entry Clock", "4c7dc5d2b27262d447e33f95b43480f64267af0bb7e6f82b35b4dbf681edd8da"),
    ("entry Commitment", "0bcd89c4a80b78aac1a5c4412f07c37badf0fe2a407c73d2e4abe784ba0980df"),
    ("entry Committee", "f5457fb15b4ade01b89a817b744ce51493c373b3f601a8177b54d8bbc946a691"),
    ("entry Counters", "712d68ce85b3f8b88283ee0e2983a3bb60761fd33ba8d94a9ef4caaf11a85a20"),
    ("entry Delegation", "1932eb48459fa9d0787ee82e71f416f841e171becc56f57076fdd1f7b1c16bb1"),
    ("entry DelegationOf", "772a3483295288063df19a23457ee6e15ec2580188a1815c4ab7b4d6df89b507"),
    ("entry Market", "46d4f1d936a8bd5f7f20646c0b322cc502eea5d6884cfe5fb09f85e1ad00b5e8"),
    ("entry Parameters", "547564587d7c38cb28244d87b220fcacddeaa63d8f6e0881d82d80dde9c74dd4"),
    ("entry Payout", "d9a0364a4de1088ad70c1135c7e2655d795dc5b60cea3901a37785224354a8fc"),
    ("entry Peer", "a80755a02474c736eddbde1d4176048d9433f91a4f0dc3ac423fd264f62a74d2"),
    ("entry PeerByHot", "82a36123500a3e7d3115e1d71f23ddf134ab90206a4022178b9ddc96822591a0"),
    ("entry Proposal", "2870149443b1714b77a77984311537362760ac675cb8740398e1a3412767f1db"),
    ("entry Pruning", "0bab46bfe82423a1eb99ab03d5d34980f813d37cddd30f520293df526066059c"),
    ("entry Registration", "eca18e4f081692779cd0cc57d5482ec755b6a7d909219a7169c65e7fcff5c470"),
    ("entry Retired", "328ecf5ac4b45c608cef5bd3f6ababe7a8b918434b2156f1cbe81b3349742f91"),
    ("entry Supply", "5a93c14ed14f4bb2c079eed249d2adf2a972e09f046a530db6e6248b624a2ac2"),
    ("entry Unbonding", "f740b6f9e02a2b0d133c2c61d676bbca913c2dd7f7c744f42031ea9aff6a84c1"),
    ("entry UnbondingOf", "46ca82e3829a0f5f257ffee9be160d919f18800b6e91acede6b728a7e4c4c4ed"),
    ("entry Validators", "3cabb984e7a11f5f0a38e665a4d24c740793edacba4a3d229eff513cf1526f15"),
    ("entry Vote", "e2559fccf5950a8be5fccab9b94dade3460b52c3ed6f5c812426e9bdc34b9ea3"),
    ("entry Weights", "bf7a5869740791e4a198451976d331555c92168ca11e9c5ce77331e7deb8b4ed"),
    ("event", "e76bd77777da91f9fcb4de22e909c0537e493d9c1832e232641885cd99c97c00"),
    ("genesis", "60ff74fb1e67ab2bdf7f5fe2ad136e62cb2bb5558548217b454dad17e8184680"),
    ("header", "d8f9b6fcd8ebad46b18d8381b02226661751c8258ddaa87f275ec9c238d6bc47"),
    ("parameters", "419f90bae32aad329d5915d2d209cd61f5c2ec30b74ae965cddfece922b89b2e"),
    ("proof", "68442fb81134927c1ff3e0c82b82eae2dc638e1b7f173df4d897fc31bff7d00f"),
    ("receipt", "1167f3c71c8ffe4177daf8376bf38469145d687261b1d8e1666dd34ad996d994"),
    ("receipts", "3521858fa53eae24a58729c14a279788cde179906ad21f52396f8c19523ff1f5"),
    ("transaction 00", "7227acd8df9de7a0fe0e178bfe4038ad5248dbe8d2e4a2c8d0a52d9077d53022"),
    ("transaction 01", "64dc19708f2244b1dd533c0685bf4526b8574b888a99e8b8d1f33f94eafe034c"),
    ("transaction 02", "6166272e0898c6b14dbe4a2936e2a5356141173e3d49f5e141ddf28abd938ba6"),
    ("transaction 03", "54fabd7369bf90ada58eff58a94f468bb7b1e9ca202a01c189f738e7fb628665"),
    ("transaction 04", "8fb6595bde313719f9c3d16d2a55a369d5f5e0dfaa0228b3a2cb90b54ace5e4f"),
    ("transaction 05", "cccb72a43c7b2221cc82feaeadaa1dd8b8801223c654a123626371be8a4a7f91"),
    ("transaction 06", "e83aad1c3e58f4d57b190fb17e71612a7d7af2c18488623d4b5c10a07fc7b165"),
    ("transaction 07", "44f4e8f5ce03c1693bdb3a76b3bfe2c717633ad06da098c02017acad72ccaded"),
    ("transaction 08", "119bfe4d77fcadffe723eb4bc3ad5f9f494b19003a8730e3243e8d32ea16af31"),
    ("transaction 09", "2b5adc9398964b395eac8000784a35f5efbed7c626718e9ecf3681fe6efb66b3"),
    ("transaction 10", "d329fef339677e6cb571ff2dc8c5c0be9f7c7b1664f68f2d3c0dd739ed3f2b34"),
    ("transaction 11", "f1f58d07356617c74101fe8ea26752e11a1d2ccd41245b8c9cd7fa47995aa016"),
];

fn actions(chain: &Chain) -> Vec<Action> {
    let registration = |payment| {
        let hot = key("hot-new");
        Registration::agree(&chain.state.chain(), &hot, address("cold-new"), endpoint("n"), payment)
    };
    let change = ParameterChange { name: "epoch_blocks".into(), value: 20 };
    vec![
        Action::Transfer { to: address("bob"), amount: mst(1) },
        Action::Stake { peer: PeerId(1), amount: mst(2) },
        Action::Unstake { peer: PeerId(1), amount: mst(3) },
        Action::Register { registration: registration(Payment::Work { nonce: 5 }) },
        Action::Register { registration: registration(Payment::Burn { price_max: mst(1) }) },
        Action::SetEndpoint { endpoint: endpoint("moved") },
        Action::CommitWeights { commitment: Hash([3; 32]) },
        Action::RevealWeights { weights: row(&[0, 1]), salt: [4; 32] },
        Action::SetWeights { weights: row(&[0, 1]) },
        Action::Emit,
        Action::Propose { change },
        Action::Vote { proposal: 7, approve: false },
    ]
}

/// A chain in which most kinds of entries stand.
fn busy() -> Chain {
    let mut chain = Chain::with(2, Parameters::default());
    chain.act("hot-0", Action::SetWeights { weights: row(&[0, 1]) }).unwrap();
    chain.act("alice", Action::Stake { peer: PeerId(1), amount: mst(2) }).unwrap();
    chain.act("alice", Action::Unstake { peer: PeerId(1), amount: mst(1) }).unwrap();
    chain.act("hot-1", Action::CommitWeights { commitment: Hash([3; 32]) }).unwrap();
    let change = ParameterChange { name: "epoch_blocks".into(), value: 20 };
    chain.act("alice", Action::Propose { change }).unwrap();
    chain.end_epoch();
    chain
}

fn samples() -> BTreeMap<String, Vec<u8>> {
    let chain = busy();
    let mut samples = BTreeMap::new();
    for (index, action) in actions(&chain).into_iter().enumerate() {
        let signed = chain.sign("alice", 0, action);
        samples.insert(format!("transaction {index:02}"), signed.encode());
    }
    samples.insert("genesis".into(), encode(&genesis(2, Parameters::default())));
    samples.insert("parameters".into(), encode(&Parameters::default()));
    samples.insert("header".into(), encode(&chain.header));
    let (block, execution) = chain.next(vec![chain.sign("alice", 0, Action::Emit)]);
    samples.insert("block".into(), block.encode());
    samples.insert("receipts".into(), encode(&execution.receipts));
    let rejection: Result<(), Rejection> = Err(Rejection::Nothing);
    let receipt = Receipt { hash: Hash([1; 32]), fee: mst(1), tip: Grains(0), result: rejection };
    samples.insert("receipt".into(), encode(&receipt));
    let event = Event::Transferred { from: address("a"), to: address("b"), amount: mst(1) };
    samples.insert("event".into(), encode(&event));
    let (_, proof) = prove(&chain.tree, chain.state.height(), &Key::Clock).unwrap();
    samples.insert("proof".into(), proof.encode());
    let pool = Value::Pool(Pool { grains: mst(2), shares: 1 << 90 });
    samples.insert("entry Retired".into(), encode(&(Key::Retired(PeerId(3)), pool)));
    let payout = Value::Row(row(&[0, 1]).into());
    samples.insert("entry Payout".into(), encode(&(Key::Payout(PeerId(3)), payout)));
    for (key, value) in chain.state.entries() {
        let debug = format!("{key:?}");
        let name = debug.split('(').next().unwrap();
        samples.insert(format!("entry {name}"), encode(&(key, value)));
    }
    samples
}

#[test]
fn encodings_are_pinned() {
    let found: Vec<(String, String)> = samples()
        .into_iter()
        .map(|(name, bytes)| (name, hash("sample", &[&bytes]).to_string()))
        .collect();
    let pinned: Vec<(String, String)> =
        PINNED.iter().map(|(name, hash)| (name.to_string(), hash.to_string())).collect();
    let listing: String =
        found.iter().map(|(name, hash)| format!("    (\"{name}\", \"{hash}\"),\n")).collect();
    assert_eq!(found, pinned, "now:\n{listing}");
}

/// Runs every decoder that reads bytes from outside.
fn decode_all(bytes: &[u8]) {
    let chain = Hash([0; 32]);
    let limits = muster_ledger::transaction::Limits::new(chain, &Parameters::default());
    if let Ok(signed) = SignedTransaction::decode(bytes) {
        assert_eq!(signed.encode(), bytes, "not canonical");
        let _ = signed.check_stateless(&limits);
    }
    if let Ok(block) = Block::decode(bytes, &limits) {
        assert_eq!(block.encode(), bytes, "not canonical");
    }
    if let Ok(header) = decode::<Header>("header", bytes, 1_024) {
        assert_eq!(encode(&header), bytes, "not canonical");
    }
    if let Ok(proof) = Proof::decode(bytes) {
        assert_eq!(proof.encode(), bytes, "not canonical");
        let _ = proof.verify(&chain, &Key::Clock, None);
    }
    if let Ok(entry) = decode::<(Key, Value)>("entry", bytes, 1 << 20) {
        assert_eq!(encode(&entry), bytes, "not canonical");
    }
    let _ = decode::<Genesis>("genesis", bytes, 1 << 20).map(|genesis| genesis.validate());
    let _ = decode::<Event>("event", bytes, 1 << 20);
    let _ = decode::<Receipt>("receipt", bytes, 1 << 20);
    let _ = decode::<Vec<SignedTransaction>>("transactions", bytes, 1 << 20);
}

#[test]
fn encodings_round_trip_and_nothing_may_follow() {
    for (name, bytes) in samples() {
        decode_all(&bytes);
        if name.starts_with("transaction") {
            SignedTransaction::decode(&bytes).unwrap();
            let mut longer = bytes.clone();
            longer.push(0);
            assert!(matches!(
                SignedTransaction::decode(&longer),
                Err(DecodeError::Malformed { .. })
            ));
            assert!(SignedTransaction::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }
    let long = vec![0; muster_ledger::transaction::TRANSACTION_BYTES_MAX + 1];
    assert!(matches!(SignedTransaction::decode(&long), Err(DecodeError::TooLong { .. })));
}

#[test]
fn a_length_that_promises_too_much_is_refused() {
    // A block header, then four billion transactions that are not there.
    let chain = busy();
    let mut bytes = encode(&chain.header);
    bytes.extend([0xff; 4]);
    assert!(Block::decode(&bytes, &chain.state.limits()).is_err());
}

proptest! {
    // More by hand: PROPTEST_CASES=1000000 cargo test --release -p muster-ledger encodings
    #[test]
    fn random_bytes_break_no_decoder(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
    }

    #[test]
    fn damaged_encodings_break_no_decoder(
        sample: prop::sample::Index,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut: Option<prop::sample::Index>,
    ) {
        static SAMPLES: std::sync::LazyLock<Vec<Vec<u8>>> =
            std::sync::LazyLock::new(|| samples().into_values().collect());
        let mut bytes = sample.get(&SAMPLES).clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        decode_all(&bytes);
    }
}
