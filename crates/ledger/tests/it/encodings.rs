//! One pinned hash per encoding, and decoders under random and damaged bytes.

use std::collections::BTreeMap;

use muster_ledger::block::{Block, Header};
use muster_ledger::crypto::{Hash, hash};
use muster_ledger::encoding::{DecodeError, decode, encode};
use muster_ledger::event::{Event, Receipt};
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::{ParameterChange, Parameters};
use muster_ledger::rejection::Rejection;
use muster_ledger::state::{Key, Pool, Value};
use muster_ledger::transaction::{Action, Payment, Registration, SignedTransaction};
use muster_ledger::tree::{Proof, prove};
use muster_ledger::types::PeerId;
use proptest::prelude::*;

use crate::support::{Chain, address, endpoint, genesis, key, mst, row};

/// Hashes of the encodings of one sample each. A change means that old data can no longer be
/// read; to regenerate, run the test and copy what it prints.
const PINNED: &[(&str, &str)] = &[
    ("block", "25a8811a0418da20db27a8f606a03e1f1ec2e308991688e5c868ac7fc0e2a7e1"),
    ("entry Account", "10caca3a1731f4beace21cfc0e71352b8934881c9bb0de1e0f5adca300d3d2e1"),
    ("entry Clock", "e9ec9934351348b48240368486ef5fbea56aaddd05025ae09bbd48e98472a855"),
    ("entry Commitment", "0bcd89c4a80b78aac1a5c4412f07c37badf0fe2a407c73d2e4abe784ba0980df"),
    ("entry Committee", "f5457fb15b4ade01b89a817b744ce51493c373b3f601a8177b54d8bbc946a691"),
    ("entry Counters", "712d68ce85b3f8b88283ee0e2983a3bb60761fd33ba8d94a9ef4caaf11a85a20"),
    ("entry Delegation", "1932eb48459fa9d0787ee82e71f416f841e171becc56f57076fdd1f7b1c16bb1"),
    ("entry DelegationOf", "772a3483295288063df19a23457ee6e15ec2580188a1815c4ab7b4d6df89b507"),
    ("entry Market", "46d4f1d936a8bd5f7f20646c0b322cc502eea5d6884cfe5fb09f85e1ad00b5e8"),
    ("entry Parameters", "7ec080c1ba48a5875314a999017f4b94a2345f974dc05b0434739ce2d6f10686"),
    ("entry Payout", "d9a0364a4de1088ad70c1135c7e2655d795dc5b60cea3901a37785224354a8fc"),
    ("entry Peer", "a80755a02474c736eddbde1d4176048d9433f91a4f0dc3ac423fd264f62a74d2"),
    ("entry PeerByHot", "82a36123500a3e7d3115e1d71f23ddf134ab90206a4022178b9ddc96822591a0"),
    ("entry Proposal", "2870149443b1714b77a77984311537362760ac675cb8740398e1a3412767f1db"),
    ("entry Pruning", "0bab46bfe82423a1eb99ab03d5d34980f813d37cddd30f520293df526066059c"),
    ("entry Registration", "3d01c5f23f1e4368c0f4185724593bda5ab375ca439f00dd258537926fa02e94"),
    ("entry Retired", "328ecf5ac4b45c608cef5bd3f6ababe7a8b918434b2156f1cbe81b3349742f91"),
    ("entry Supply", "5a93c14ed14f4bb2c079eed249d2adf2a972e09f046a530db6e6248b624a2ac2"),
    ("entry Unbonding", "f740b6f9e02a2b0d133c2c61d676bbca913c2dd7f7c744f42031ea9aff6a84c1"),
    ("entry UnbondingOf", "46ca82e3829a0f5f257ffee9be160d919f18800b6e91acede6b728a7e4c4c4ed"),
    ("entry Validators", "3cabb984e7a11f5f0a38e665a4d24c740793edacba4a3d229eff513cf1526f15"),
    ("entry Vote", "e2559fccf5950a8be5fccab9b94dade3460b52c3ed6f5c812426e9bdc34b9ea3"),
    ("entry Weights", "bf7a5869740791e4a198451976d331555c92168ca11e9c5ce77331e7deb8b4ed"),
    ("event", "e76bd77777da91f9fcb4de22e909c0537e493d9c1832e232641885cd99c97c00"),
    ("genesis", "08b968cee19845de10b4e17fb5ba9511385cd88a04e6347486e678f4b1c990bb"),
    ("header", "799c1af8418147e97a7c7ed21a2dcd01187a55c2e5d5ec3cfae9880b8a235bcb"),
    ("parameters", "91c2d0efcc75330b4eaa104888e093459362eb20a95b2259d7e6c7a69a8f703c"),
    ("proof", "a24d185bda6cf741de868e6470fdc95e0b213fa9e60ca2abb9c2bc6df5f7ed17"),
    ("receipt", "1167f3c71c8ffe4177daf8376bf38469145d687261b1d8e1666dd34ad996d994"),
    ("receipts", "88d3de702c6bc016a5d1006e20bf5e4d6859b9541698fea694a91b37c56f9769"),
    ("transaction 00", "0074f20407e3170c017c05dc4709dd51fd33789406d1cfadb16052ec94b3f670"),
    ("transaction 01", "9b6a03894b60fc3ee45d380ac95b7539e33e9780eb798f693b6e1d23fcca36d0"),
    ("transaction 02", "af704e83ae3cf816d88b7c29ef8875fd496452686955d8bb6db67951fdb1e459"),
    ("transaction 03", "14ca0e3c2e82edf928674edb29f398967df29e40bf63fee979e3fa28821e41dd"),
    ("transaction 04", "9e9476544e8cc90cb0f5d4ffe5f096baad6efe5ac22a35458730f3f4cd178f0f"),
    ("transaction 05", "83352de9d65f6bb985d19aa718681f51002a05ebdd7262525053751b2cb6aa39"),
    ("transaction 06", "f747332fbd8d0fea0b451babc54ba16e037fafa563af0e14a84c7a28e255237c"),
    ("transaction 07", "417353d186a98d4b4d1f467b9193defacab97a63030c675aabde47c42fc98de3"),
    ("transaction 08", "decf8374534a218f9736f7250bebe2b727b4d4e8f9a1a8ae7c6b4895ec10fe1c"),
    ("transaction 09", "c5007d8097980c5250e0060a3019ac4c2d5fad563757d99c91af6ec7d3d8d8e2"),
    ("transaction 10", "b238368bbac3e629504ef182fe008530e3e5c577ef85e949270a7f4399437bde"),
    ("transaction 11", "70c60509cae9e53d7ebfda4230ddbe147227bf39e50554820137baeaffffb79f"),
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
        Action::Register { registration: Box::new(registration(Payment::Work { nonce: 5 })) },
        Action::Register {
            registration: Box::new(registration(Payment::Burn { price_max: mst(1) })),
        },
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
