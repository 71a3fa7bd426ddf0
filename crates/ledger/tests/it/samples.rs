//! One sample of every encoding: what is pinned, and what decoders are damaged and fuzzed with.

use std::collections::BTreeMap;

use muster_ledger::change::Change;
use muster_ledger::crypto::Hash;
use muster_ledger::encoding::encode;
use muster_ledger::money::Grains;
use muster_ledger::outcome::{self, Event, Receipt, Rejection};
use muster_ledger::parameters::{FIELDS, ParameterChange, Parameters};
use muster_ledger::state::market::RegistrationTerms;
use muster_ledger::state::{Key, chain};
use muster_ledger::transaction::market::{HotKeyReplacement, Payment, Registration, find_work};
use muster_ledger::transaction::presence::Unlocks;
use muster_ledger::transaction::{Action, account, governance, market, presence, stake};
use muster_ledger::tree::prove;
use muster_ledger::types::PeerId;

use crate::actions::{KINDS, Numbers};
use crate::support::{Chain, address, design, endpoint, genesis, key, mst, row};

/// A chain in which every kind of entry stands.
pub fn busy() -> Chain {
    let parameters = Parameters {
        peers_max: 3,
        immunity_epochs: 0,
        registration_difficulty: 64,
        registration_difficulty_min: 1,
        voting_blocks: 30,
        quorum_ppb: 1_000_000,
        ..Parameters::default()
    };
    let mut chain = Chain::with(3, parameters);
    let act = |chain: &mut Chain, signer: &str, action: Action| chain.act(signer, action).unwrap();
    for hot in ["hot-0", "hot-1"] {
        act(&mut chain, hot, market::Action::SetWeights { weights: row(&[0, 1]) }.into());
    }
    let change = ParameterChange { name: "committee_max".into(), value: 40 };
    let change = Change::Parameter(change);
    act(&mut chain, "alice", stake::Action::Stake { peer: PeerId(1), amount: mst(9) }.into());
    act(&mut chain, "alice", governance::Action::Propose { change: change.clone() }.into());
    chain.run_to(chain.state.height().0 + 30);
    // The first is agreed, the second open.
    act(&mut chain, "alice", governance::Action::Propose { change }.into());
    chain.end_epoch();
    act(&mut chain, "alice", stake::Action::Unstake { peer: PeerId(1), amount: mst(1) }.into());
    for peer in [0, 1] {
        let hot = key(&format!("hot-r{peer}"));
        let replacement = HotKeyReplacement::agree(&chain.state.chain(), PeerId(peer), &hot);
        let replacement = Box::new(replacement);
        let to = address(&format!("cold-{peer}"));
        act(&mut chain, "alice", account::Action::Transfer { to, amount: mst(1) }.into());
        let owner = format!("cold-{peer}");
        act(&mut chain, &owner, market::Action::ReplaceHotKey { replacement }.into());
        let commit = market::Action::CommitWeights { commitment: Hash([3; 32]) };
        act(&mut chain, &format!("hot-r{peer}"), commit.into());
    }
    let hot = key("hot-n");
    let burn = Payment::Burn { price_max: mst(2) };
    let id = chain.state.chain();
    let registration = Registration::agree(&id, &hot, address("cold-n"), endpoint("n"), burn);
    let registration = Box::new(registration);
    act(&mut chain, "alice", market::Action::Register { registration }.into());
    let hot = key("hot-w");
    let RegistrationTerms { challenge, difficulty, .. } = chain.state.registration().clone();
    let owner = address("cold-w");
    let nonce = find_work(&id, &challenge, &hot.public(), &owner, difficulty, 0, 1 << 20).unwrap();
    let payment = Payment::Work { nonce };
    let registration = Box::new(Registration::agree(&id, &hot, owner, endpoint("w"), payment));
    let transfer = account::Action::Transfer { to: address("carol"), amount: mst(1) };
    let open = presence::Action::Open {
        design: Box::new(design()),
        unlocks: Some(Unlocks::Account(transfer)),
        prize: mst(1),
        deposit_max: mst(1),
    };
    let register = chain.sign("hot-w", 0, market::Action::Register { registration });
    chain.all(vec![register, chain.sign("bob", 0, open)]);
    chain
}

/// The name of each entry, as `mechanism name`.
pub fn entry_name(key: &Key) -> String {
    let debug = format!("{key:?}");
    let mut words = debug.split(['(', ')']);
    format!("{} {}", words.next().unwrap(), words.next().unwrap())
}

/// An encoding of each kind by its name, as `entry Market Peers`.
pub fn samples() -> BTreeMap<String, Vec<u8>> {
    let chain = busy();
    let mut samples = BTreeMap::new();
    for (kind, _, make) in KINDS {
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
pub fn every_parameter() -> Parameters {
    let mut parameters = Parameters::default();
    for field in FIELDS {
        let value = if field.default_value() == field.max { field.min } else { field.max };
        let change = ParameterChange { name: field.name.into(), value };
        // Some contradict others at their ends: those keep their default.
        let changed = parameters.with(&change).unwrap();
        parameters = if changed.validate().is_ok() { changed } else { parameters };
    }
    parameters
}
