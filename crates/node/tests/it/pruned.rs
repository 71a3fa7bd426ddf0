//! Nodes that keep the newest blocks alone: what they have, what they say of the rest, and that
//! the network does without what they removed.

use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::transaction::{SignedTransaction, Transaction, account};
use muster_ledger::types::Height;
use muster_node::Gossip;
use muster_node::config::KEEP_BLOCKS_MIN;

use crate::grown::{Grown, copy};
use crate::network::{Network, genesis, user_key, validator_key};

fn transfer(chain: Hash, nonce: u64) -> SignedTransaction {
    let transaction = Transaction {
        chain,
        signer: user_key(0).public(),
        nonce,
        expires: Height(900),
        tip: Grains(0),
        action: account::Action::Transfer { to: user_key(1).public(), amount: Grains(5) }.into(),
    };
    SignedTransaction::sign(transaction, &user_key(0))
}

/// A chain with a transaction in each of these blocks; their hashes.
fn grow(chain: &mut Grown, id: Hash, heights: &[u64]) -> Vec<Hash> {
    let grown = (0..).zip(heights).map(|(nonce, height)| {
        chain.grow(height - 1);
        let transaction = transfer(id, nonce);
        let hash = transaction.hash();
        chain.block(vec![transaction]);
        hash
    });
    grown.collect()
}

#[test]
fn what_is_pruned_is_gone_with_all_that_belongs_to_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.redb");
    let genesis = genesis(1, 300);
    let keys = [validator_key(0)];
    let mut chain = Grown::open(&path, &genesis, &keys);
    let hashes = grow(&mut chain, genesis.chain_id(), &[20, 70, 71, 140]);
    chain.grow(150);
    let known = |chain: &Grown| -> Vec<bool> {
        let places = |hash| chain.store.find_transaction(hash).expect("the disk works");
        hashes.iter().map(|hash| !places(hash).is_empty()).collect()
    };
    let whole = |chain: &Grown, height| chain.store.whole(height).expect("works").is_some();
    assert_eq!((chain.store.first(), known(&chain)), (1, vec![true; 4]));

    // Some at a time, the oldest first, and no further than told.
    assert!(chain.store.prune(71).expect("works"), "there is more");
    assert!(whole(&chain, chain.store.first()));
    while chain.store.prune(71).expect("works") {}
    assert_eq!((chain.store.first(), known(&chain)), (71, vec![false, false, true, true]));
    assert!(!whole(&chain, 70) && whole(&chain, 71));
    assert_eq!(chain.store.decided(70).expect("works"), None);
    assert_eq!(chain.store.outcome(70).expect("works"), None);

    // As a crash now would leave it: all is there again, or nothing of what was removed.
    let crashed = directory.path().join("crashed.redb");
    std::fs::copy(&path, &crashed).expect("copied");
    let mut after = Grown::open(&crashed, &genesis, &keys);
    assert_eq!((after.height(), after.store.first()), (150, 1));
    assert_eq!(known(&after), [true; 4]);
    while after.store.prune(71).expect("works") {}
    after.block(Vec::new());
    assert_eq!((after.store.first(), known(&after)), (71, vec![false, false, true, true]));
    drop(after);

    // The same after a restart, once a block was decided; the state is what it was.
    chain.block(Vec::new());
    drop(chain);
    let mut chain = Grown::open(&path, &genesis, &keys);
    assert_eq!((chain.height(), chain.store.first()), (151, 71));
    assert_eq!(known(&chain), [false, false, true, true]);

    // The newest block stays, whatever is asked for.
    while chain.store.prune(u64::MAX).expect("works") {}
    assert_eq!((chain.store.first(), known(&chain)), (151, vec![false; 4]));
    assert!(whole(&chain, 151));
    chain.grow(153);
    drop(chain);
    let chain = Grown::open(&path, &genesis, &keys);
    assert_eq!((chain.height(), chain.store.first()), (153, 151));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_does_without_what_one_node_pruned() {
    let mut network = Network::new(4, 200, Gossip::Relay);
    let database = |index: usize| network.configs[index].with_file_name("ledger.redb");
    let keys: Vec<SecretKey> = (0..4).map(validator_key).collect();
    let mut chain = Grown::open(&database(0), &network.genesis, &keys);
    let old = grow(&mut chain, network.chain(), &[10])[0];
    let height = KEEP_BLOCKS_MIN + 100;
    chain.grow(height);
    drop(chain);
    copy(&database(0), &database(1), &keys[1]);
    copy(&database(0), &database(2), &keys[2]);
    network.change(0, |config| config.keep_blocks = Some(KEEP_BLOCKS_MIN));
    network.start_all();

    // The fourth has nothing, and fetches what the first no longer has from the others.
    for part in [height / 4, height / 2, height / 4 * 3, height + 5] {
        network.wait_height(3, part).await;
    }
    let pruned = network.client(0);
    let status = network
        .wait("the first node to prune", async || {
            pruned.status().await.ok().filter(|status| status.first_block > 100)
        })
        .await;
    let first = status.first_block;
    // A block may have come between the two numbers.
    assert!(status.height + 3 - first >= KEEP_BLOCKS_MIN, "{first} of {}", status.height);
    pruned.block(first + 50).await.expect("it is kept");
    let error = pruned.block(50).await.expect_err("it is not kept");
    assert_eq!(error.status(), Some(410));
    let text = error.to_string();
    assert!(text.contains("block 50 is not kept here") && text.contains("blocks from"), "{text}");
    let listed = pruned.blocks(Some(120), Some(200)).await.expect("a list").blocks;
    assert!(listed.iter().all(|block| block.height > 100), "{listed:?}");
    let error = pruned.transaction(&old.into()).await.expect_err("it is not kept");
    assert!(error.to_string().contains("decided before block"), "{error}");
    let Err(error) = pruned.events(Some("50.0")).await else { panic!("events are gone") };
    assert_eq!(error.status(), Some(410), "{error}");
    for index in [1, 3] {
        let client = network.client(index);
        assert_eq!(client.status().await.expect("answers").first_block, 1);
        let found = client.transaction(&old.into()).await.expect("kept");
        assert_eq!(found.height, Some(10));
    }

    // It goes on where it was after a kill, and the others need it for a decision.
    network.kill(0);
    network.kill(1);
    network.start(0);
    let newest = network.wait_height(2, height).await.height;
    network.wait_height(0, newest + 3).await;
    assert!(pruned.status().await.expect("answers").first_block >= first);
}
