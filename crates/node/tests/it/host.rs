//! What a validator decides, without an engine: proposals that travel in parts, are proposed again,
//! outlive a restart, and lie.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::ProposedValue;
use malachitebft_core_types::{Round, Validity};
use muster_chain::chain::{Ballot, Chain, Invalid};
use muster_chain::consensus::context::{
    Address, Announcement, Height, MusterContext, Part, ValidatorSet,
};
use muster_chain::consensus::parts::Pieces;
use muster_chain::consensus::signing::{ChainVerifier, ValidatorSigner};
use muster_chain::consensus::{Equivocations, Host};
use muster_chain::mempool::{Mempool, MempoolLimits};
use muster_chain::metrics::Metrics;
use muster_chain::store::Store;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::{SignedTransaction, Transaction, account};
use muster_ledger::types::Height as LedgerHeight;
use redb::{ReadableTable, TableDefinition};

use crate::network::{genesis, user_key, validator_key};

/// After the genesis, by any clock here.
const NOW_MS: u64 = 1_700_000_100_000;
const HEIGHT: Height = Height(1);

struct Node {
    host: Host,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    equivocations: Equivocations,
    key: SecretKey,
}

struct World {
    directory: tempfile::TempDir,
    genesis: Genesis,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, genesis: genesis(4, 300) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.redb"))
    }

    fn chain(
        &self,
        name: &str,
        key: &SecretKey,
    ) -> (Chain, Arc<Store>, Arc<Metrics>, Arc<Mempool>) {
        let (store, opened) =
            Store::open(&self.path(name), 8 << 20, &self.genesis, &key.public()).expect("opens");
        let (store, metrics) = (Arc::new(store), Arc::new(Metrics::default()));
        let mempool = Arc::new(Mempool::new(MempoolLimits::default(), opened.state.clone()));
        let (chain, _) = Chain::new(
            store.clone(),
            mempool.clone(),
            metrics.clone(),
            key.public(),
            Version::NEWEST,
            opened.header,
            opened.state,
        )
        .expect("begins");
        (chain, store, metrics, mempool)
    }

    /// The node of whoever has the turn of a round, in a home of that name: new, or as it was.
    fn proposer(&self, round: u32, home: &str) -> Node {
        let keys: Vec<SecretKey> = (0..4).map(validator_key).collect();
        let committee = ValidatorSet::new(keys.iter().map(SecretKey::public));
        let address = committee.proposer(HEIGHT.0, round).address;
        let key = keys.into_iter().find(|key| key.public() == address.0).expect("a member");
        let (chain, store, metrics, _) = self.chain(home, &key);
        let id = self.genesis.chain_id();
        let equivocations = Equivocations::default();
        let signer = ValidatorSigner::new(id, Arc::new(key.clone()));
        let verifier = ChainVerifier { chain: id };
        let host = Host::new(chain, signer, verifier, metrics.clone(), equivocations.clone());
        Node { host, store, metrics, equivocations, key }
    }

    /// An announcement of this body by its signer, whatever the body is.
    fn announce(&self, node: &Node, round: u32, block: Hash, body: &Bytes) -> Vec<Part> {
        let pieces = Pieces::of(body.clone());
        let (round, own) = (Round::new(round), Address(node.key.public()));
        let mut announcement = pieces.announcement(HEIGHT, round, own, block);
        let signer = ValidatorSigner::new(self.genesis.chain_id(), Arc::new(node.key.clone()));
        signer.sign_announcement(&mut announcement);
        pieces.parts(&announcement).collect()
    }
}

impl Node {
    fn started(&mut self, round: u32) -> Vec<ProposedValue<MusterContext>> {
        self.host.started(HEIGHT, Round::new(round), NOW_MS).expect("the disk works")
    }

    fn propose(&mut self, round: u32, now_ms: u64) -> Vec<StreamMessage<Part>> {
        let proposed = self.host.propose(HEIGHT, Round::new(round), now_ms).expect("works");
        proposed.expect("it can").parts
    }

    fn restream(
        &mut self,
        round: u32,
        valid: Option<u32>,
        hash: &Hash,
    ) -> Vec<StreamMessage<Part>> {
        self.host
            .restream(HEIGHT, Round::new(round), Round::from(valid), hash)
            .expect("the disk works")
    }

