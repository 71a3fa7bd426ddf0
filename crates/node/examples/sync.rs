#![allow(clippy::print_stdout, reason = "the report is the result")]
//! What a long chain and a large state cost one node on disk, in memory and in time; the numbers
//! of docs/scale.md.
//!
//! `cargo run --release -p muster-node --example sync -- chain --blocks 100000` grows a chain
//! without an engine, and joins it with real node processes: from a snapshot of a node that has
//! pruned its blocks, and by executing all of them.
//! `... -- state --accounts 1000000` begins with so many accounts, and starts again, makes a
//! snapshot and joins from it, each in a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_api::{Client, Status};
use muster_chain::snapshots::Snapshots;
use muster_chain::store::Store;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{PublicKey, SecretKey, hash};
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::{SignedTransaction, Transaction, account};
use muster_ledger::types::Height;
use muster_node::{Gossip, NodeConfig};

#[path = "../tests/it/grown.rs"]
mod grown;
#[path = "../tests/it/ports.rs"]
mod ports;

use grown::{Grown, copy};
use ports::free_ports;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a child process does, and with which configuration.
const ROLE: &str = "MUSTER_SYNC_ROLE";
const CONFIG: &str = "MUSTER_SYNC_CONFIG";
const FROM: &str = "MUSTER_SYNC_FROM";

/// Blocks that a node keeps that prunes, and from one snapshot to the next.
const KEEP: u64 = 2_000;
const SNAPSHOT: u64 = 1_000;
/// Transfers in each block of the long chain.
const TRANSFERS: u64 = 2;

fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn key(kind: &str, index: u64) -> SecretKey {
    SecretKey::from_seed(hash(kind, &[&index.to_le_bytes()]).0)
}

fn validator() -> SecretKey {
    key("validator", 0)
}

fn genesis(accounts: Vec<(PublicKey, Grains)>) -> Genesis {
    let parameters = Parameters { block_time_ms: 1_000, ..Parameters::default() };
    Genesis {
        version: Version::NEWEST,
        name: "scale".to_string(),
        time_ms: 1_700_000_000_000,
        parameters,
        validators: vec![Validator { name: "validator".into(), key: validator().public() }],
        accounts,
        peers: Vec::new(),
    }
}

/// The homes of one run, which go away with it.
struct Homes {
    folder: tempfile::TempDir,
    first_consensus: Option<String>,
}

impl Homes {
    fn new(genesis: &Genesis) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let json = serde_json::to_vec(genesis).expect("serialises");
        fs::write(folder.path().join("genesis.json"), json).expect("written");
        Self { folder, first_consensus: None }
    }

    fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("ledger.redb")
    }

    /// The home of a node with this key, which connects to the first one made.
    fn make(&mut self, name: &str, key: &SecretKey, keep_blocks: Option<u64>) -> NodeConfig {
        let home = self.folder.path().join(name);
        fs::create_dir_all(&home).expect("made");
        muster_keys::write_key(&home.join("key"), key).expect("written");
        let ports = free_ports(2);
        let config = NodeConfig {
            name: name.to_string(),
            home: home.clone(),
            genesis: self.folder.path().join("genesis.json"),
            key: home.join("key"),
            listen: ([127, 0, 0, 1], ports[0]).into(),
            api: ([127, 0, 0, 1], ports[1]).into(),
            peers: self.first_consensus.iter().cloned().collect(),
            api_peers: Vec::new(),
            public_api: false,
            api_proxies: Vec::new(),
            gossip: Gossip::Relay,
            forward_hops: 1,
            cache_mib: 16,
            keep_blocks,
            snapshot_blocks: SNAPSHOT,
            presence_cores: 0.0,
            protocol_version_max: Version::NEWEST,
            tls: None,
        };
        self.first_consensus.get_or_insert(config.listen.to_string());
        let text = toml::to_string(&config).expect("serialises");
        fs::write(home.join("node.toml"), text).expect("written");
        config
    }
}

/// A process of this program with another role; it ends with its owner.
struct Process(Child);

impl Process {
    fn start(role: &str, config: &NodeConfig, from: &str) -> Self {
        let log = fs::File::create(config.home.join(format!("{role}.log"))).expect("a log");
        let child = Command::new(std::env::current_exe().expect("known"))
            .env(ROLE, role)
            .env(CONFIG, config.home.join("node.toml"))
            .env(FROM, from)
            .stdout(Stdio::inherit())
            .stderr(log)
            .spawn();
        Self(child.expect("it starts"))
    }

