//! One fixed sequence of blocks over all kinds of transactions, whose final root is pinned: the
//! same in debug and release, on every machine, with any number of threads.

use std::collections::BTreeMap;

use muster_ledger::crypto::Hash;
use muster_ledger::genesis::Genesis;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;

use crate::actions::{Numbers, any_action, kinds, name};
use crate::pins::ROOTS;
use crate::properties::{lively, lively_block, settled};
use crate::support::{Chain, genesis};

fn run(version: Version) -> (Hash, BTreeMap<&'static str, u64>) {
    let mut chain = settled(Chain::new(&Genesis { version, ..genesis(4, lively()) }));
    let mut numbers = Numbers::new(20_100_521);
    let mut done = BTreeMap::new();
    // Some of what a later version brings takes longer to come about.
    let blocks = if version < Version(3) { 64 } else { 160 };
    for _ in 0..blocks {
        lively_block(&mut chain, &mut numbers, 24);
        for signed in &chain.last {
            *done.entry(name(&signed.transaction.action)).or_insert(0) += 1;
        }
    }
    (chain.root(), done)
}

#[test]
fn the_fixed_sequence_gives_the_pinned_root_with_any_number_of_threads() {
    assert_eq!(ROOTS.last().map(|(version, _)| *version), Some(Version::NEWEST));
    for (version, pinned) in ROOTS {
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (root, done) = pool.install(|| run(*version));
            for (kind, _) in kinds(*version) {
                assert!(done.contains_key(kind), "no {kind} in {done:?}");
            }
            assert_eq!(root.to_string(), *pinned, "version {version} with {threads} threads");
        }
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
