//! One pinned hash per encoding, and decoders under random and damaged bytes.

use muster_ledger::block::{Block, Header};
use muster_ledger::crypto::{Hash, hash};
use muster_ledger::encoding::{DecodeError, decode, encode};
use muster_ledger::genesis::Genesis;
use muster_ledger::outcome::{Event, Receipt};
use muster_ledger::parameters::{FIELDS, Parameters};
use muster_ledger::protocol::Version;
use muster_ledger::state::{self as entries, Key, State, Value, chain};
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::tree::Proof;
use proptest::prelude::*;

use crate::pins::{PARAMETERS, PINNED};
use crate::samples::{busy, entry_name, every_parameter, samples};

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
        ("Presence", entries::presence::NAMES),
    ];
    for (mechanism, names) in all {
        for name in names {
            assert!(found.contains(&format!("{mechanism} {name}")), "no {mechanism} {name}");
        }
    }
    let entries = state.entries().map(|(key, value)| (*key, value.clone()));
    assert_eq!(State::from_entries(entries).unwrap(), state);
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
