//! A network of node processes on this machine for the examples that measure: its start, transfers
//! at a rate, what its processes take, and what its nodes count.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_api::Client;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, account};
use muster_ledger::types::{Endpoint, Height, Modality};
use muster_node::{Gossip, NodeConfig};

#[path = "../../tests/it/ports.rs"]
mod ports;

use ports::free_ports;

const NODE_CONFIG: &str = "MUSTER_EXAMPLE_NODE";
/// Transactions handed in at once, at most.
const BATCH: usize = 500;
/// How long to wait while nothing is due.
const PACE: Duration = Duration::from_millis(5);
/// How long the first block may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A number of the command line, such as `--nodes 4`.
pub fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The transport of the command line.
pub fn gossip() -> Gossip {
    argument("--gossip", Gossip::Relay)
}

fn key(kind: u8, index: usize) -> SecretKey {
    let mut seed = [kind; 32];
    seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
    SecretKey::from_seed(seed)
}

/// The key of an account.
pub fn user(index: usize) -> SecretKey {
    key(2, index)
}

/// What network to start.
pub struct Plan {
    /// Nodes, of which the first `validators` validate.
    pub nodes: usize,
    pub validators: usize,
    /// Accounts with money, each with a key of its own ([`user`]).
    pub accounts: usize,
    /// The first so many accounts are peers as well, with rows of up to so many weights.
    pub peers: (usize, u64),
    pub block_ms: u64,
    pub gossip: Gossip,
    /// To which others a node connects, and passes transactions on.
    pub neighbours: Box<dyn Fn(usize) -> Vec<usize>>,
    /// How many times transactions are passed on.
    pub hops: u8,
}

impl Plan {
    /// Validators only, each connected to each.
    pub fn of_validators(nodes: usize, accounts: usize, block_ms: u64, gossip: Gossip) -> Self {
        let neighbours = move |index| (0..nodes).filter(|other| *other != index).collect();
        let neighbours = Box::new(neighbours);
        let peers = (0, 0);
        Self { nodes, validators: nodes, accounts, peers, block_ms, gossip, neighbours, hops: 1 }
    }

    fn genesis(&self) -> Genesis {
        let parameters = Parameters {
            block_time_ms: self.block_ms,
            block_transactions_max: 100_000,
            block_cost_max: 10_000_000,
            timeout_propose_ms: 10_000,
            block_bytes_max: 16 << 20,
            ..Parameters::default()
        };
        let parameters = match self.peers {
            (0, _) => parameters,
            (peers_max, row_length_max) => Parameters {
                peers_max: peers_max as u64,
                row_length_max,
                block_cost_max: 60_000_000,
                timeout_propose_ms: 60_000,
                // No epoch ends while this is measured.
                epoch_blocks: 100_000,
                ..parameters
            },
        };
        let validator =
            |index| Validator { name: format!("v{index}"), key: key(1, index).public() };
        let balance = Grains(1_000_000_000_000);
        Genesis {
            version: Version::NEWEST,
            name: "example".to_string(),
            time_ms: 1_700_000_000_000,
            parameters,
            validators: (0..self.validators).map(validator).collect(),
            accounts: (0..self.accounts).map(|index| (user(index).public(), balance)).collect(),
            peers: (0..self.peers.0).map(peer).collect(),
        }
    }
}

fn peer(index: usize) -> GenesisPeer {
    let url = format!("https://peer-{index}.example:8700");
    GenesisPeer {
        hot: user(index).public(),
        cold: user(index).public(),
        endpoint: Endpoint { url, modality: Modality::Text },
        stake: Grains(100_000_000_000),
    }
}

/// A network that runs while this value lives.
pub struct Network {
    pub directory: PathBuf,
    pub genesis: Genesis,
    pub urls: Vec<String>,
    children: Vec<Child>,
    /// The next nonce of each account.
    nonces: Vec<u64>,
}

impl Network {
    /// Starts all nodes.
    pub fn start(plan: &Plan) -> Self {
        let name = format!("muster-example-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let genesis = plan.genesis();
        fs::create_dir_all(&directory).expect("the directory is made");
        let json = serde_json::to_vec(&genesis).expect("serialises");
        fs::write(directory.join("genesis.json"), json).expect("written");
        let ports = free_ports(2 * plan.nodes);
        let (consensus, api) = ports.split_at(plan.nodes);
        let urls: Vec<String> = api.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let mut children = Vec::new();
        for index in 0..plan.nodes {
            let neighbours = (plan.neighbours)(index);
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
                peers: neighbours.iter().map(|o| format!("127.0.0.1:{}", consensus[*o])).collect(),
                api_peers: neighbours.iter().map(|other| urls[*other].clone()).collect(),
                public_api: false,
                api_proxies: Vec::new(),
                gossip: plan.gossip,
                forward_hops: plan.hops,
                cache_mib: argument("--cache-mib", 16),
                keep_blocks: None,
                snapshot_blocks: 0,
                presence_cores: 0.0,
                protocol_version_max: Version::NEWEST,
                tls: None,
            };
            children.push(spawn(&home, &config));
        }
        let nonces = vec![0; plan.accounts];
        Self { directory, genesis, urls, children, nonces }
    }

    /// A client of one node.
    pub fn client(&self, node: usize) -> Client {
        Client::new(vec![self.urls[node].clone()]).expect("a client")
    }