    /// The most memory that it had, MiB.
    fn memory_max_mib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.0.id());
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0) >> 10
    }

    /// Waits for its end; the time and the most memory, MiB.
    fn end(mut self, begun: Instant) -> (Duration, u64) {
        let mut memory = 0;
        loop {
            memory = memory.max(self.memory_max_mib());
            if let Some(status) = self.0.try_wait().expect("it can be asked") {
                assert!(status.success(), "a part failed, its log says why");
                return (begun.elapsed(), memory);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mib(path: &Path) -> f64 {
    let one = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    let bytes: u64 = match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| one(&entry.path())).sum(),
        Err(_) => one(path),
    };
    bytes as f64 / f64::from(1 << 20)
}

/// Waits until a node says of itself what is wanted.
async fn wait(config: &NodeConfig, wanted: impl AsyncFn(&Client, &Status) -> bool) -> Status {
    let client = Client::new(vec![format!("http://{}", config.api)]).expect("a client");
    loop {
        if let Ok(status) = client.status().await
            && wanted(&client, &status).await
        {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Grows the chain; its bytes as they are sent to a node that executes it.
fn grow(path: &Path, genesis: &Genesis, blocks: u64) -> u64 {
    let begun = Instant::now();
    let mut chain = Grown::open(path, genesis, &[validator()]);
    let (alice, bob) = (key("user", 0), key("user", 1).public());
    let mut nonce = 0;
    while chain.height() < blocks {
        let transfers = (0..TRANSFERS).map(|index| {
            let transaction = Transaction {
                chain: genesis.chain_id(),
                signer: alice.public(),
                nonce: nonce + index,
                expires: Height(chain.height() + 10),
                tip: Grains(0),
                action: account::Action::Transfer { to: bob, amount: Grains(1) }.into(),
            };
            SignedTransaction::sign(transaction, &alice)
        });
        let transfers = transfers.collect();
        nonce += TRANSFERS;
        chain.block(transfers);
    }
    println!("{blocks} blocks grown without an engine in {:.0?}", begun.elapsed());
    let bytes = |height| {
        let decided = chain.store.decided(height).expect("works").expect("decided");
        decided.bytes + 52 + 96 * decided.certificate.signatures.len() as u64
    };
    (1..=blocks).map(bytes).sum()
}

async fn long_chain(blocks: u64) {
    let users = (0..2).map(|index| (key("user", index).public(), Grains(1 << 50)));
    let genesis = genesis(users.collect());
    let mut homes = Homes::new(&genesis);
    let pruned = homes.make("pruned", &validator(), Some(KEEP));
    let whole = homes.make("whole", &key("other", 0), None);
    // A snapshot comes soon after the start.
    let height = blocks / SNAPSHOT * SNAPSHOT - 5;
    let bytes = grow(&pruned.database(), &genesis, height);
    copy(&pruned.database(), &whole.database(), &key("other", 0));
    println!("database with all blocks: {:.1} MiB", mib(&whole.database()));

    let begun = Instant::now();
    let source = Process::start("node", &pruned, "");
    let made = wait(&pruned, async |client, status| {
        let made = client.snapshots().await.is_ok_and(|answer| !answer.snapshots.is_empty());
        made && status.first_block + KEEP > height
    });
    let status = made.await;
    println!(
        "pruned to the blocks from {} on within {:.1?}, decided {} meanwhile; file {:.1} MiB, most \
         memory {} MiB",
        status.first_block,
        begun.elapsed(),
        status.height - height,
        mib(&pruned.database()),
        source.memory_max_mib()
    );

    let joiner = homes.make("joiner", &key("other", 1), None);
    let begun = Instant::now();
    let url = format!("http://{}", pruned.api);
    let (time, memory) = Process::start("join", &joiner, &url).end(begun);
    println!("joined in {time:.2?}, most memory {memory} MiB");
    let node = Process::start("node", &joiner, "");
    let wanted = wait(&pruned, async |_, _| true).await.height;
    wait(&joiner, async |_, status| status.height >= wanted).await;
    println!(
        "from a snapshot: with the others after {:.2?}, database {:.1} MiB",
        begun.elapsed(),
        mib(&joiner.database())
    );
    drop(node);

    let helper = Process::start("node", &whole, "");
    wait(&whole, async |_, status| status.height >= wanted).await;
    let executor = homes.make("executor", &key("other", 2), None);
    let text = fs::read_to_string(executor.home.join("node.toml")).expect("written");
    let mut told: NodeConfig = toml::from_str(&text).expect("written");
    told.peers = vec![whole.listen.to_string()];
    let text = toml::to_string(&told).expect("serialises");
    fs::write(executor.home.join("node.toml"), text).expect("written");
    let begun = Instant::now();
    let node = Process::start("node", &executor, "");
    wait(&executor, async |_, status| status.height >= wanted).await;
    println!(
        "by all blocks: with the others after {:.1?}, {:.1} MiB of blocks and certificates, \
         database {:.1} MiB, most memory {} MiB",
        begun.elapsed(),
        bytes as f64 / f64::from(1 << 20),
        mib(&executor.database()),
        node.memory_max_mib()
    );
    drop((node, helper, source));
}

async fn large_state(accounts: u64) {
    let account = |index| (key("account", index).public(), Grains(1_000_000_000));
    let genesis = genesis((0..accounts).map(account).collect());
    let mut homes = Homes::new(&genesis);
    let source = homes.make("source", &validator(), None);
    let measured = |role: &str, config: &NodeConfig| {
        let begun = Instant::now();
        let (time, memory) = Process::start(role, config, "").end(begun);
        println!("{role}: process of {time:.2?}, most memory {memory} MiB");
    };
    measured("begin", &source);
    println!("database {:.1} MiB", mib(&homes.database("source")));
    let mut chain = Grown::open(&source.database(), &genesis, &[validator()]);
    chain.grow(SNAPSHOT - 3);
    drop(chain);
    measured("open", &source);
    measured("snapshot", &source);
    let whole = source.home.join("made").join((SNAPSHOT - 3).to_string());
    println!("snapshot {:.1} MiB", mib(&whole));

    let node = Process::start("node", &source, "");
    wait(&source, async |client, _| {
        client.snapshots().await.is_ok_and(|answer| !answer.snapshots.is_empty())
    })
    .await;
    println!("a node that made one: most memory {} MiB", node.memory_max_mib());
    let joiner = homes.make("joiner", &key("other", 1), None);
    let begun = Instant::now();
    let url = format!("http://{}", source.api);
    let (time, memory) = Process::start("join", &joiner, &url).end(begun);
    println!(
        "joined in {time:.2?}, most memory {memory} MiB, database {:.1} MiB",
        mib(&joiner.database())
    );
}

/// What a child process is for.
fn part(role: &str) {
    let path = std::env::var_os(CONFIG).expect("told");
    let config = NodeConfig::read(Path::new(&path)).expect("a configuration");
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().expect("a runtime")
    };
    match role {
        "node" => {
            tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
            let run = muster_node::run(config, std::future::pending());
            runtime().block_on(run).expect("it runs until it is killed");
        }
        "join" => {
            let from = std::env::var(FROM).expect("told");
            let joined = runtime().block_on(muster_node::join::join(config, &[from]));
            println!("{:?}", joined.expect("joined"));
        }
        _ => {
            let genesis = config.read_genesis().expect("a genesis");
            let key = config.read_key().expect("a key").public();
            let begun = Instant::now();
            let opened = Store::open(&config.database(), 16 << 20, &genesis, &key);
            let (store, opened) = opened.expect("opens");
            println!("opened {} entries in {:.2?}", opened.state.len(), begun.elapsed());
            if role == "snapshot" {
                let folder = config.home.join("made");
                let snapshots = Snapshots::open(folder, &genesis.chain_id()).expect("a folder");
                let decided = store.newest().expect("works").expect("decided");
                let begun = Instant::now();
                let made =
                    snapshots.make(&opened.header, &decided.certificate, &opened.state, || true);
                made.expect("made");
                println!("made a snapshot in {:.2?}", begun.elapsed());
            }
        }
    }
}

fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        return part(&role);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match std::env::args().nth(1).as_deref() {
        Some("chain") => runtime.block_on(long_chain(argument("--blocks", 100_000))),
        Some("state") => runtime.block_on(large_state(argument("--accounts", 1_000_000))),
        _ => println!("say chain or state, see the head of this file"),
    }
}