    /// What the engine is told after these parts.
    fn receive(&mut self, parts: &[StreamMessage<Part>]) -> Option<ProposedValue<MusterContext>> {
        let answers = parts.iter().map(|part| self.host.received(part.clone(), NOW_MS));
        answers.filter_map(|answer| answer.expect("the disk works")).last()
    }

    fn refused(&self) -> u64 {
        self.metrics.proposals_invalid.load(Ordering::Relaxed)
    }
}

fn block_of(parts: &[StreamMessage<Part>]) -> Hash {
    part_of(&parts[0]).announcement.block
}

fn part_of(message: &StreamMessage<Part>) -> &Part {
    match &message.content {
        StreamContent::Data(part) => part,
        StreamContent::Fin => panic!("every message carries a part"),
    }
}

fn messages(parts: Vec<Part>) -> Vec<StreamMessage<Part>> {
    let name = StreamId::new(Bytes::from_static(b"any"));
    let message = |part| StreamMessage::new(name.clone(), 0, StreamContent::Data(part));
    parts.into_iter().map(message).collect()
}

#[test]
fn a_block_is_proposed_again_by_another_and_by_whoever_has_locked_it() {
    let world = World::new();
    let (mut first, mut second) = (world.proposer(0, "first"), world.proposer(1, "second"));
    let (mut third, mut late) = (world.proposer(2, "third"), world.proposer(3, "late"));
    let parts = first.propose(0, NOW_MS);
    let block = block_of(&parts);
    for node in [&mut second, &mut third] {
        assert!(node.started(0).is_empty());
        let value = node.receive(&parts).expect("complete");
        assert_eq!((value.value.0, value.validity), (block, Validity::Valid));
        assert_eq!((value.proposer.0, value.round), (first.key.public(), Round::new(0)));
    }
    // In the next round, by its proposer: who missed it gets it with its history.
    second.started(1);
    let again = second.restream(1, Some(0), &block);
    late.started(1);
    let value = late.receive(&again).expect("complete");
    assert_eq!((value.value.0, value.validity), (block, Validity::Valid));
    assert_eq!((value.proposer.0, value.valid_round), (second.key.public(), Round::new(0)));
    // By one that has locked it, as it was announced: nobody signs for another.
    let passed_on = third.restream(0, None, &block);
    assert_eq!(passed_on, parts);
    // A third time, on the word of the second.
    late.started(3);
    let third_time = late.restream(3, Some(1), &block);
    let mut fresh = world.proposer(2, "fresh");
    fresh.started(3);
    let value = fresh.receive(&third_time).expect("complete");
    assert_eq!((value.value.0, value.validity), (block, Validity::Valid));
    // One that has no turn and nothing to pass on sends nothing.
    assert!(third.restream(7, Some(0), &block).is_empty());
}

#[test]
fn a_restart_says_again_what_was_said() {
    let world = World::new();
    let mut first = world.proposer(0, "first");
    let said = first.propose(0, NOW_MS);
    drop(first);
    let mut first = world.proposer(0, "first");
    assert_eq!(first.started(0).len(), 1);
    assert_eq!(first.propose(0, NOW_MS + 5_000), said, "the clock has moved, the block has not");

    let mut second = world.proposer(1, "second");
    second.started(0);
    second.receive(&said).expect("complete");
    let again = second.restream(1, Some(0), &block_of(&said));
    drop(second);
    let mut second = world.proposer(1, "second");
    assert_eq!(second.started(1).len(), 2, "for both rounds");
    assert_eq!(second.restream(1, Some(0), &block_of(&said)), again);
    assert!(second.receive(&said).is_none(), "it is here, and not executed twice");
}

#[test]
fn a_block_that_names_another_as_its_proposer_gets_no_vote() {
    let world = World::new();
    let (liar, mut honest) = (world.proposer(0, "liar"), world.proposer(1, "honest"));
    let mut judge = world.proposer(2, "judge");
    let parts = honest.propose(1, NOW_MS);
    let block = block_of(&parts);
    let body = Bytes::from(honest.store.body(&block).expect("works").expect("there"));
    judge.started(0);
    let lie = messages(world.announce(&liar, 0, block, &body));
    assert!(judge.receive(&lie).is_none());
    assert_eq!(judge.refused(), 1);
    // Nothing was said of the block, which its builder announces truly.
    judge.started(1);
    let value = judge.receive(&parts).expect("complete");
    assert_eq!((value.value.0, value.validity), (block, Validity::Valid));
    // Nor does it help once the block is known to be good.
    let (liar, mut other) = (world.proposer(3, "liar 3"), world.proposer(0, "other"));
    other.started(1);
    other.receive(&parts).expect("complete");
    other.started(3);
    let lie = messages(world.announce(&liar, 3, block, &body));
    assert!(other.receive(&lie).is_none());
    assert_eq!(other.refused(), 1);
}