    /// Waits until every node has a height.
    pub async fn wait_height(&self, height: u64) {
        let start = Instant::now();
        for node in 0..self.urls.len() {
            let client = self.client(node);
            while client.status().await.map_or(0, |status| status.height) < height {
                assert!(start.elapsed() < PATIENCE, "node {node} does not reach height {height}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// What the process of a node takes.
    pub fn usage(&self, node: usize) -> Usage {
        Usage::of(self.children[node].id())
    }

    /// What a node counts, as the text of its `/metrics`.
    pub async fn metrics(&self, node: usize) -> Counters {
        let url = format!("{}/metrics", self.urls[node]);
        let answer = reqwest::get(url).await.expect("the node answers");
        Counters(answer.text().await.expect("text"))
    }

    /// Hands in transfers at a rate, to all nodes at once, each with accounts of its own so that
    /// nonces stay in order; ends after the time, and says how many.
    pub async fn load(&mut self, rate: usize, seconds: u64) -> usize {
        let nodes = self.urls.len();
        let (share, rate) = (self.nonces.len() / nodes, rate as f64 / nodes as f64);
        let until = Instant::now() + Duration::from_secs(seconds);
        let tasks: Vec<_> = (0..nodes)
            .map(|node| {
                let accounts = node * share..(node + 1) * share;
                let senders = accounts.map(|index| (user(index), self.nonces[index])).collect();
                let (client, chain) = (self.client(node), self.genesis.chain_id());
                tokio::spawn(load_one(client, chain, senders, rate, until))
            })
            .collect();
        let before: u64 = self.nonces.iter().sum();
        for (node, task) in tasks.into_iter().enumerate() {
            let used = task.await.expect("it does not panic");
            self.nonces[node * share..(node + 1) * share].copy_from_slice(&used);
        }
        (self.nonces.iter().sum::<u64>() - before) as usize
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

fn spawn(home: &Path, config: &NodeConfig) -> Child {
    let path = home.join("node.toml");
    fs::write(&path, toml::to_string(config).expect("serialises")).expect("written");
    let log = fs::File::create(home.join("node.log")).expect("the log opens");
    Command::new(std::env::current_exe().expect("known"))
        .env(NODE_CONFIG, &path)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the node starts")
}

fn write_key(path: &Path, key: &SecretKey) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).mode(0o600).open(path).expect("opens");
    writeln!(file, "{}", hex::encode(*key.seed())).expect("written");
}

/// Runs a node instead of the example where this process was started for that.
pub fn be_a_node_if_told() -> bool {
    let Some(path) = std::env::var_os(NODE_CONFIG) else { return false };
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
        muster_node::run(NodeConfig::read(Path::new(&path))?, std::future::pending()).await
    });
    if let Err(error) = result {
        tracing::error!("{error}");
        std::process::exit(1);
    }
    true
}

/// Hands in transfers of some senders at a rate; their next nonces.
async fn load_one(
    client: Client,
    chain: Hash,
    mut senders: Vec<(SecretKey, u64)>,
    rate: f64,
    until: Instant,
) -> Vec<u64> {
    // Four batches a second, or as many as it takes.
    let size = BATCH.min((rate / 4.0).ceil() as usize).max(1);
    let (start, mut sent, mut sender) = (Instant::now(), 0usize, 0usize);
    while Instant::now() < until {
        let due = (start.elapsed().as_secs_f64() * rate) as usize;
        if sent >= due {
            tokio::time::sleep(PACE).await;
            continue;
        }
        let batch: Vec<SignedTransaction> = (0..size)
            .map(|_| {
                sender = (sender + 1) % senders.len();
                let to = senders[(sender + 1) % senders.len()].0.public();
                let (key, nonce) = &mut senders[sender];
                let transaction = Transaction {
                    chain,
                    signer: key.public(),
                    nonce: *nonce,
                    expires: Height(900),
                    tip: Grains(0),
                    action: Action::Account(account::Action::Transfer { to, amount: Grains(1) }),
                };
                *nonce += 1;
                SignedTransaction::sign(transaction, key)
            })
            .collect();
        match client.submit_batch(&batch).await {
            Ok(answer) if answer.refused > 0 => {
                eprintln!("refused {}: {:?}", answer.refused, answer.reason);
            }
            Ok(_) => {}
            Err(error) => eprintln!("{error}"),
        }
        sent += batch.len();
    }
    senders.into_iter().map(|(_, nonce)| nonce).collect()
}

/// What a process takes, from /proc.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Memory that it holds, MiB.
    pub resident: f64,
    /// The most that it ever held, MiB.
    pub peak: f64,
    /// Processor time so far, seconds.
    pub processor: f64,
}

impl Usage {
    /// That of a process; nothing where it is gone.
    pub fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
            number.unwrap_or(0.0) / 1024.0
        };
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks: f64 = [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum();
        Self { resident: field("VmRSS:"), peak: field("VmHWM:"), processor: ticks / 100.0 }
    }
}

/// What a node counts.
pub struct Counters(String);

impl Counters {
    /// The sum of all counters of this name, whatever their labels; 0 where there is none.
    pub fn sum(&self, name: &str) -> f64 {
        self.all(|found| found == name)
    }

    /// The same, of all names that end so: the engine puts its parts' names in front.
    pub fn ending(&self, name: &str) -> f64 {
        self.all(|found| found.ends_with(name))
    }

    fn all(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let (label, value) = line.rsplit_once(' ')?;
            let name = label.split('{').next()?;
            wanted(name).then(|| value.parse::<f64>().ok())?
        });
        values.sum()
    }
}
