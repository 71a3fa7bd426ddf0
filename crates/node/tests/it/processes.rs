//! Four processes decide blocks, survive kills, and answer over HTTP.

use futures::StreamExt;
use muster_api::{self as api, EventBody, Status, TransactionState};
use muster_ledger::block::Header;
use muster_ledger::crypto::PublicKey;
use muster_ledger::light::{Follower, verify, verify_entry};
use muster_ledger::state::{Key, Value, account};
use muster_ledger::tree::Proof;
use muster_ledger::vote::Certificate;
use muster_node::Gossip;

use crate::network::{Network, PATIENCE, user_key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_decide_transfers_and_prove_them() {
    let mut network = Network::new(4, 200, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let (alice, bob) = (user_key(0), user_key(1));
    let client = network.client(0);
    let transfers: Vec<_> =
        (0..20).map(|nonce| network.transfer(&alice, nonce, &bob, 1_000 + nonce)).collect();
    let answer = client.submit_batch(&transfers).await.expect("taken");
    assert_eq!((answer.accepted, answer.refused), (20, 0), "{:?}", answer.reason);
    let last = transfers.last().expect("twenty").hash().into();
    let receipt = client.wait(&last, PATIENCE).await.expect("decided");
    assert_eq!(receipt.result, Ok(()));
    assert!(receipt.fee.grains() > 0);
    network.same_block(&[0, 1, 2, 3], receipt.height).await;

    // Another node knows it too, and what came of it.
    let other = network.client(3);
    let found = other.transaction(&last).await.expect("known");
    assert_eq!((found.state, found.height), (TransactionState::Applied, Some(receipt.height)));
    let account = other.account(&bob.public()).await.expect("known");
    let sent: u64 = (0..20).map(|nonce| 1_000 + nonce).sum();
    assert_eq!(account.balance.grains(), 1_000_000_000_000 + sent);
    assert_eq!(other.account(&alice.public()).await.expect("known").nonce, 20);

    check_proof(&network, &bob.public()).await;
    check_supply(&other.status().await.expect("answers"));
    check_events(&network, receipt.height).await;
}

/// What a light client does: certificate over the header, proof under its root.
async fn check_proof(network: &Network, key: &PublicKey) {
    let proof = network.client(2).prove_account(key).await.expect("proved");
    let header: Header = borsh::from_slice(&proof.header.0).expect("a header");
    let certificate = Certificate::from(&proof.certificate);
    // The committee followed from the genesis, not the one that the node names.
    let mut follower = Follower::new(&network.genesis).expect("a genesis");
    let members = follower.committee().to_vec();
    follower.follow(&header, &certificate, &members).expect("certified");
    let value: Value = borsh::from_slice(&proof.value.expect("there is one").0).expect("a value");
    let state_key: Key = borsh::from_slice(&proof.key.0).expect("a key");
    assert_eq!(state_key, account::Key::Account(*key).into());
    let merkle = Proof::decode(&proof.proof.0).expect("a proof");
    verify_entry(&header, &state_key, Some(&value), &merkle).expect("holds");
    assert!(verify_entry(&header, &state_key, None, &merkle).is_err());

    let mut forged = certificate.clone();
    forged.height = forged.height.next();
    assert!(verify(&header, &forged, &members).is_err());
    let mut few = certificate;
    few.signatures.truncate(2);
    assert!(verify(&header, &few, &members).is_err());
}

/// Whoever asks for a proof gets one, also at the moment at which a block is on the disk and not
/// told of yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proofs_are_given_while_blocks_are_decided_without_pause() {
    let mut network = Network::new(1, 50, Gossip::Relay);
    network.start_all();
    let first = network.wait_height(0, 1).await.height;
    let ask = async |asker: usize| {
        let (client, key) = (network.client(0), user_key(asker).public());
        for _ in 0..200 {
            client.prove_account(&key).await.expect("a proof");
        }
    };
    tokio::join!(ask(0), ask(1), ask(0), ask(1));
    // They were asked for on both sides of some decisions.
    network.wait_height(0, first + 3).await;
}

fn check_supply(status: &Status) {
    let supply = &status.supply;
    let expected = supply.genesis.grains() + supply.minted.grains() - supply.burned.grains();
    assert_eq!(supply.total.grains(), expected);
    assert!(supply.burned.grains() > 0, "fees are burned");
    assert_eq!(status.validators.len(), 4);
    assert!(status.equivocations.is_empty());
}

/// The stream goes on after any event, without a gap.
async fn check_events(network: &Network, height: u64) {
    let client = network.client(1);
    let mut all = Vec::new();
    let mut stream = Box::pin(client.events(Some(&format!("{height}.0"))).await.expect("opens"));
    while all.len() < 20 {
        all.push(stream.next().await.expect("goes on").expect("an event"));
    }
    assert!(all.iter().any(|event| matches!(
        event.body,
        EventBody::Account(api::account::Event::Transferred { .. })
    )));
    let middle = all[7].id.clone();
    let mut resumed = Box::pin(client.events(Some(&middle)).await.expect("opens"));
    let next = resumed.next().await.expect("goes on").expect("an event");
    assert_eq!(next, all[8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_nodes_come_back_with_the_same_chain() {
    let mut network = Network::new(4, 200, Gossip::Relay);
    network.start_all();
    for node in 0..4 {
        network.wait_height(node, 3).await;
    }
    network.kill(2);
    let at_kill = network.wait_height(0, 3).await.height;
    let later = network.wait_height(0, at_kill + 6).await;
    assert!(later.height > at_kill);
    network.start(2);
    let caught_up = network.wait_height(0, 1).await.height;
    network.same_block(&[0, 1, 2, 3], caught_up).await;
    // It votes again: blocks carry four signatures.
    let client = network.client(0);
    network
        .wait("all four to sign", async || {
            let blocks = client.blocks(None, Some(5)).await.ok()?;
            blocks.blocks.iter().any(|block| block.signatures.0 == 4).then_some(())
        })
        .await;

    // All four at once, with transactions on the way.
    let (alice, bob) = (user_key(0), user_key(1));
    let transfers: Vec<_> = (0..50).map(|nonce| network.transfer(&alice, nonce, &bob, 7)).collect();
    network.client(1).submit_batch(&transfers).await.expect("taken");
    let before = network.wait_height(1, caught_up + 2).await;
    (0..4).for_each(|node| network.kill(node));
    network.start_all();
    let decided = before.height;
    network.same_block(&[0, 1, 2, 3], decided + 3).await;
    let block = network.client(3).block(decided).await.expect("still there");
    assert_eq!((block.summary.hash, block.summary.state_root), (before.block, before.state_root));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broadcast_works_where_all_are_connected() {
    let mut network = Network::new(4, 200, Gossip::Broadcast);
    network.start_all();
    network.same_block(&[0, 1, 2, 3], 4).await;
}
