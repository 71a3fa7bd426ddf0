//! Joining from a snapshot: real nodes that have pruned their blocks give it, liars between do not
//! get anything into it, and whatever ends it leaves a whole database or none.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use muster_api::{Certificate, HexBytes, Snapshot};
use muster_ledger::block::Header;
use muster_ledger::crypto::{Hash, SecretKey, hash};
use muster_ledger::encoding::encode;
use muster_ledger::genesis::Genesis;
use muster_ledger::light::Follower;
use muster_ledger::money::Grains;
use muster_ledger::state::{Key, account};
use muster_node::config::{KEEP_BLOCKS_MIN, SNAPSHOT_BLOCKS_MIN};
use muster_node::join::{JoinError, Joined, join};
use muster_node::{Gossip, NodeConfig, audit};

use crate::grown::{Grown, certificate, copy};
use crate::network::{Network, PATIENCE, genesis, user_key, validator_key, write_key};
use crate::ports::free_ports;

/// The variables that make this binary the command that joins.
pub const JOIN_CONFIG: &str = "MUSTER_TEST_JOIN";
pub const JOIN_FROM: &str = "MUSTER_TEST_JOIN_FROM";

/// Enough accounts for several chunks.
const ACCOUNTS: u64 = 20_000;

fn of_many_accounts() -> Genesis {
    let mut genesis = genesis(1, 1_000);
    let key = |index: u64| SecretKey::from_seed(hash("many", &[&index.to_le_bytes()]).0).public();
    genesis.accounts.extend((0..ACCOUNTS).map(|index| (key(index), Grains(1_000_000_000))));
    genesis
}

/// A network of one validator that gives a snapshot, and a node that has nothing.
struct World {
    network: Network,
    config: PathBuf,
}

impl World {
    async fn new() -> Self {
        let mut network = Network::of(of_many_accounts(), Gossip::Relay);
        let database = network.configs[0].with_file_name("ledger.redb");
        Grown::open(&database, &network.genesis, &[validator_key(0)]).grow(SNAPSHOT_BLOCKS_MIN - 2);
        network.change(0, |config| config.snapshot_blocks = SNAPSHOT_BLOCKS_MIN);
        network.start_all();
        let client = network.client(0);
        network
            .wait("a snapshot", async || {
                client.snapshots().await.ok().filter(|answer| !answer.snapshots.is_empty())
            })
            .await;
        let config = new_node(&network, "joiner");
        Self { network, config }
    }

    fn honest(&self) -> String {
        self.network.urls[0].clone()
    }

    fn home(&self) -> &Path {
        self.config.parent().expect("it has a home")
    }

    async fn join(&self, urls: &[String]) -> Result<Joined, JoinError> {
        join(NodeConfig::read(&self.config).expect("a configuration"), urls).await
    }

    /// What is said of a node that lies so, which is all there is; nothing is left but chunks.
    async fn refusal(&self, lie: impl Lie) -> String {
        let liar = liar(self.honest(), lie).await;
        let error = self.join(&[liar]).await.expect_err("a lie");
        assert!(!self.home().join("ledger.redb").exists());
        error.to_string()
    }
}

/// A node of the network that is no validator and has nothing yet; its configuration.
fn new_node(network: &Network, name: &str) -> PathBuf {
    let home = network.home().join(name);
    std::fs::create_dir_all(&home).expect("made");
    write_key(&home.join("key"), &SecretKey::from_seed([99; 32]));
    let ports = free_ports(2);
    let config = NodeConfig {
        name: name.to_string(),
        home: home.clone(),
        key: home.join("key"),
        listen: ([127, 0, 0, 1], ports[0]).into(),
        api: ([127, 0, 0, 1], ports[1]).into(),
        peers: vec![network.consensus_address(0)],
        ..NodeConfig::read(&network.configs[0]).expect("written before")
    };
    let path = home.join("node.toml");
    std::fs::write(&path, toml::to_string(&config).expect("serialises")).expect("written");
    path
}

