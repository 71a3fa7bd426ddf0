//! A running network moves to the rules of the next protocol version while its nodes are replaced
//! one by one.

use muster_api::TransactionState;
use muster_ledger::change::Change;
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::{Switch, Version};
use muster_ledger::transaction::market::HotKeyReplacement;
use muster_ledger::transaction::{governance, market};
use muster_ledger::types::{Endpoint, Height, Modality, PeerId};
use muster_node::Gossip;

use crate::network::{Network, PATIENCE, genesis, user_key};

const BEFORE: Version = Version(1);
const AFTER: Version = Version(2);

/// A chain of the version before, with one peer whose owner has all the stake.
fn old_genesis() -> Genesis {
    let base = genesis(4, 300);
    let peer = GenesisPeer {
        hot: user_key(1).public(),
        cold: user_key(0).public(),
        endpoint: Endpoint { url: "https://127.0.0.1:8700".into(), modality: Modality::Text },
        stake: Grains(100_000_000_000),
    };
    let parameters = Parameters {
        epoch_blocks: 5,
        voting_blocks: 10,
        upgrade_notice_blocks: 10,
        // The four users hold much more than is staked.
        quorum_ppb: 1_000_000,
        ..base.parameters.clone()
    };
    Genesis { version: BEFORE, parameters, peers: vec![peer], ..base }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_whose_nodes_are_replaced_one_by_one_goes_on_past_the_switch() {
    let mut network = Network::of(old_genesis(), Gossip::Relay);
    (0..4).for_each(|node| network.follow_up_to(node, BEFORE));
    network.start_all();
    let now = network.wait_height(0, 1).await;
    assert_eq!((now.protocol.version, now.protocol.next), (BEFORE.0, None));

    // What the next version brings is refused in words, and the upgrade agreed.
    let (owner, client) = (user_key(0), network.client(0));
    let replacement = HotKeyReplacement::agree(&network.chain(), PeerId(0), &user_key(2));
    let replace = market::Action::ReplaceHotKey { replacement: Box::new(replacement) };
    let refused = client.submit(&network.sign(&owner, 0, replace.clone())).await;
    let refused = refused.expect_err("not there yet").to_string();
    assert!(refused.contains("takes protocol version 2"), "{refused}");
    let height = Height(now.height + 30);
    let change = Change::Upgrade(Switch { version: AFTER, height });
    let propose = network.sign(&owner, 0, governance::Action::Propose { change });
    let hash = client.submit(&propose).await.expect("taken");
    client.wait(&hash, PATIENCE).await.expect("decided").result.expect("proposed");
    let agreed = network
        .wait("the upgrade to be agreed", async || client.status().await.ok()?.protocol.next)
        .await;
    assert_eq!((agreed.version, agreed.height), (AFTER.0, height.0));

    // Three of four are replaced. Whether the switch comes before or after the last of them
    // depends on the machine: where it comes before, the chain waits.
    for node in 0..3 {
        network.kill(node);
        network.follow_up_to(node, AFTER);
        network.start(node);
        network.wait_height(node, 1).await;
    }
    let status = network.wait_height(0, height.0 + 2).await;
    assert_eq!((status.protocol.version, status.protocol.next), (AFTER.0, None));
    let hash = network.client(1).submit(&network.sign(&owner, 1, replace)).await.expect("taken");
    let client = network.client(2);
    client.wait(&hash, PATIENCE).await.expect("decided").result.expect("it is there now");
    let found = client.transaction(&hash).await.expect("known");
    assert_eq!(found.state, TransactionState::Applied);
    assert_eq!(client.peer(0).await.expect("there").address.0, user_key(2).public());

    // The one that was not replaced stopped before the switch, and says what to do; replaced, it
    // follows.
    assert!(!network.wait_end(3).await, "it went on");
    let words = network.last_words(3);
    let expected = format!("from height {height} on the chain runs protocol version 2");
    assert!(words.contains(&expected) && words.contains("install a program"), "{words}");
    network.follow_up_to(3, AFTER);
    network.start(3);
    let known = network.wait_height(0, height.0 + 4).await.height;
    network.wait_height(3, known).await;
    let blocks = [network.client(0).block(known).await, network.client(3).block(known).await];
    let [ours, theirs] = blocks.map(|block| block.expect("decided").summary.hash);
    assert_eq!(ours, theirs);
}
