#![allow(clippy::print_stdout, reason = "the report is the result")]
//! Starts a network of node processes on this machine, loads it with transfers, and says what was
//! decided: transactions a second, block times, memory, processor time.
//!
//! `cargo run --release -p muster-node --example load -- --nodes 4 --rate 10000 --seconds 20`
//! With `--rate 0` the blocks are empty; `--gossip broadcast` chooses the other transport.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_api::Client;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, account};
use muster_ledger::types::Height;
use muster_node::{Gossip, NodeConfig};

#[path = "../tests/it/ports.rs"]
mod ports;

use ports::free_ports;

const NODE_CONFIG: &str = "MUSTER_LOAD_NODE";
/// Transactions handed in at once.
const BATCH: usize = 500;

fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn key(kind: u8, index: usize) -> SecretKey {
    let mut seed = [kind; 32];
    seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
    SecretKey::from_seed(seed)
}

struct Settings {
    nodes: usize,
    accounts: usize,
    rate: usize,
    seconds: u64,
    block_ms: u64,
    gossip: Gossip,
}

fn genesis(settings: &Settings) -> Genesis {
    let parameters = Parameters {
        block_time_ms: settings.block_ms,
        block_transactions_max: 100_000,
        block_cost_max: 10_000_000,
        timeout_propose_ms: 10_000,
        block_bytes_max: 16 << 20,
        ..Parameters::default()
    };
    let balance = Grains(1_000_000_000_000);
    Genesis {
        version: Version::NEWEST,
        name: "load".to_string(),
        time_ms: 1_700_000_000_000,
        parameters,
        validators: (0..settings.nodes)
            .map(|index| Validator { name: format!("v{index}"), key: key(1, index).public() })
            .collect(),
        accounts: (0..settings.accounts).map(|index| (key(2, index).public(), balance)).collect(),
        peers: Vec::new(),
    }
}

struct Network {
    directory: PathBuf,
    chain: Hash,
    urls: Vec<String>,
    children: Vec<Child>,
}

