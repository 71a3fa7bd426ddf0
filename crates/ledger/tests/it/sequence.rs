//! One fixed sequence of blocks over all kinds of transactions, whose final root is pinned: the
//! same in debug and release, on every machine, with any number of threads.

use std::collections::BTreeMap;

use muster_ledger::crypto::Hash;
use muster_ledger::parameters::Parameters;

use crate::actions::{KINDS, Numbers, any_action, name};
use crate::properties::{lively, lively_block};
use crate::support::Chain;

/// The root after the sequence. A change means that networks which run different versions of this
/// crate disagree; change it together with a new protocol version only. The failing test prints
/// the new one.
const ROOT: &str = "d95a68a73ee51197b615bd6509bd2541f863fab61a53b15fc0e54987e7f18671";

fn run() -> (Hash, BTreeMap<&'static str, u64>) {
    let mut chain = Chain::with(4, lively());
    let mut numbers = Numbers::new(20_100_521);
    let mut done = BTreeMap::new();
    for _ in 0..64 {
        lively_block(&mut chain, &mut numbers, 24);
        for signed in &chain.last {
            *done.entry(name(&signed.transaction.action)).or_insert(0) += 1;
        }
    }
    (chain.root(), done)
}

#[test]
fn the_fixed_sequence_gives_the_pinned_root_with_any_number_of_threads() {
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (root, done) = pool.install(run);
        for (kind, _) in KINDS {
            assert!(done.contains_key(kind), "no {kind} in {done:?}");
        }
        assert_eq!(root.to_string(), ROOT, "with {threads} threads");
    }
}

#[test]
fn the_seed_decides_what_happens() {
    let chain = Chain::with(4, Parameters::default());
    let actions = |seed| {
        let mut numbers = Numbers::new(seed);
        (0..20).map(|_| any_action(&chain, &mut numbers, "alice")).collect::<Vec<_>>()
    };
    assert_eq!(actions(1), actions(1));
    assert_ne!(actions(1), actions(2));
}