#[test]
fn a_member_makes_others_execute_one_block_a_turn_and_not_before_it() {
    let world = World::new();
    let (mut member, mut judge) = (world.proposer(2, "member"), world.proposer(0, "judge"));
    judge.started(0);
    let parts = member.propose(2, NOW_MS);
    assert!(judge.receive(&parts).is_none(), "its turn has not come");
    assert!(judge.store.undecided(1).expect("works").is_empty());
    // Far rounds are not even held.
    for round in [14u32, 22, 402] {
        let far =
            messages(world.announce(&member, round, Hash([1; 32]), &Bytes::from_static(b"x")));
        assert!(judge.receive(&far).is_none());
    }
    assert_eq!(judge.metrics.parts_refused.load(Ordering::Relaxed), 3);
    assert!(judge.started(1).is_empty());
    let values = judge.started(2);
    assert_eq!(values.len(), 1);
    assert_eq!(values[0].value.0, block_of(&parts));
    // Other blocks for the same round: evidence once, executed never.
    for other in [b"one", b"two"] {
        let body = Bytes::from_static(other);
        let second = messages(world.announce(&member, 2, Hash([other[0]; 32]), &body));
        assert!(judge.receive(&second).is_none());
    }
    assert_eq!(judge.refused(), 0, "neither was looked at");
    let equivocations = judge.equivocations.lock().expect("nobody panics with it");
    assert_eq!(equivocations.len(), 1);
    assert_eq!(equivocations[0].address.0, member.key.public());
    assert_eq!((equivocations[0].kind, equivocations[0].messages.len()), ("announcement", 2));
    let told: Announcement =
        borsh::from_slice(&equivocations[0].messages[0]).expect("an announcement");
    assert_eq!(told, part_of(&parts[0]).announcement);
}

#[test]
fn a_tree_that_cannot_be_read_is_no_bad_block() {
    let world = World::new();
    let key = validator_key(0);
    let (mut good, _, _, mempool) = world.chain("good", &key);
    submit(&world, &mempool);
    let built = good.build(NOW_MS).expect("builds");
    drop(world.chain("damaged", &key));
    // All nodes below the root are gone; what is left of them is damage that no check sees.
    {
        let database = redb::Database::open(world.path("damaged")).expect("opens");
        let table: TableDefinition<&[u8], &[u8]> = TableDefinition::new("nodes");
        let transaction = database.begin_write().expect("begins");
        {
            let mut table = transaction.open_table(table).expect("there");
            let keys: Vec<Vec<u8>> = table
                .iter()
                .expect("read")
                .map(|entry| entry.expect("read").0.value().to_vec())
                .collect();
            let root = keys.iter().min_by_key(|key| key.len()).expect("a root").clone();
            for key in keys.iter().filter(|key| **key != root) {
                table.remove(key.as_slice()).expect("removed");
            }
        }
        transaction.commit().expect("written");
    }
    let (mut damaged, _, _, mempool) = world.chain("damaged", &key);
    submit(&world, &mempool);
    let error = damaged.build(NOW_MS).expect_err("it cannot be read");
    assert!(matches!(error, Invalid::Store(_)), "{error}");
    let ballot = Ballot { builder: key.public(), now_ms: NOW_MS };
    let error = damaged.check(&built.hash, built.body.clone(), Some(&ballot)).expect_err("unread");
    assert!(matches!(error, Invalid::Store(_)), "{error}");
}

/// A transaction that touches more than the root.
fn submit(world: &World, mempool: &Mempool) {
    let transaction = Transaction {
        chain: world.genesis.chain_id(),
        signer: user_key(0).public(),
        nonce: 0,
        expires: LedgerHeight(900),
        tip: Grains(0),
        action: account::Action::Transfer { to: user_key(1).public(), amount: Grains(5) }.into(),
    };
    let transaction = SignedTransaction::sign(transaction, &user_key(0));
    for result in mempool.submit(vec![transaction]) {
        result.expect("taken");
    }
}
