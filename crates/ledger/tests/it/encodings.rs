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
const PINNED: &[(&str, &str)] = &[];

fn actions(chain: &Chain) -> Vec<Action> {
    let registration = |payment| {
        let hot = key("hot-new");
        Registration::agree(
            &chain.state.chain(),
            &hot,
            address("cold-new"),
            endpoint("n"),
            payment,
        )
    };
    let change = ParameterChange {
        name: "epoch_blocks".into(),
        value: 20,
    };
    vec![
        Action::Transfer {
            to: address("bob"),
            amount: mst(1),
        },
        Action::Stake {
            peer: PeerId(1),
            amount: mst(2),
        },
        Action::Unstake {
            peer: PeerId(1),
            amount: mst(3),
        },
        Action::Register {
            registration: registration(Payment::Work { nonce: 5 }),
        },
        Action::Register {
            registration: registration(Payment::Burn { price_max: mst(1) }),
        },
        Action::SetEndpoint {
            endpoint: endpoint("moved"),
        },
        Action::CommitWeights {
            commitment: Hash([3; 32]),
        },
        Action::RevealWeights {
            weights: row(&[0, 1]),
            salt: [4; 32],
        },
        Action::SetWeights {
            weights: row(&[0, 1]),
        },
        Action::Emit,
        Action::Propose { change },
        Action::Vote {
            proposal: 7,
            approve: false,
        },
    ]
}

/// A chain in which most kinds of entries stand.
fn busy() -> Chain {
    let mut chain = Chain::with(2, Parameters::default());
    chain
        .act(
            "hot-0",
            Action::SetWeights {
                weights: row(&[0, 1]),
            },
        )
        .unwrap();
    chain
        .act(
            "alice",
            Action::Stake {
                peer: PeerId(1),
                amount: mst(2),
            },
        )
        .unwrap();
    chain
        .act(
            "alice",
            Action::Unstake {
                peer: PeerId(1),
                amount: mst(1),
            },
        )
        .unwrap();
    chain
        .act(
            "hot-1",
            Action::CommitWeights {
                commitment: Hash([3; 32]),
            },
        )
        .unwrap();
    let change = ParameterChange {
        name: "epoch_blocks".into(),
        value: 20,
    };
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
    let receipt = Receipt {
        hash: Hash([1; 32]),
        fee: mst(1),
        tip: Grains(0),
        result: rejection,
    };
    samples.insert("receipt".into(), encode(&receipt));
    let event = Event::Transferred {
        from: address("a"),
        to: address("b"),
        amount: mst(1),
    };
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
    let pinned: Vec<(String, String)> = PINNED
        .iter()
        .map(|(name, hash)| (name.to_string(), hash.to_string()))
        .collect();
    let listing: String = found
        .iter()
        .map(|(name, hash)| format!("    (\"{name}\", \"{hash}\"),\n"))
        .collect();
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
    assert!(matches!(
        SignedTransaction::decode(&long),
        Err(DecodeError::TooLong { .. })
    ));
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
