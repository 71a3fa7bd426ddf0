//! The ledger's encodings: what blocks, transactions, proofs, entries and the genesis are on the
//! wire and on disk.

use std::sync::OnceLock;

use borsh::BorshDeserialize;
use muster_ledger::block::{Block, Header};
use muster_ledger::change::Change;
use muster_ledger::crypto::Hash;
use muster_ledger::encoding::{decode, encode};
use muster_ledger::genesis::Genesis;
use muster_ledger::light::Follower;
use muster_ledger::outcome::{Event, Receipt};
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::snapshot::{Chunk, Line, Place, cut, places};
use muster_ledger::state::{Key, State, Value, chain};
use muster_ledger::transaction::{Limits, SignedTransaction};
use muster_ledger::tree::Proof;

use super::{choose, chosen};
use crate::Target;
use crate::samples::samples;

/// The ledger's encodings.
pub const TARGET: Target = Target {
    name: "ledger",
    about: "transactions, blocks, proofs, entries, genesis, receipts and events in borsh",
    bytes_max: 16 << 10,
    run,
    seeds,
};

const BYTES_MAX: usize = 1 << 20;
/// The kinds of samples, in the order of the decoders.
const KINDS: [&str; 9] = [
    "transaction",
    "block",
    "header",
    "proof",
    "entry",
    "genesis",
    "receipts",
    "event",
    "parameters",
];
/// Decoders without a sample of their own.
const OTHERS: u8 = 5;

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, KINDS.len() as u8 + OTHERS) else { return };
    let zero = Hash([0; 32]);
    let limits = Limits::new(zero, Version::NEWEST, &Parameters::default());
    match kind {
        0 => {
            if let Ok(signed) = SignedTransaction::decode(bytes) {
                assert_eq!(signed.encode(), bytes, "not canonical");
                assert_eq!(signed.encoded_len(), bytes.len());
                let _ = signed.check_stateless(&limits);
                let limits = Limits { chain: signed.transaction.chain, ..limits };
                let _ = signed.check_stateless(&limits);
            }
        }
        1 => {
            if let Ok(block) = Block::decode(bytes, &limits) {
                assert_eq!(block.encode(), bytes, "not canonical");
                let _ = (block.hash(), block.invalid_signature());
            }
        }
        2 => canonical::<Header>(bytes),
        3 => {
            if let Ok(proof) = Proof::decode(bytes) {
                assert_eq!(proof.encode(), bytes, "not canonical");
                assert!(proof.verify(&zero, &chain::Key::Clock.into(), None).is_err());
            }
        }
        4 => canonical::<(Key, Value)>(bytes),
        5 => genesis(bytes),
        6 => canonical::<Vec<Receipt>>(bytes),
        7 => canonical::<Event>(bytes),
        8 => canonical::<Parameters>(bytes),
        9 => canonical::<Follower>(bytes),
        10 => canonical::<Change>(bytes),
        12 => outline(bytes),
        13 => chunk(bytes),
        _ => entries(bytes),
    }
}

fn canonical<T: BorshDeserialize + borsh::BorshSerialize>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>("an input", bytes, BYTES_MAX) {
        assert_eq!(encode(&value), bytes, "not canonical");
    }
}

/// What is said to be possible begins a chain, in which money adds up.
fn genesis(bytes: &[u8]) {
    let Ok(genesis) = decode::<Genesis>("genesis", bytes, BYTES_MAX) else { return };
    assert_eq!(encode(&genesis), bytes, "not canonical");
    if genesis.validate().is_ok() {
        let state = State::genesis(&genesis).expect("it was found possible");
        state.audit().expect("money adds up");
    }
}

/// A state from entries that a disk or a stranger may have damaged.
fn entries(bytes: &[u8]) {
    let Ok(entries) = decode::<Vec<(Key, Value)>>("entries", bytes, BYTES_MAX) else { return };
    if let Ok(state) = State::from_entries(entries.into_iter()) {
        let _ = state.audit();
    }
}

/// Bytes of the chunks that a state is cut into here.
const CHUNK_BYTES: usize = 2_048;

/// The chunks of a state, the root over them, and the place of each.
fn snapshot() -> &'static (Vec<Chunk>, Hash, Vec<Place>) {
    static SNAPSHOT: OnceLock<(Vec<Chunk>, Hash, Vec<Place>)> = OnceLock::new();
    SNAPSHOT.get_or_init(|| {
        let chain = crate::samples::busy();
        let chunks: Vec<Chunk> = cut(&chain.state, CHUNK_BYTES).collect();
        let root = chain.header.state_root;
        let lines: Vec<Line> = chunks.iter().map(|chunk| chunk.line).collect();
        let places = places(&lines, &root).expect("its own outline");
        (chunks, root, places)
    })
}

/// What a stranger says that a state is cut into.
fn outline(bytes: &[u8]) {
    let Ok(lines) = decode::<Vec<Line>>("an outline", bytes, BYTES_MAX) else { return };
    assert_eq!(encode(&lines), bytes, "not canonical");
    let (_, root, _) = snapshot();
    if let Ok(found) = places(&lines, root) {
        assert_eq!(found.len(), lines.len());
    }
}

/// A chunk from a stranger: the first byte says for which place.
fn chunk(bytes: &[u8]) {
    let (chunks, _, places) = snapshot();
    let Some((place, body)) = bytes.split_first() else { return };
    let place = usize::from(*place) % places.len();
    if places[place].open(body).is_ok() {
        assert_eq!(body, chunks[place].body, "another body for the same place");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (name, bytes) in samples() {
        let kind = name.split(' ').next().unwrap_or_default();
        let kind = if kind == "receipt" { continue } else { kind };
        let place = KINDS.iter().position(|known| *known == kind).expect("a kind of sample");
        seeds.push(choose(place as u8, &bytes));
    }
    let state = crate::samples::busy().state;
    let entries: Vec<(Key, Value)> =
        state.entries().map(|(key, value)| (*key, value.clone())).collect();
    let genesis = crate::support::genesis(2, Parameters::default());
    let follower = Follower::new(&genesis).expect("a genesis");
    seeds.push(choose(9, encode(&follower)));
    let version = Version::NEWEST;
    let switch = muster_ledger::protocol::Switch { version, height: state.height().after(9) };
    seeds.push(choose(10, encode(&Change::Upgrade(switch))));
    seeds.push(choose(11, encode(&entries)));
    let (chunks, _, _) = snapshot();
    let lines: Vec<Line> = chunks.iter().map(|chunk| chunk.line).collect();
    seeds.push(choose(12, encode(&lines)));
    for (place, chunk) in (0u8..).zip(chunks).take(3) {
        seeds.push(choose(13, [&[place], &*chunk.body].concat()));
    }
    seeds
}
