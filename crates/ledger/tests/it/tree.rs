use std::collections::BTreeMap;

use muster_ledger::crypto::Hash;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::state::{Account, Key, State, StateError, Value};
use muster_ledger::transaction::Action;
use muster_ledger::tree::{PROOF_BYTES_MAX, Proof, TreeError, prove, update};
use muster_ledger::types::{Height, PeerId};

use crate::support::{Chain, MemoryTree, address, mst};

#[test]
fn a_light_client_checks_an_account_and_its_absence() {
    let mut chain = Chain::with(3, Parameters::default());
    let to = address("carol");
    chain.act("alice", Action::Transfer { to, amount: mst(2) }).unwrap();
    chain.run_to(12);
    let root = chain.root();
    let height = chain.state.height();
    for key in [Key::Account(to), Key::Peer(PeerId(1)), Key::Committee, Key::Market] {
        let (value, proof) = prove(&chain.tree, height, &key).unwrap();
        assert_eq!(value.as_ref(), chain.state.get(&key));
        let proof = Proof::decode(&proof.encode()).unwrap();
        proof.verify(&root, &key, value.as_ref()).unwrap();
        // Nothing else can be shown with it.
        assert!(proof.verify(&root, &key, None).is_err());
        assert!(proof.verify(&Hash([1; 32]), &key, value.as_ref()).is_err());
        assert!(proof.verify(&root, &Key::Supply, value.as_ref()).is_err());
    }
    let account = Account { balance: mst(3), nonce: 0 };
    let (_, proof) = prove(&chain.tree, height, &Key::Account(to)).unwrap();
    let error = proof.verify(&root, &Key::Account(to), Some(&Value::Account(account)));
    assert!(matches!(error, Err(TreeError::Proof(_))));
    let absent = Key::Account(address("nobody"));
    let (value, proof) = prove(&chain.tree, height, &absent).unwrap();
    assert!(value.is_none());
    proof.verify(&root, &absent, None).unwrap();
    assert!(proof.verify(&root, &absent, Some(&Value::Account(account))).is_err());
    // Before its first money carol was not there, under the root of that time.
    let (value, proof) = prove(&chain.tree, Height(0), &Key::Account(to)).unwrap();
    assert!(value.is_none());
    assert!(proof.verify(&root, &Key::Account(to), None).is_err());
}

#[test]
fn the_root_depends_on_the_entries_alone() {
    let mut chain = Chain::with(3, Parameters::default());
    for index in 0..5 {
        let to = address(&format!("user-{index}"));
        chain.act("alice", Action::Transfer { to, amount: mst(1) }).unwrap();
    }
    let entries = || chain.state.entries().map(|(key, value)| (*key, Some(value.clone())));
    let all: BTreeMap<Key, Option<Value>> = entries().collect();
    let (root, _) = update(&MemoryTree::default(), Height(0), &all).unwrap();
    assert_eq!(root, chain.root());
}

#[test]
fn missing_nodes_are_an_error_in_words() {
    let chain = Chain::with(1, Parameters::default());
    let empty = MemoryTree::default();
    let error = prove(&empty, Height(3), &Key::Clock).unwrap_err();
    assert!(error.to_string().contains("height 3"), "{error}");
    let error = update(&empty, Height(3), &BTreeMap::new());
    // An update over nothing at a later height has nothing to stand on.
    assert!(error.is_err() || chain.state.height() == Height(0));
}

#[test]
fn oversized_and_broken_proofs_are_refused() {
    assert!(Proof::decode(&vec![0; PROOF_BYTES_MAX + 1]).is_err());
    assert!(Proof::decode(&[]).is_err());
    assert!(Proof::decode(&[1; 100]).is_err());
}

#[test]
fn states_are_rebuilt_from_their_entries_and_nothing_else() {
    let mut chain = Chain::with(3, Parameters::default());
    chain.act("alice", Action::Stake { peer: PeerId(0), amount: mst(7) }).unwrap();
    chain.act("alice", Action::Unstake { peer: PeerId(0), amount: mst(2) }).unwrap();
    chain.end_epoch();
    let entries: Vec<(Key, Value)> =
        chain.state.entries().map(|(key, value)| (*key, value.clone())).collect();
    let rebuilt = State::from_entries(entries.iter().cloned().rev()).unwrap();
    assert_eq!(rebuilt, chain.state);
    assert_eq!(rebuilt.len(), entries.len());
    let outcome =
        |entries: Vec<(Key, Value)>| State::from_entries(entries.into_iter()).unwrap_err();
    let mut twice = entries.clone();
    twice.push(entries[0].clone());
    assert_eq!(outcome(twice), StateError::Duplicate(Key::Clock));
    let without: Vec<_> = entries.iter().filter(|(key, _)| *key != Key::Clock).cloned().collect();
    assert_eq!(outcome(without), StateError::Missing(Key::Clock));
    let mut wrong = entries.clone();
    wrong[0].1 = Value::Vote(true);
    assert_eq!(outcome(wrong), StateError::Kind(Key::Clock));
    let mut rich = entries;
    let account = Account { balance: Grains(1), nonce: 0 };
    rich.push((Key::Account(address("nobody")), Value::Account(account)));
    assert!(matches!(outcome(rich), StateError::Supply { .. }));
}
