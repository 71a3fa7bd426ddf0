//! Strangers with little money cannot keep others' transactions out: their floods, against real
//! nodes.

use muster_ledger::money::Grains;
use muster_ledger::transaction::market::Action;
use muster_ledger::transaction::{SignedTransaction, Transaction};
use muster_ledger::types::{PeerId, Row, Share};
use muster_node::Gossip;

use crate::network::{Network, PATIENCE, genesis, user_key};

/// A network in which users 10 to 14 have one MST each.
async fn network() -> Network {
    let mut genesis = genesis(4, 200);
    genesis.accounts.extend((10..15).map(|index| (user_key(index).public(), Grains::MST)));
    let mut network = Network::of(genesis, Gossip::Relay);
    network.start_all();
    for node in 0..4 {
        network.wait_height(node, 1).await;
    }
    network
}

fn tipped(mut transaction: Transaction, tip: u64, user: usize) -> SignedTransaction {
    transaction.tip = Grains(tip);
    SignedTransaction::sign(transaction, &user_key(user))
}

/// Hands in a batch, again where the machine is too busy to answer in time; how many are taken.
async fn hand_in(network: &Network, node: usize, batch: &[SignedTransaction]) -> u64 {
    let client = network.client(node);
    let asked = network.wait("an answer", async || client.submit_batch(batch).await.ok());
    asked.await.accepted
}

/// Ten transfers without a tip are taken and decided, handed in at every node.
async fn honest_people_are_served(network: &Network) {
    let (alice, bob) = (user_key(0), user_key(1));
    for nonce in 0..10 {
        let transfer = network.transfer(&alice, nonce, &bob, 1);
        let client = network.client(nonce as usize % 4);
        let hash = client.submit(&transfer).await.expect("taken");
        let receipt = client.wait(&hash, PATIENCE).await.expect("decided");
        assert_eq!(receipt.result, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promises_behind_a_gap_shut_nobody_out() {
    let network = network().await;
    let weights = (0..256).map(|peer| (PeerId(peer), Share(3_000_000))).collect();
    let weights = Row::new(weights).expect("a row");
    let mut taken = 0;
    for user in 10..13 {
        let key = user_key(user);
        let row = || Action::RevealWeights { weights: weights.clone(), salt: [0; 32] };
        for first in [1, 341, 682] {
            let batch: Vec<SignedTransaction> = (first..first + 341)
                .map(|nonce| network.sign(&key, nonce, row()).transaction)
                .map(|transaction| tipped(transaction, Grains::MST.0 / 2, user))
                .collect();
            taken += hand_in(&network, user % 4, &batch).await;
        }
    }
    assert!(taken <= 3, "{taken} of those that nobody can pay for");
    honest_people_are_served(&network).await;
    for user in 10..13 {
        let account = network.client(0).account(&user_key(user).public()).await.expect("known");
        assert_eq!((account.nonce, account.balance.grains()), (0, Grains::MST.0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_balance_promised_a_thousand_times_shuts_nobody_out() {
    let network = network().await;
    let (thief, bob) = (user_key(13), user_key(1));
    let batch: Vec<SignedTransaction> = (0..1_024)
        .map(|nonce| network.transfer(&thief, nonce, &bob, 1).transaction)
        .map(|transaction| tipped(transaction, Grains::MST.0 * 9 / 10, 13))
        .collect();
    let mut taken = 0;
    for node in 0..4 {
        taken += hand_in(&network, node, &batch).await;
    }
    assert!(taken <= 4, "{taken} of one balance");
    honest_people_are_served(&network).await;
    let account = network.client(0).account(&thief.public()).await.expect("known");
    assert_eq!(account.nonce, 1, "the one that it could pay for");
}