impl Network {
    fn start(settings: &Settings) -> Self {
        let directory = std::env::temp_dir().join(format!("muster-load-{}", std::process::id()));
        let genesis = genesis(settings);
        fs::create_dir_all(&directory).expect("the directory is made");
        let json = serde_json::to_vec(&genesis).expect("serialises");
        fs::write(directory.join("genesis.json"), json).expect("written");
        let ports = free_ports(2 * settings.nodes);
        let (consensus, api) = ports.split_at(settings.nodes);
        let urls: Vec<String> = api.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let mut children = Vec::new();
        for index in 0..settings.nodes {
            let others = || (0..settings.nodes).filter(|other| *other != index);
            let home = directory.join(format!("v{index}"));
            fs::create_dir_all(&home).expect("made");
            write_key(&home.join("key"), &key(1, index));
            let config = NodeConfig {
                name: format!("v{index}"),
                home: ".".into(),
                genesis: "../genesis.json".into(),
                key: "key".into(),
                listen: ([127, 0, 0, 1], consensus[index]).into(),
                api: ([127, 0, 0, 1], api[index]).into(),
                peers: others().map(|other| format!("127.0.0.1:{}", consensus[other])).collect(),
                api_peers: others().map(|other| urls[other].clone()).collect(),
                public_api: false,
                api_proxies: Vec::new(),
                gossip: settings.gossip,
                forward_hops: 1,
                cache_mib: argument("--cache-mib", 16),
                protocol_version_max: Version::NEWEST,
                tls: None,
            };
            let path = home.join("node.toml");
            fs::write(&path, toml::to_string(&config).expect("serialises")).expect("written");
            let log = fs::File::create(home.join("node.log")).expect("the log opens");
            let child = Command::new(std::env::current_exe().expect("known"))
                .env(NODE_CONFIG, &path)
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("the node starts");
            children.push(child);
        }
        Self { directory, chain: genesis.chain_id(), urls, children }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        if argument("--keep", 0) == 0 {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn write_key(path: &Path, key: &SecretKey) {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).mode(0o600).open(path).expect("opens");
    writeln!(file, "{}", hex::encode(*key.seed())).expect("written");
}

fn node(path: &Path) {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(
            std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".to_string()),
        ))
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let result = runtime.block_on(async {
        muster_node::run(NodeConfig::read(path)?, std::future::pending()).await
    });
    if let Err(error) = result {
        tracing::error!("{error}");
        std::process::exit(1);
    }
}

/// Hands in transfers at a rate, to all nodes at once, each with accounts of its own so that nonces
/// stay in order; ends after the time.
async fn load(network: &Network, settings: &Settings) -> usize {
    let share = settings.accounts / network.urls.len();
    let rate = settings.rate / network.urls.len();
    let tasks: Vec<_> = network
        .urls
        .iter()
        .enumerate()
        .map(|(index, url)| {
            let client = Client::new(vec![url.clone()]).expect("a client");
            let accounts = index * share..(index + 1) * share;
            let until = Instant::now() + Duration::from_secs(settings.seconds);
            tokio::spawn(load_one(client, network.chain, accounts, rate, until))
        })
        .collect();
    let mut sent = 0;
    for task in tasks {
        sent += task.await.expect("it does not panic");
    }
    sent
}

async fn load_one(
    client: Client,
    chain: Hash,
    accounts: std::ops::Range<usize>,
    rate: usize,
    until: Instant,
) -> usize {
    let keys: Vec<SecretKey> = accounts.map(|index| key(2, index)).collect();
    let mut nonces = vec![0u64; keys.len()];
    let (start, mut sent, mut account) = (Instant::now(), 0usize, 0usize);
    while Instant::now() < until {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as usize;
        if sent >= due {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let batch: Vec<SignedTransaction> = (0..BATCH)
            .map(|_| {
                account = (account + 1) % keys.len();
                let transaction = Transaction {
                    chain,
                    signer: keys[account].public(),
                    nonce: nonces[account],
                    expires: Height(900),
                    tip: Grains(0),
                    action: Action::Account(account::Action::Transfer {
                        to: keys[(account + 1) % keys.len()].public(),
                        amount: Grains(1),
                    }),
                };
                nonces[account] += 1;
                SignedTransaction::sign(transaction, &keys[account])
            })
            .collect();
        match client.submit_batch(&batch).await {
            Ok(answer) if answer.refused > 0 => {
                eprintln!("refused {}: {:?}", answer.refused, answer.reason);
            }
            Ok(_) => {}
            Err(error) => eprintln!("{error}"),
        }
        sent += BATCH;
    }
    sent
}

/// Resident memory (MiB) and processor time (s) of a process, from /proc.
fn usage(pid: u32) -> (f64, f64, f64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        number.unwrap_or(0.0) / 1024.0
    };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum();
    (field("VmRSS:"), field("VmHWM:"), ticks / 100.0)
}

async fn report(network: &Network, first: u64, seconds: f64) {
    let client = Client::new(vec![network.urls[0].clone()]).expect("a client");
    let blocks = client.blocks(None, Some(200)).await.expect("answers").blocks;
    let blocks: Vec<_> = blocks.into_iter().filter(|block| block.height > first).collect();
    let transactions: u64 = blocks.iter().map(|block| block.transactions).sum();
    let bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
    let rounds: u32 = blocks.iter().map(|block| block.round).sum();
    let (newest, oldest) = (&blocks[0], &blocks[blocks.len() - 1]);
    let span = (newest.time_ms - oldest.time_ms) as f64 / 1_000.0;
    println!(
        "{} blocks in {span:.1} s ({:.1} ms a block, {} beyond round 0), {:.0} KiB a block",
        blocks.len(),
        span * 1_000.0 / (blocks.len() - 1).max(1) as f64,
        rounds,
        bytes as f64 / 1_024.0 / blocks.len() as f64,
    );
    println!(
        "{transactions} transactions decided; {:.0} a second between the first and last block",
        (transactions - oldest.transactions) as f64 / span
    );
    let mut cpu = 0.0;
    for (index, child) in network.children.iter().enumerate() {
        let (resident, peak, processor) = usage(child.id());
        cpu += processor;
        println!(
            "node {index}: {resident:.0} MiB resident (peak {peak:.0}), {processor:.1} s of processor"
        );
    }
    println!("{cpu:.1} s of processor for {seconds:.1} s");
    let metrics = reqwest::get(format!("{}/metrics", network.urls[0])).await.expect("answers");
    let metrics = metrics.text().await.expect("text");
    for name in ["build", "execute", "apply", "decide"] {
        let value = |suffix: &str| {
            let name = format!("muster_{name}_seconds_{suffix} ");
            let line =
                metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok());
            line.unwrap_or(0.0)
        };
        println!("{name}: {:.2} ms on average", value("sum") * 1_000.0 / value("count").max(1.0));
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(settings: Settings) {
    let start = Instant::now();
    let network = Network::start(&settings);
    let client = Client::new(network.urls.clone()).expect("a client");
    while client.status().await.map_or(0, |status| status.height) == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "no block was decided");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("first block {:.1} s after the start", start.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let first = client.status().await.expect("answers").height;
    let sent = load(&network, &settings).await;
    println!("{sent} transactions sent in {} s", settings.seconds);
    tokio::time::sleep(Duration::from_millis(2 * settings.block_ms)).await;
    report(&network, first, start.elapsed().as_secs_f64()).await;
    if argument("--hold", 0) == 1 {
        println!("home {}, urls {:?}", network.directory.display(), network.urls);
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
}

fn main() {
    if let Some(path) = std::env::var_os(NODE_CONFIG) {
        return node(Path::new(&path));
    }
    let gossip: String = argument("--gossip", "relay".to_string());
    run(Settings {
        nodes: argument("--nodes", 4),
        accounts: argument("--accounts", 1_000),
        rate: argument("--rate", 1_000),
        seconds: argument("--seconds", 10),
        block_ms: argument("--block-ms", 1_000),
        gossip: if gossip == "broadcast" { Gossip::Broadcast } else { Gossip::Relay },
    });
}
