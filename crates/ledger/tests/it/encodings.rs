//! One pinned hash per encoding, and decoders under random and damaged bytes.

use std::collections::BTreeMap;

use muster_ledger::block::{Block, Header};
use muster_ledger::change::Change;
use muster_ledger::crypto::{Hash, hash};
use muster_ledger::encoding::{DecodeError, decode, encode};
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::outcome::{self, Event, Receipt, Rejection};
use muster_ledger::parameters::{FIELDS, ParameterChange, Parameters};
use muster_ledger::protocol::Version;
use muster_ledger::state::{self as entries, Key, State, Value, chain};
use muster_ledger::transaction::market::{Payment, Registration};
use muster_ledger::transaction::{Action, SignedTransaction, governance, market, stake};
use muster_ledger::tree::{Proof, prove};
use muster_ledger::types::PeerId;
use proptest::prelude::*;

use crate::actions::{KINDS, Numbers};
use crate::support::{Chain, address, endpoint, genesis, key, mst, row};

/// Hashes of the encodings of one sample each. A change means that old data can no longer be
/// read; to regenerate, run the test and copy what it prints.
/// The hash of what all parameters mean.
const PARAMETERS: &str = "4385bd76df7712f6608362a60ed3e7097afd9766c7ac001908546d19921a2315";

const PINNED: &[(&str, &str)] = &[
    ("block", "588e6b39aeaee57651d41d75e5fb1213b599dfc36af4435f54b8e535100997fc"),
    ("entry Account Account", "9ba51e403fe52e79cfc911002ad08aacddca85f747bb279d8cfdeb8c4eaa613b"),
    ("entry Chain Clock", "717d3171b6c11cf3ea3286a259f380571695ddfbf2ecd126f45bd4e7f503f6c5"),
    ("entry Chain Committee", "189b5ffbe734bf7cdd7a1ff2eb83ab7bdf9336ef8a53a0a183a46163de928671"),
    ("entry Chain Counters", "3044f6dffc047b84f3567bb97b719cb276360cc2f0634f666d63e35d3fef37bd"),
    ("entry Chain Due", "ba413f0231ea2305d4ba8176856c5eb5c9f3dd87b23c01be32333f8ef2ef41e5"),
    ("entry Chain Escrow", "d255bc9c0422879de94911c5a08d5a71d839db5bde51cb16377b1a7b958118bc"),
    ("entry Chain EscrowFor", "4d61574e543bdbf6afb20be1920baf316570f80672f7d508b463e71ac179d8d8"),
    ("entry Chain Parameters", "cbc907318eb838a81ef7dd1cd1a663196681d59253602cdf37ba132022e099e5"),
    ("entry Chain Protocol", "76f8cca47ce9346b0b82c20027296418434f27a2f68e0b9dee76f185eddbb68e"),
    ("entry Chain Supply", "7f8e7f6b51f549a8deaa9ce6b71d6579a600a481bc57db77225ec41dfc738b87"),
    ("entry Chain Validators", "f8aa8b7099cd9a49956453b49920c3ceada863c345fc574b1f59ba097563a811"),
    (
        "entry Governance Proposal",
        "4c38042eb96bf59f0b2f4da3d9509804e8b04c875beac382dfb2b51df05f3ee4",
    ),
    (
        "entry Governance Proposals",
        "2a2a6e2937a900316fe6d05e76be697e4a6cee7be6acca47ba4c89ea08064f92",
    ),
    ("entry Governance Vote", "27d1e04a145d16dc82b661d99ee365c792e58225318a250f9a90768b1e3d1619"),
    ("entry Market Commitment", "09bb8832e85c4e4d4b14f015a885d3b999d901ee5241e622238c0c175394b434"),
    (
        "entry Market Displaceable",
        "0c24700a31dabca5e85b37e2d1c6d004830fdd09f17f0f55a8a1a7a923d0f585",
    ),
    ("entry Market Payout", "661f90af589ee12475430fe2ead75d4584d00e7f0ea52485bab0ce6400156b74"),
    ("entry Market Peer", "35a4a20d2c639ed7360b94114b74ddf7759a7a62a0e1ef932d8074d99be0e8a7"),
    ("entry Market PeerByHot", "5d25530d15f9ff5d5079cebf42ad8db9d590ce5e68eacd4fad5f79022606d773"),
    ("entry Market Places", "b1d61b26efd6a2d2969ef34d66d499325eb89815fdd62b92ce1824c3c6b6948c"),
    (
        "entry Market Registration",
        "efdc0edd62bc465f593affd809e1344e102561989833883f7c57530a0581ace5",
    ),
    ("entry Market Report", "0ae032277c1fbdf7dd6bc454132d3b077d3f88ca8309f20ee9936a45943736a6"),
    ("entry Market Weights", "75febc93eab110079056d687e82445a57b3d0e8136dac9cc959ee5a9aa7166ca"),
    ("entry Stake Delegation", "8f35c8d5b8253da690188e6af358d7bad1d3aba696d617db5ee439e3f05b5442"),
    (
        "entry Stake DelegationOf",
        "d080838ed44395ec357329f7834fda29c2294cee21275ccb4daeef906ccabd50",
    ),
    ("entry Stake Retired", "bcc915d17da292d018f1a6c8f166435307025d9db22783d396768bfa4335faa8"),
    ("event", "2e01d3300cd27a54ee6214970f038de866ccbab5ed9246c42b42df0e47b616eb"),
    ("genesis", "854ed0f9a842578cb0b8295f1ac7d2835c7864b3dd82d9ba11f9dd7a1c1d0538"),
    ("header", "671e4c96c822e154f3ebff8c0b2058a7d0c6a15d0cebc933e29de075d75dcde0"),
    ("parameters", "edc93aaad39281d69d1533a4ffc5668da85aba0cdfe56d22a04b8dc431be51e5"),
    ("proof", "14ca5a9c35265590a5b3910ca972f85b68602d1b79e0010db163b26bd34d49c2"),
    ("receipt", "04746fe92f49e8086cc8c6430918ec101a664420e9bd1475b496fe1f96c21d55"),
    ("receipts", "451ab3c3bab1f1de0f129a0568dc0cca95af30a69e73e6699e0a796a02c3902b"),
    (
        "transaction commit weights",
        "8b6ba3d2fae0eda24d4ffcda9f01faaa9b0baac57c3989d74739d0eeead37d04",
    ),
    ("transaction emit", "e7f15d9da64312ba6349d5eaa97d65d6179432a20f2bf0ffd6f480a8070e957d"),
    (
        "transaction propose a parameter",
        "3d8a407d8cb9a8af4314581d06153bc68d947fb4347e7bb1eaf7fe32474d1290",
    ),
    (
        "transaction propose an upgrade",
        "f9b3d1ff0fd7695fd066a0638d078c68b367924b7a74a786de6cb0badc7bc55d",
    ),
    (
        "transaction register by burning",
        "1bd4654ba959a3da6f8c3f3b9e61071bcc4e9fe7e4b06a4920f7da2e581e94b1",
    ),
    (
        "transaction register by work",
        "85c1727e5bcc1ce78414cd781bacaff7d40b0f273bd3ab98fe2ff053a30adf9b",
    ),
    (
        "transaction reveal weights",
        "cf9eb2365d4ac9cb00f7bb8dbad36eabb8df6844f55ef703d0585dcbc9fbc6e0",
    ),
    (
        "transaction set endpoint",
        "10090c5eeeca1fcecb886ce2998fc50019034b4bb0d792ff23990f71ee716a05",
    ),
    ("transaction set weights", "20c26d73302f6947561cee967df7b796aa1715242611c1d30f1a9094b73e2285"),
    ("transaction stake", "b2e0cd83fd90cc0d33a3f39680f258b048e18703f6b923430796dd423c285873"),
    ("transaction transfer", "52c054bac19d48b9fc0a817ca6a84868becead0c6466af5dc6b19316fe885572"),
    ("transaction unstake", "660d8d4050cc983c88a09ab1464ef57f85877cd9d4ff870bee2f051b7cd727d1"),
    ("transaction vote", "5486b5470da3823a1d3cf969852bb16874c9961f8b811d349c9543fd1a2da90a"),
];

