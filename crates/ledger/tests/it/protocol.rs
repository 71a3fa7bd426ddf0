//! How a chain moves to the rules of the next protocol version.

use muster_ledger::change::Change;
use muster_ledger::execute::{BlockError, execute};
use muster_ledger::genesis::{Genesis, GenesisError};
use muster_ledger::outcome::{self, Event, Rejection};
use muster_ledger::parameters::{ParameterChange, ParameterError, Parameters};
use muster_ledger::protocol::{Protocol, Switch, Version};
use muster_ledger::state::chain::protocol;
use muster_ledger::transaction::market::HotKeyReplacement;
use muster_ledger::transaction::{account, governance, market};
use muster_ledger::types::{Height, PeerId};

use crate::support::{Chain, address, genesis, key, mst};

const NOTICE: u64 = 5;
const VOTING: u64 = 10;

/// A chain that begins with the first version; cold-0 to cold-2 have a third of the stake each.
fn first() -> Genesis {
    let parameters = Parameters {
        epoch_blocks: 4,
        upgrade_notice_blocks: NOTICE,
        voting_blocks: VOTING,
        ..Parameters::default()
    };
    Genesis { version: Version::FIRST, ..genesis(3, parameters) }
}

fn started() -> Chain {
    let mut chain = Chain::new(&first());
    for owner in ["cold-0", "cold-1", "cold-2"] {
        let to = address(owner);
        chain.act("alice", account::Action::Transfer { to, amount: mst(32) }).unwrap();
    }
    chain
}

fn upgrade(version: u32, height: u64) -> governance::Action {
    let switch = Switch { version: Version(version), height: Height(height) };
    governance::Action::Propose { change: Change::Upgrade(switch) }
}

fn replace(chain: &Chain, peer: u32, hot: &str) -> market::Action {
    let replacement = HotKeyReplacement::agree(&chain.state.chain(), PeerId(peer), &key(hot));
    market::Action::ReplaceHotKey { replacement: Box::new(replacement) }
}

#[test]
fn a_chain_switches_at_the_height_that_was_agreed() {
    let mut chain = started();
    let version = Version::FIRST;
    // What the next version brings is not there yet: an action, a parameter.
    let early = chain.sign("cold-0", 0, replace(&chain, 0, "hot-new"));
    let not_yet = Err(Rejection::Version { since: Version(2), version });
    assert_eq!(early.check_stateless(&chain.state.limits()), not_yet);
    let change = ParameterChange { name: "hot_key_interval_blocks".into(), value: 70 };
    let change = governance::Action::Propose { change: Change::Parameter(change) };
    let change = chain.sign("cold-0", 0, change);
    assert_eq!(change.check_stateless(&chain.state.limits()), not_yet);

    let height = Height(24);
    chain.act("cold-0", upgrade(2, height.0)).unwrap();
    let closes = chain.state.height().0 + VOTING;
    chain.act("cold-1", governance::Action::Vote { proposal: 0, approve: true }).unwrap();
    chain.run_to(closes);
    let switch = Switch { version: Version(2), height };
    let agreed = Protocol { version, next: Some(switch) };
    assert_eq!(*chain.state.the(protocol()), agreed);
    // A second one has to wait for the first.
    let again = Err(Rejection::Governance(outcome::governance::Rejection::UpgradeAgreed(switch)));
    assert_eq!(chain.act("cold-2", upgrade(2, 40)), again);
    chain.run_to(height.0 - 1);
    assert_eq!((chain.header.version, chain.state.limits().version), (version, Version(2)));

    // The block of that height may hold what the new version brings, and names it.
    let action = chain.sign("cold-0", 0, replace(&chain, 0, "hot-new"));
    let execution = chain.block(vec![action]);
    assert_eq!(execution.events[0], Event::Upgraded(switch));
    assert_eq!(execution.receipts[0].result, Ok(()));
    assert_eq!(chain.header.version, Version(2));
    assert_eq!(*chain.state.the(protocol()), Protocol { version: Version(2), next: None });
    assert!(chain.state.peer_by_hot(&address("hot-new")).is_some());
    let change = ParameterChange { name: "hot_key_interval_blocks".into(), value: 70 };
    let change = governance::Action::Propose { change: Change::Parameter(change) };
    chain.act("cold-0", change).unwrap();
}