/// What becomes of the answer at a path; nothing is found where it gives none.
trait Lie: Fn(&str, Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static {}
impl<F: Fn(&str, Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static> Lie for F {}

/// A node that passes on what another says, with its lies; its URL.
async fn liar(honest: String, lie: impl Lie) -> String {
    let lie = Arc::new(lie);
    let answer = move |uri: Uri| {
        let (honest, lie) = (honest.clone(), lie.clone());
        async move {
            let asked = reqwest::get(format!("{honest}{uri}")).await.expect("it answers");
            let status = StatusCode::from_u16(asked.status().as_u16()).expect("a status");
            let body = asked.bytes().await.expect("read").to_vec();
            match lie(uri.path(), body) {
                Some(body) => (status, Bytes::from(body)),
                None => (StatusCode::NOT_FOUND, Bytes::new()),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback(answer)).await.expect("serves");
    });
    url
}

fn is_chunk(path: &str) -> bool {
    path.contains("/chunks/")
}

/// Changes the outline's answer.
fn with_outline(change: impl Fn(&mut Snapshot) + Send + Sync + 'static) -> impl Lie {
    move |path: &str, body: Vec<u8>| {
        if !path.starts_with("/v1/snapshots/") || is_chunk(path) {
            return Some(body);
        }
        let mut snapshot: Snapshot = serde_json::from_slice(&body).expect("a snapshot");
        change(&mut snapshot);
        Some(serde_json::to_vec(&snapshot).expect("JSON"))
    }
}

/// The certificate that a key, which decides nothing, gives to a header.
fn forged(genesis: &Genesis, key: &SecretKey, header: &Header) -> Certificate {
    let made = certificate(genesis, std::slice::from_ref(key), header.height.0, header.hash());
    let signature = |(address, signature): &(
        muster_chain::consensus::context::Address,
        muster_chain::consensus::context::EngineSignature,
    )| muster_api::CommitSignature {
        validator: address.0.into(),
        signature: muster_api::SignatureHex(signature.0),
    };
    Certificate {
        height: made.height,
        round: made.round,
        block: made.block.into(),
        signatures: made.signatures.iter().map(signature).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_a_network_that_has_pruned_its_blocks() {
    let mut network = Network::new(4, 400, Gossip::Relay);
    let database = |index: usize| network.configs[index].with_file_name("ledger.redb");
    let keys: Vec<SecretKey> = (0..4).map(validator_key).collect();
    let height = 2 * KEEP_BLOCKS_MIN - 5;
    Grown::open(&database(0), &network.genesis, &keys).grow(height);
    copy(&database(0), &database(1), &keys[1]);
    copy(&database(0), &database(2), &keys[2]);
    for index in 0..3 {
        network.change(index, |config| {
            config.keep_blocks = Some(KEEP_BLOCKS_MIN);
            config.snapshot_blocks = SNAPSHOT_BLOCKS_MIN;
        });
        network.start(index);
    }
    for index in 0..3 {
        let client = network.client(index);
        network
            .wait("a snapshot and pruned blocks", async || {
                let status = client.status().await.ok()?;
                let made = client.snapshots().await.ok()?.snapshots;
                (status.first_block > 900 && !made.is_empty()).then_some(())
            })
            .await;
    }

    let config = NodeConfig::read(&network.configs[3]).expect("written before");
    let joined = join(config.clone(), &network.urls[..3]).await.expect("joined");
    assert!(joined.height >= 2 * KEEP_BLOCKS_MIN, "{joined:?}");
    assert_eq!((joined.height % SNAPSHOT_BLOCKS_MIN, joined.chunks), (0, 1));
    let audited = audit(config.clone()).expect("it is whole");
    assert_eq!((audited.height.0, audited.entries), (joined.height, joined.entries));
    let again = join(config, &network.urls[..3]).await.expect_err("it is there");
    assert!(again.to_string().contains("is there already"), "{again}");

    // It goes on with the others, decides with them, and has what it says it has.
    network.start(3);
    let status = network.wait_height(3, joined.height + 5).await;
    assert_eq!(status.first_block, joined.height + 1);
    network.kill(0);
    let newest = network.wait_height(1, status.height).await.height;
    network.wait_height(3, newest + 3).await;
    let (ours, theirs) = (network.client(3), network.client(1));
    let block = ours.block(newest).await.expect("it is kept").summary;
    assert_eq!(block.hash, theirs.block(newest).await.expect("kept").summary.hash);
    let error = ours.block(joined.height).await.expect_err("only its state was given");
    assert_eq!(error.status(), Some(410), "{error}");
    // Whoever follows from the genesis can do so with its help.
    let mut follower = Follower::new(&network.genesis).expect("possible");
    let key = user_key(0).public();
    let proof = ours.prove_account(&key).await.expect("proved");
    let wanted: Key = account::Key::Account(key).into();
    ours.check_proof(&mut follower, &proof, &wanted).await.expect("it follows").expect("there");
    // Also after a kill.
    network.kill(3);
    network.start(3);
    network.wait_height(3, newest + 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_are_found_out_before_anything_is_used() {
    let world = World::new().await;
    let other = SecretKey::from_seed([66; 32]);
    let genesis = world.network.genesis.clone();
    let nobody = format!("http://127.0.0.1:{}", free_ports(1)[0]);
    let text = world.join(&[nobody]).await.expect_err("nobody").to_string();
    assert!(text.contains("no node that was named"), "{text}");

    // Of the header and the outline.
    let header = |snapshot: &Snapshot| -> Header {
        borsh::from_slice(&snapshot.header.0).expect("a header")
    };
    let check = async |lie: &str, text: String, expected: &str| {
        assert!(text.contains(expected), "{lie}: {text}");
    };
    let lie = with_outline(move |snapshot| {
        let header = Header { state_root: Hash([3; 32]), ..header(snapshot) };
        snapshot.header = HexBytes(encode(&header));
    });
    check("another header", world.refusal(lie).await, "the certificate is for block").await;
    let (key, chain) = (other.clone(), genesis.clone());
    let lie = with_outline(move |snapshot| {
        let header = Header { state_root: Hash([3; 32]), ..header(snapshot) };
        snapshot.certificate = forged(&chain, &key, &header);
        snapshot.header = HexBytes(encode(&header));
    });
    check("another committee", world.refusal(lie).await, "is no member of the committee").await;
    let lie = with_outline(|snapshot| snapshot.certificate.signatures.clear());
    check("no signatures", world.refusal(lie).await, "more than two thirds must").await;
    let lie = with_outline(move |snapshot| {
        let header = Header { chain: Hash([8; 32]), ..header(snapshot) };
        snapshot.header = HexBytes(encode(&header));
    });
    check("another chain", world.refusal(lie).await, "the one followed is").await;
    let lie = with_outline(|snapshot| {
        // In the hash over the last chunk.
        let last = snapshot.outline.0.len() - 1;
        snapshot.outline.0[last] ^= 1;
    });
    check("another outline", world.refusal(lie).await, "the outline folds to").await;
    let lie = with_outline(|snapshot| snapshot.outline.0.truncate(40));
    check("half an outline", world.refusal(lie).await, "not a valid encoding").await;

    // Of committees: that another took over, by its own word.
    let (key, chain) = (other.clone(), genesis.clone());
    let lie = move |path: &str, body: Vec<u8>| {
        if path != "/v1/committees" {
            return Some(body);
        }
        let member = muster_ledger::committee::Validator { name: "x".into(), key: key.public() };
        let header = Header {
            height: muster_ledger::types::Height(5),
            next_committee: muster_ledger::committee::committee_hash(std::slice::from_ref(&member)),
            ..chain.header(Hash([1; 32]))
        };
        let change = muster_api::CommitteeChange {
            height: 5,
            header: HexBytes(encode(&header)),
            certificate: forged(&chain, &key, &header),
            validators: vec![(&member).into()],
        };
        let changes = muster_api::CommitteeChanges { changes: vec![change] };
        Some(serde_json::to_vec(&changes).expect("JSON"))
    };
    check("another took over", world.refusal(lie).await, "block 5 does not follow").await;

    // Of chunks.
    let flipped = |path: &str, mut body: Vec<u8>| {
        if is_chunk(path) {
            let middle = body.len() / 2;
            body[middle] ^= 16;
        }
        Some(body)
    };
    check("a flipped bit", world.refusal(flipped).await, "it gave a wrong chunk").await;
    let cut = |path: &str, mut body: Vec<u8>| {
        if is_chunk(path) {
            body.pop();
        }
        Some(body)
    };
    check("a byte less", world.refusal(cut).await, "it gave a wrong chunk").await;
    // That says to be long when it is unpacked.
    let bomb = |path: &str, body: Vec<u8>| {
        let huge = vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        Some(if is_chunk(path) { huge } else { body })
    };
    check("a bomb", world.refusal(bomb).await, "it gave a wrong chunk").await;

    // With an honest one beside, the liar is asked no more, and all is well.
    let liar = liar(world.honest(), flipped).await;
    let joined = world.join(&[liar, world.honest()]).await.expect("the honest one gives it");
    assert!(joined.chunks > 3, "{joined:?}");
    let audited = audit(NodeConfig::read(&world.config).expect("read")).expect("whole");
    assert_eq!(audited.height.0, joined.height);
    assert!(audited.entries as u64 > ACCOUNTS);
    assert!(!world.home().join("joining").exists(), "nothing is left beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_fetched_is_not_fetched_again() {
    let world = World::new().await;
    let served = AtomicUsize::new(0);
    let lie = move |path: &str, body: Vec<u8>| {
        if !is_chunk(path) {
            return Some(body);
        }
        // Two are given, then none.
        let number = served.fetch_add(1, Ordering::SeqCst);
        (number < 2).then_some(body)
    };
    let text = world.refusal(lie).await;
    assert!(text.contains("are missing") && text.contains("what was fetched is kept"), "{text}");
    let kept = std::fs::read_dir(world.home().join("joining")).expect("there").count();
    assert_eq!(kept, 2);
    // One of them is damaged on the disk meanwhile.
    let damaged = std::fs::read_dir(world.home().join("joining"))
        .expect("there")
        .next()
        .expect("two")
        .expect("an entry")
        .path();
    std::fs::write(&damaged, b"something else").expect("written");
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let counted = move |path: &str, body: Vec<u8>| {
        counter.fetch_add(usize::from(is_chunk(path)), Ordering::SeqCst);
        Some(body)
    };
    let honest = liar(world.honest(), counted).await;
    let joined = world.join(&[honest]).await.expect("joined");
    assert_eq!(count.load(Ordering::SeqCst), joined.chunks - 1, "one was kept whole");
    audit(NodeConfig::read(&world.config).expect("read")).expect("whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_it_leaves_a_whole_database_or_none() {
    let world = World::new().await;
    let database = world.home().join("ledger.redb");
    // What a crash left of a database that was being made.
    std::fs::write(world.home().join("ledger.part"), b"half a database").expect("written");
    // Each killed a little later than the one before, from the first steps to the last.
    let mut patience = Duration::from_millis(10);
    while !database.exists() {
        assert!(patience < PATIENCE, "it is never done");
        let mut child = Command::new(std::env::current_exe().expect("known"))
            .args(["child::join", "--exact", "--nocapture", "--test-threads=1"])
            .env(JOIN_CONFIG, &world.config)
            .env(JOIN_FROM, world.honest())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        tokio::time::sleep(patience).await;
        patience = patience.mul_f64(1.15);
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().expect("it ends");
    }
    let audited = audit(NodeConfig::read(&world.config).expect("read")).expect("whole");
    assert_eq!(audited.height.0 % SNAPSHOT_BLOCKS_MIN, 0);
    assert!(audited.height.0 > 0);
}