/// A chain in which every kind of entry stands.
fn busy() -> Chain {
    let parameters = Parameters { peers_max: 2, immunity_epochs: 0, ..Parameters::default() };
    let mut chain = Chain::with(2, parameters);
    let act = |chain: &mut Chain, signer: &str, action: Action| chain.act(signer, action).unwrap();
    for hot in ["hot-0", "hot-1"] {
        act(&mut chain, hot, market::Action::SetWeights { weights: row(&[0, 1]) }.into());
    }
    let change = ParameterChange { name: "committee_max".into(), value: 20 };
    let change = Change::Parameter(change);
    act(&mut chain, "alice", stake::Action::Stake { peer: PeerId(1), amount: mst(9) }.into());
    act(&mut chain, "alice", governance::Action::Propose { change }.into());
    chain.end_epoch();
    act(&mut chain, "alice", stake::Action::Unstake { peer: PeerId(1), amount: mst(1) }.into());
    let commitment = Hash([3; 32]);
    for hot in ["hot-0", "hot-1"] {
        act(&mut chain, hot, market::Action::CommitWeights { commitment }.into());
    }
    let hot = key("hot-n");
    let burn = Payment::Burn { price_max: mst(2) };
    let id = chain.state.chain();
    let registration = Registration::agree(&id, &hot, address("cold-n"), endpoint("n"), burn);
    let registration = Box::new(registration);
    act(&mut chain, "alice", market::Action::Register { registration }.into());
    chain
}