#[test]
fn an_upgrade_is_to_the_next_version_with_notice() {
    let mut chain = started();
    let governance = |outcome: Result<(), Rejection>| match outcome {
        Err(Rejection::Governance(rejection)) => rejection,
        other => panic!("{other:?}"),
    };
    for version in [0, 1, 3] {
        let refused = governance(chain.act("cold-0", upgrade(version, 100)));
        let expected = outcome::governance::Rejection::UpgradeVersion { version: Version::FIRST };
        assert_eq!(refused, expected);
    }
    let height = chain.state.height().0 + VOTING + NOTICE;
    let refused = governance(chain.act("cold-0", upgrade(2, height)));
    let from = Height(height + 1);
    let expected = outcome::governance::Rejection::UpgradeNotice { height: Height(height), from };
    assert_eq!(refused, expected);
    // Of two that were accepted for the same version, the second comes to nothing.
    for owner in ["cold-0", "cold-1"] {
        chain.act(owner, upgrade(2, height + 3)).unwrap();
    }
    for (owner, proposal) in [("cold-1", 0), ("cold-0", 1)] {
        chain.act(owner, governance::Action::Vote { proposal, approve: true }).unwrap();
    }
    chain.run_to(height - 2);
    let switch = Switch { version: Version(2), height: Height(height + 3) };
    let agreed = Protocol { version: Version::FIRST, next: Some(switch) };
    assert_eq!(*chain.state.the(protocol()), agreed);
    assert_eq!(chain.state.proposals().count(), 0);
}

#[test]
fn a_block_names_the_version_that_it_is_executed_by() {
    let chain = started();
    let (mut block, _) = chain.next(Vec::new());
    block.header.version = Version(2);
    let (expected, found) = (Version::FIRST, Version(2));
    let error = execute(&chain.state, &chain.header, &block).unwrap_err();
    assert_eq!(error, BlockError::Version { expected, found });
}

#[test]
fn a_genesis_of_another_version_is_refused_in_words() {
    let newest = Version::NEWEST;
    let later = Version(newest.0 + 1);
    for version in [Version(0), later] {
        let genesis = Genesis { version, ..first() };
        assert_eq!(genesis.validate(), Err(GenesisError::Version { version, newest }));
    }
    let mut early = first();
    early.parameters.hot_key_interval_blocks = 7;
    let error = early.validate().unwrap_err();
    let (name, since, version) = ("hot_key_interval_blocks", Version(2), Version::FIRST);
    let expected = ParameterError::Version { name, since, version };
    assert_eq!(error, GenesisError::Parameters(expected));
    // A document from before there were versions means the first.
    let mut document = serde_json::to_value(first()).unwrap();
    document.as_object_mut().unwrap().remove("version");
    let read: Genesis = serde_json::from_value(document).unwrap();
    assert_eq!(read, first());
}

#[test]
fn what_a_later_version_brings_changes_no_earlier_encoding() {
    // The parameters of a chain of version 1 are encoded as they were before version 2 was known.
    let bytes = muster_ledger::encoding::encode(&first().parameters);
    let said =
        [("epoch_blocks", 4_u64), ("voting_blocks", VOTING), ("upgrade_notice_blocks", NOTICE)];
    let number = |name: &str| {
        let fields = muster_ledger::parameters::FIELDS;
        fields.iter().position(|field| field.name == name).unwrap() as u16
    };
    let pairs = said.map(|(name, value)| (number(name), value));
    assert_eq!(bytes, muster_ledger::encoding::encode(&pairs.to_vec()));
}
