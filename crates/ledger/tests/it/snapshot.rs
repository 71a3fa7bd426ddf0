//! A state in chunks: whole ones come together to the state, and nothing else is taken for them.

use muster_ledger::crypto::{Hash, SecretKey, hash};
use muster_ledger::parameters::Parameters;
use muster_ledger::snapshot::{
    CHUNK_BYTES, CHUNKS_MAX, Chunk, Line, Place, SnapshotError, Subtree, cut, places,
};
use muster_ledger::state::State;
use muster_ledger::types::Height;
use proptest::prelude::*;

use crate::support::{Chain, MemoryTree, genesis, mst};

/// A state with so many accounts more, and the root of its tree.
fn state(accounts: usize) -> (State, Hash) {
    let mut genesis = genesis(2, Parameters::default());
    let key = |index: usize| SecretKey::from_seed(hash("many", &[&index.to_le_bytes()]).0).public();
    genesis.accounts.extend((0..accounts).map(|index| (key(index), mst(1))));
    let state = State::genesis(&genesis).unwrap();
    let all = muster_ledger::tree::all_entries(&state);
    let (root, _) = muster_ledger::tree::update(&MemoryTree::default(), Height(0), &all).unwrap();
    (state, root)
}

fn outline(chunks: &[Chunk]) -> Vec<Line> {
    chunks.iter().map(|chunk| chunk.line).collect()
}

fn open_all(places: &[Place], chunks: &[Chunk]) -> Result<State, SnapshotError> {
    let mut entries = Vec::new();
    for (place, chunk) in places.iter().zip(chunks) {
        entries.extend(place.open(&chunk.body)?);
    }
    Ok(State::from_entries(entries.into_iter()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn chunks_come_together_to_the_state(
        accounts in 0..90usize,
        chunk_bytes in prop::sample::select(vec![0usize, 100, 300, 2_000, CHUNK_BYTES]),
    ) {
        let (state, root) = state(accounts);
        let chunks: Vec<Chunk> = cut(&state, chunk_bytes).collect();
        prop_assert!(chunk_bytes != CHUNK_BYTES || chunks.len() == 1);
        prop_assert!(chunk_bytes != 0 || chunks.len() >= state.len());
        let places = places(&outline(&chunks), &root).unwrap();
        prop_assert_eq!(open_all(&places, &chunks).unwrap(), state);
    }
}

#[test]
fn an_outline_is_right_or_refused() {
    let (state, root) = state(40);
    let chunks: Vec<Chunk> = cut(&state, 400).collect();
    let good = outline(&chunks);
    assert!(good.len() > 8, "{} chunks", good.len());
    let refused = |lines: &[Line]| assert!(places(lines, &root).is_err(), "{lines:?}");
    refused(&[]);
    for index in 0..good.len() {
        let mut lines = good.clone();
        lines.remove(index);
        refused(&lines);
        let mut lines = good.clone();
        lines.insert(index, good[index]);
        refused(&lines);
        for depth in [0, 1, good[index].depth + 1, good[index].depth - 1, 64, 65, 255] {
            let mut lines = good.clone();
            lines[index].depth = depth;
            if lines != good {
                refused(&lines);
            }
        }
        for subtree in [Subtree::Empty, Subtree::Inner([7; 32]), good[0].subtree] {
            let mut lines = good.clone();
            lines[index].subtree = subtree;
            if lines != good {
                refused(&lines);
            }
        }
    }
    refused(&vec![good[0]; CHUNKS_MAX + 1]);
    assert!(matches!(places(&good, &Hash([1; 32])), Err(SnapshotError::Root { .. })));
}

/// What a liar tries who knows the state: to leave entries out under the true root.
#[test]
fn nothing_is_left_out_under_the_true_root() {
    let (state, root) = state(40);
    // One entry a chunk, so that there are leaves and empty subtrees on top.
    let chunks: Vec<Chunk> = cut(&state, 0).collect();
    let good = outline(&chunks);
    let kind = |line: &Line| match line.subtree {
        Subtree::Empty => 0,
        Subtree::Leaf { .. } => 1,
        Subtree::Inner(_) => 2,
    };
    let count = |wanted| good.iter().filter(|line| kind(line) == wanted).count();
    assert!(count(0) > 0 && count(1) == state.len() && count(2) == 0);
    let places_of = |lines: &[Line]| places(lines, &root);
    for index in 1..good.len() {
        let (one, other) = (good[index - 1], good[index]);
        if one.depth != other.depth {
            continue;
        }
        // A leaf on the other side of an empty subtree.
        let mut lines = good.clone();
        lines.swap(index - 1, index);
        if lines != good {
            assert!(places_of(&lines).is_err(), "{one:?} {other:?}");
        }
        // The hash over two leaves, called a subtree beside one that is not there.
        if kind(&one) == 1 && kind(&other) == 1 {
            let whole = cut(&state, CHUNK_BYTES).next().unwrap().line.subtree;
            let mut lines = good.clone();
            (lines[index - 1].subtree, lines[index].subtree) = (whole, Subtree::Empty);
            assert!(places_of(&lines).is_err());
        }
    }
    // The root itself beside an empty half: the hash of a subtree goes up only with its sibling.
    let whole = cut(&state, CHUNK_BYTES).next().unwrap().line.subtree;
    let lines = [Line { depth: 1, subtree: whole }, Line { depth: 1, subtree: Subtree::Empty }];
    assert!(places_of(&lines).is_err());
}

#[test]
fn a_chunk_is_the_one_of_its_place_or_refused() {
    let (state, root) = state(30);
    let chunks: Vec<Chunk> = cut(&state, 600).collect();
    let places = places(&outline(&chunks), &root).unwrap();
    for (index, place) in places.iter().enumerate() {
        for (other, chunk) in chunks.iter().enumerate() {
            // Empty ones are the same anywhere.
            let same = index == other || chunk.body == chunks[index].body;
            assert_eq!(place.open(&chunk.body).is_ok(), same);
        }
        let body = &chunks[index].body;
        for position in 0..body.len() {
            let mut changed = body.clone();
            changed[position] ^= 1 << (position % 8);
            assert!(place.open(&changed).is_err(), "byte {position} of chunk {index}");
            assert!(place.open(&body[..position]).is_err());
        }
        assert!(place.open(&[body.as_slice(), &[0]].concat()).is_err());
    }
    // An entry less, with all else in order.
    let entries: Vec<(Vec<u8>, Vec<u8>)> = borsh::from_slice(&chunks[0].body).unwrap();
    for index in 0..entries.len() {
        let mut fewer = entries.clone();
        fewer.remove(index);
        let error = places[0].open(&borsh::to_vec(&fewer).unwrap()).unwrap_err();
        assert_eq!(error, SnapshotError::Chunk("its entries have another hash"));
        let mut twice = entries.clone();
        twice.insert(index, entries[index].clone());
        let error = places[0].open(&borsh::to_vec(&twice).unwrap()).unwrap_err();
        assert_eq!(error, SnapshotError::Chunk("its entries are not in order"));
    }
}

#[test]
fn the_state_of_a_chain_that_ran_is_cut_too() {
    let mut chain = Chain::with(3, Parameters::default());
    chain.end_epoch();
    let chunks: Vec<Chunk> = cut(&chain.state, 500).collect();
    let places = places(&outline(&chunks), &chain.root()).unwrap();
    assert_eq!(open_all(&places, &chunks).unwrap(), chain.state);
}
