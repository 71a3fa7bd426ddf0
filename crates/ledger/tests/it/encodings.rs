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
    ("block", "8d1efb92316bbb5f08257b1dc222e9ab41ee89445fe4e21bda77ecc23af128f5"),
    ("entry Account", "10caca3a1731f4beace21cfc0e71352b8934881c9bb0de1e0f5adca300d3d2e1"),
    ("entry Clock", "fbe8343c79c0048b2960f669f99850848837befe3e552df78dbcba93618732f0"),
    ("entry Commitment", "0bcd89c4a80b78aac1a5c4412f07c37badf0fe2a407c73d2e4abe784ba0980df"),
    ("entry Committee", "f5457fb15b4ade01b89a817b744ce51493c373b3f601a8177b54d8bbc946a691"),
    ("entry Counters", "712d68ce85b3f8b88283ee0e2983a3bb60761fd33ba8d94a9ef4caaf11a85a20"),
    ("entry Delegation", "1932eb48459fa9d0787ee82e71f416f841e171becc56f57076fdd1f7b1c16bb1"),
    ("entry DelegationOf", "772a3483295288063df19a23457ee6e15ec2580188a1815c4ab7b4d6df89b507"),
    ("entry Market", "46d4f1d936a8bd5f7f20646c0b322cc502eea5d6884cfe5fb09f85e1ad00b5e8"),
    ("entry Parameters", "ae1cb972af082ee50f4926f2395b6273a624c5d5cb8014376b70b560191785a1"),
    ("entry Payout", "d9a0364a4de1088ad70c1135c7e2655d795dc5b60cea3901a37785224354a8fc"),
    ("entry Peer", "a80755a02474c736eddbde1d4176048d9433f91a4f0dc3ac423fd264f62a74d2"),
    ("entry PeerByHot", "82a36123500a3e7d3115e1d71f23ddf134ab90206a4022178b9ddc96822591a0"),
    ("entry Proposal", "2870149443b1714b77a77984311537362760ac675cb8740398e1a3412767f1db"),
    ("entry Pruning", "0bab46bfe82423a1eb99ab03d5d34980f813d37cddd30f520293df526066059c"),
    ("entry Registration", "636e929b63399393345225ec1ee5fec439b4827b059ad0e6c7bcbd10435fd641"),
    ("entry Retired", "328ecf5ac4b45c608cef5bd3f6ababe7a8b918434b2156f1cbe81b3349742f91"),
    ("entry Supply", "5a93c14ed14f4bb2c079eed249d2adf2a972e09f046a530db6e6248b624a2ac2"),
    ("entry Unbonding", "f740b6f9e02a2b0d133c2c61d676bbca913c2dd7f7c744f42031ea9aff6a84c1"),
    ("entry UnbondingOf", "46ca82e3829a0f5f257ffee9be160d919f18800b6e91acede6b728a7e4c4c4ed"),
    ("entry Validators", "3cabb984e7a11f5f0a38e665a4d24c740793edacba4a3d229eff513cf1526f15"),
    ("entry Vote", "e2559fccf5950a8be5fccab9b94dade3460b52c3ed6f5c812426e9bdc34b9ea3"),
    ("entry Weights", "bf7a5869740791e4a198451976d331555c92168ca11e9c5ce77331e7deb8b4ed"),
    ("event", "e76bd77777da91f9fcb4de22e909c0537e493d9c1832e232641885cd99c97c00"),
    ("genesis", "b2947a3ca092b60deaaae4ee1263e9c77f7e2644ec5a82de29e4ec3e80ebccb8"),
    ("header", "f625c42182b22a1d1b1c7d592ca8f60d2d5fcdffa9515e34dee5c49e482ef046"),
    ("parameters", "1040b19768a9c1eab68c024b3544e6099117cebe0af93b85624299127fcbf1d1"),
    ("proof", "794ba577f98ff1682717698ba1b31e10d53a146c941a650cef480dc00b72a192"),
    ("receipt", "1167f3c71c8ffe4177daf8376bf38469145d687261b1d8e1666dd34ad996d994"),
    ("receipts", "bc941da2ec280b7e42796e93bbb679a3c30c27512eab283994a5eb5fdb008a64"),
    ("transaction 00", "7fb09250819a55cf05dd9e14605d26a64d880e56f8ebc7ba763376b0e0a66cf1"),
    ("transaction 01", "2b80010d81de5c1caf53a5b732d679e738c706154975d7563feb48ad068272de"),
    ("transaction 02", "0997a3dabda3dd021897d68064b58a3635ab70e9ede60cc45e892f816434ab33"),
    ("transaction 03", "5f0214467df02ff135f0df267eee23fd188861c2c94d04ed0e5f14788a3bc19e"),
    ("transaction 04", "b6640dc74cebce05cbaeb5756241ef3d393a5ec495f4b4fb98a6a19943de63fb"),
    ("transaction 05", "40de723f87557d39f748a0f00ffb927c24f4bb4b0ff42710e0f50ec369e36aae"),
    ("transaction 06", "c1e460822c597c180494b3b796a9d0b8533071329c1293966c388b58a9081a8d"),
    ("transaction 07", "09f27485ebc80c07139e998ef264203c2e8062cc18822887af0761f6d4bfca26"),
    ("transaction 08", "896330c72ed5890cb59c983525732e9c85d00952398d48f1649a91aeadee7032"),
    ("transaction 09", "c774d634e2a628a3a03b652cf22f97534005666a26adf81a2ec3f94263a10d41"),
    ("transaction 10", "0186a917dd3c3794dfb8cabedc7dcdd015eb0b62c8602d01807a416775e757e6"),
    ("transaction 11", "aa76ae11492f086ab5d483003a6f56c70d18a0f3aa139191b96b8af34f99f804"),
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