/// The name of each entry, as `mechanism name`.
fn entry_name(key: &Key) -> String {
    let debug = format!("{key:?}");
    let mut words = debug.split(['(', ')']);
    format!("{} {}", words.next().unwrap(), words.next().unwrap())
}

#[test]
fn a_state_with_every_kind_of_entry_is_rebuilt_from_its_entries() {
    let state = busy().state;
    let found: std::collections::BTreeSet<String> =
        state.entries().map(|(key, _)| entry_name(key)).collect();
    let all = [
        ("Chain", chain::NAMES),
        ("Account", entries::account::NAMES),
        ("Stake", entries::stake::NAMES),
        ("Market", entries::market::NAMES),
        ("Governance", entries::governance::NAMES),
    ];
    for (mechanism, names) in all {
        for name in names {
            assert!(found.contains(&format!("{mechanism} {name}")), "no {mechanism} {name}");
        }
    }
    let entries = state.entries().map(|(key, value)| (*key, value.clone()));
    assert_eq!(State::from_entries(entries).unwrap(), state);
}

fn samples() -> BTreeMap<String, Vec<u8>> {
    let chain = busy();
    let mut samples = BTreeMap::new();
    for (kind, make) in KINDS {
        let signed = chain.sign("alice", 0, make(&chain, &mut Numbers::new(1), "alice"));
        samples.insert(format!("transaction {kind}"), signed.encode());
    }
    samples.insert("genesis".into(), encode(&genesis(2, Parameters::default())));
    samples.insert("parameters".into(), encode(&every_parameter()));
    samples.insert("header".into(), encode(&chain.header));
    let (block, execution) = chain.next(vec![chain.sign("alice", 0, market::Action::Emit)]);
    samples.insert("block".into(), block.encode());
    samples.insert("receipts".into(), encode(&execution.receipts));
    let rejection: Result<(), Rejection> = Err(Rejection::Nothing);
    let receipt = Receipt { hash: Hash([1; 32]), fee: mst(1), tip: Grains(0), result: rejection };
    samples.insert("receipt".into(), encode(&receipt));
    let (from, to) = (address("a"), address("b"));
    let event = outcome::account::Event::Transferred { from, to, amount: mst(1) };
    samples.insert("event".into(), encode(&Event::from(event)));
    let key = chain::Key::Clock.into();
    let (_, proof) = prove(&chain.tree, chain.state.height(), &key).unwrap();
    samples.insert("proof".into(), proof.encode());
    for (key, value) in chain.state.entries() {
        samples.insert(format!("entry {}", entry_name(key)), encode(&(key, value)));
    }
    samples
}

/// Parameters of which each has another value than its default.
fn every_parameter() -> Parameters {
    let mut parameters = Parameters::default();
    for field in FIELDS {
        let value = if field.default_value() == field.max { field.min } else { field.max };
        let change = ParameterChange { name: field.name.into(), value };
        // Some contradict others at their ends: those keep their default.
        parameters = parameters.changed(&change).unwrap_or(parameters);
    }
    parameters
}

/// Name, default, range and version of every parameter: what an encoding leaves unsaid.
#[test]
fn what_parameters_mean_is_pinned() {
    let meaning: String = FIELDS
        .iter()
        .map(|field| {
            let (name, default, since) = (field.name, field.default_value(), field.since);
            format!("{name} {default} {} {} {since}\n", field.min, field.max)
        })
        .collect();
    let found = hash("sample", &[meaning.as_bytes()]).to_string();
    assert_eq!(found, PARAMETERS, "now:\n{meaning}");
}

#[test]
fn parameters_that_cannot_be_are_not_read() {
    let check = |pairs: &[(u16, u64)], complaint: &str| {
        let error = decode::<Parameters>("parameters", &encode(pairs), 1_024).unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    };
    let default = FIELDS[1].default_value();
    check(&[(1, default)], "cannot be said to be");
    check(&[(1, 0)], "cannot be said to be 0");
    check(&[(2, 100), (1, 100)], "not in order");
    check(&[(1, 100), (1, 100)], "not in order");
    check(&[(9_999, 1)], "no parameter number 9999");
    let parameters = every_parameter();
    let bytes = encode(&parameters);
    assert_eq!(decode::<Parameters>("parameters", &bytes, 1_024).unwrap(), parameters);
    assert_eq!(encode(&Parameters::default()), [0; 4], "defaults go without saying");
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
    let zero = Hash([0; 32]);
    let limits =
        muster_ledger::transaction::Limits::new(zero, Version::NEWEST, &Parameters::default());
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
        let _ = proof.verify(&zero, &chain::Key::Clock.into(), None);
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
