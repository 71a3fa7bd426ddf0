use std::collections::BTreeMap;

use muster_ledger::crypto::Hash;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::state::account::{self as accounts, Account};
use muster_ledger::state::{
    self as entries, Key, State, StateError, Value, chain as chain_entries, market,
};
use muster_ledger::transaction::{Action, account, stake};
use muster_ledger::tree::{PROOF_BYTES_MAX, Proof, TreeError, prove, update};
use muster_ledger::types::{Height, PeerId};

use crate::support::{Chain, MemoryTree, address, mst};

#[test]
fn a_light_client_checks_an_account_and_its_absence() {
    let mut chain = Chain::with(3, Parameters::default());
    let to = address("carol");
    chain.act("alice", Action::Account(account::Action::Transfer { to, amount: mst(2) })).unwrap();
    chain.run_to(12);
    let root = chain.root();
    let height = chain.state.height();
    for key in [
        accounts::Key::Account(to).into(),
        market::Key::Peer(PeerId(1)).into(),
        chain_entries::Key::Committee.into(),
        market::Key::Report.into(),
    ] {
        let (value, proof) = prove(&chain.tree, height, &key).unwrap();
        assert_eq!(value.as_ref(), chain.state.get(&key));
        let proof = Proof::decode(&proof.encode()).unwrap();
        proof.verify(&root, &key, value.as_ref()).unwrap();
        // Nothing else can be shown with it.
        assert!(proof.verify(&root, &key, None).is_err());
        assert!(proof.verify(&Hash([1; 32]), &key, value.as_ref()).is_err());
        assert!(proof.verify(&root, &chain_entries::Key::Supply.into(), value.as_ref()).is_err());
    }
    let carol = accounts::Key::Account(to).into();
    let account = Account { balance: mst(3), ..Account::default() };
    let rich = Value::Account(accounts::Value::Account(account));
    let (_, proof) = prove(&chain.tree, height, &carol).unwrap();
    let error = proof.verify(&root, &carol, Some(&rich));
    assert!(matches!(error, Err(TreeError::Proof(_))));
    let absent: Key = accounts::Key::Account(address("nobody")).into();
    let (value, proof) = prove(&chain.tree, height, &absent).unwrap();
    assert!(value.is_none());
    proof.verify(&root, &absent, None).unwrap();
    assert!(proof.verify(&root, &absent, Some(&rich)).is_err());
    // Before its first money carol was not there, under the root of that time.
    let (value, proof) = prove(&chain.tree, Height(0), &carol).unwrap();
    assert!(value.is_none());
    assert!(proof.verify(&root, &carol, None).is_err());
}

#[test]
fn the_root_depends_on_the_entries_alone() {
    let mut chain = Chain::with(3, Parameters::default());
    for index in 0..5 {
        let to = address(&format!("user-{index}"));
        chain
            .act("alice", Action::Account(account::Action::Transfer { to, amount: mst(1) }))
            .unwrap();
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
    let error = prove(&empty, Height(3), &chain_entries::Key::Clock.into()).unwrap_err();
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
    chain
        .act("alice", Action::Stake(stake::Action::Stake { peer: PeerId(0), amount: mst(7) }))
        .unwrap();
    chain
        .act("alice", Action::Stake(stake::Action::Unstake { peer: PeerId(0), amount: mst(2) }))
        .unwrap();
    chain.end_epoch();
    let entries: Vec<(Key, Value)> =
        chain.state.entries().map(|(key, value)| (*key, value.clone())).collect();
    let rebuilt = State::from_entries(entries.iter().cloned().rev()).unwrap();
    assert_eq!(rebuilt, chain.state);
    assert_eq!(rebuilt.len(), entries.len());
    let clock: Key = chain_entries::Key::Clock.into();
    let outcome =
        |entries: Vec<(Key, Value)>| State::from_entries(entries.into_iter()).unwrap_err();
    let mut twice = entries.clone();
    twice.push(entries[0].clone());
    assert_eq!(outcome(twice), StateError::Duplicate(clock));
    let without: Vec<_> = entries.iter().filter(|(key, _)| *key != clock).cloned().collect();
    assert_eq!(outcome(without), StateError::Missing(clock));
    let mut wrong = entries.clone();
    wrong[0].1 = Value::Stake(entries::stake::Value::DelegationOf(()));
    assert_eq!(outcome(wrong), StateError::Kind(clock));
    let most = Account { balance: Grains(u64::MAX), deposit: Grains(1), ..Account::default() };
    for account in [Account { balance: Grains(1), ..Account::default() }, most] {
        let mut rich = entries.clone();
        rich.push((
            accounts::Key::Account(address("nobody")).into(),
            Value::Account(accounts::Value::Account(account)),
        ));
        assert!(matches!(outcome(rich), StateError::Supply { .. }));
    }
}
