//! One fixed sequence of blocks over all kinds of transactions, whose final root is pinned: the
//! same in debug and release, on every machine, with any number of threads.

use muster_ledger::crypto::Hash;
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::Action;

use crate::properties::{Numbers, any_action, lively, lively_block};
use crate::support::Chain;

/// The root after the sequence. A change means that networks which run different versions of this
/// crate disagree; change it together with a new protocol version only. The failing test prints
/// the new one.
const ROOT: &str = "f970c4e746804c4f47fc204fe46441c9d2c4611b3999a8a5985ff08022ace2f3";

fn run() -> (Hash, [u64; 11]) {
    let mut chain = Chain::with(4, lively());
    let mut numbers = Numbers::new(20_100_521);
    let mut done = [0; 11];
    for _ in 0..64 {
        lively_block(&mut chain, &mut numbers, 24);
        for signed in &chain.last {
            done[kind(&signed.transaction.action)] += 1;
        }
    }
    (chain.root(), done)
}

fn kind(action: &Action) -> usize {
    match action {
        Action::Transfer { .. } => 0,
        Action::Stake { .. } => 1,
        Action::Unstake { .. } => 2,
        Action::Register { .. } => 3,
        Action::SetEndpoint { .. } => 4,
        Action::CommitWeights { .. } => 5,
        Action::RevealWeights { .. } => 6,
        Action::SetWeights { .. } => 7,
        Action::Emit => 8,
        Action::Propose { .. } => 9,
        Action::Vote { .. } => 10,
    }
}

#[test]
fn the_fixed_sequence_gives_the_pinned_root_with_any_number_of_threads() {
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (root, done) = pool.install(run);
        assert!(done.iter().all(|count| *count > 0), "some kind is missing: {done:?}");
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
