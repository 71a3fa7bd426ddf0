//! Networks of real node processes: this very test binary, started again as a node.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_api::{Client, Status};
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, account};
use muster_ledger::types::{Endpoint, Height, Modality};
use muster_node::http::tls::TlsFiles;
use muster_node::{Gossip, NodeConfig};

use crate::ports::free_ports;

/// The variable that makes this binary a node.
pub const NODE_CONFIG: &str = "MUSTER_TEST_NODE";
/// How the line begins with which a node ends that failed.
pub const LAST_WORDS: &str = "muster: ";
/// How long anything may take before a test gives up. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(600);

pub fn validator_key(index: usize) -> SecretKey {
    SecretKey::from_seed([index as u8 + 1; 32])
}

pub fn user_key(index: usize) -> SecretKey {
    let mut seed = [200; 32];
    seed[0] = index as u8;
    SecretKey::from_seed(seed)
}

pub fn write_key(path: &Path, key: &SecretKey) {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).expect("the key file opens");
    writeln!(file, "{}", hex::encode(*key.seed())).expect("the key is written");
}

pub fn genesis(validators: usize, block_time_ms: u64) -> Genesis {
    let parameters = Parameters {
        block_time_ms,
        timeout_propose_ms: 1_000,
        timeout_prevote_ms: 500,
        timeout_precommit_ms: 500,
        ..Parameters::default()
    };
    Genesis {
        version: Version::NEWEST,
        name: "test".to_string(),
        time_ms: 1_700_000_000_000,
        parameters,
        validators: (0..validators)
            .map(|index| Validator {
                name: format!("validator-{index}"),
                key: validator_key(index).public(),
            })
            .collect(),
        accounts: (0..4)
            .map(|index| (user_key(index).public(), Grains(1_000_000_000_000)))
            .collect(),
        peers: Vec::new(),
    }
}

/// Peers that are there from the beginning.
pub fn genesis_peers(count: u32) -> Vec<GenesisPeer> {
    let key = |kind: u8, index: u32| {
        let mut seed = [kind; 32];
        seed[..4].copy_from_slice(&index.to_le_bytes());
        SecretKey::from_seed(seed).public()
    };
    let peer = |index: u32| GenesisPeer {
        hot: key(101, index),
        cold: key(102, index),
        endpoint: Endpoint {
            url: format!("https://peer-{index}.example:7701"),
            modality: Modality::Text,
        },
        stake: Grains(1_000_000_000),
    };
    (0..count).map(peer).collect()
}

/// Certificate and key as they lie in a node's home.
pub fn write_tls(home: &Path, certificate: &str, key: &str) {
    fs::write(home.join("tls.pem"), certificate).expect("written");
    let path = home.join("tls.key");
    fs::write(&path, key).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
}

pub struct Network {
    directory: tempfile::TempDir,
    pub genesis: Genesis,
    pub configs: Vec<PathBuf>,
    pub urls: Vec<String>,
    /// How its consensus messages travel.
    pub gossip: Gossip,
    children: Vec<Option<Child>>,
}

impl Network {
    /// Writes the homes of a network; nothing runs yet.
    pub fn new(validators: usize, block_time_ms: u64, gossip: Gossip) -> Self {
        Self::of(genesis(validators, block_time_ms), gossip)
    }

    /// The same, from a genesis.
    pub fn of(genesis: Genesis, gossip: Gossip) -> Self {
        Self::at(genesis, gossip, |_| Ipv4Addr::LOCALHOST)
    }

    /// The same, each node at an address of its own.
    pub fn at(genesis: Genesis, gossip: Gossip, host: impl Fn(usize) -> Ipv4Addr) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let validators = genesis.validators.len();
        let path = directory.path().join("genesis.json");
        fs::write(&path, serde_json::to_vec(&genesis).expect("serialises")).expect("written");
        let ports = free_ports(2 * validators);
        let addresses = |ports: &[u16]| -> Vec<SocketAddr> {
            ports.iter().enumerate().map(|(index, port)| (host(index), *port).into()).collect()
        };
        let (consensus, api) = ports.split_at(validators);
        let (consensus, api) = (addresses(consensus), addresses(api));
        let urls: Vec<String> = api.iter().map(|address| format!("http://{address}")).collect();
        let configs = (0..validators)
            .map(|index| {
                let home = directory.path().join(format!("validator-{index}"));
                fs::create_dir_all(&home).expect("made");
                write_key(&home.join("key"), &validator_key(index));
                let others = |own: usize| (0..validators).filter(move |other| *other != own);
                let config = NodeConfig {
                    name: format!("validator-{index}"),
                    home: ".".into(),
                    genesis: "../genesis.json".into(),
                    key: "key".into(),
                    listen: consensus[index],
                    api: api[index],
                    peers: others(index).map(|other| consensus[other].to_string()).collect(),
                    api_peers: others(index).map(|other| urls[other].clone()).collect(),
                    public_api: !api[index].ip().is_loopback(),
                    api_proxies: Vec::new(),
                    gossip,
                    forward_hops: 1,
                    cache_mib: 8,
                    keep_blocks: None,
                    snapshot_blocks: 0,
                    presence_cores: 0.0,
                    protocol_version_max: Version::NEWEST,
                    tls: None,
                };
                let path = home.join("node.toml");
                fs::write(&path, toml::to_string(&config).expect("serialises")).expect("written");
                path
            })
            .collect();
        let children = (0..validators).map(|_| None).collect();
        Self { directory, genesis, configs, urls, gossip, children }
    }

    /// Where the homes are.
    pub fn home(&self) -> &Path {
        self.directory.path()
    }

    /// Where a node listens for the others.
    pub fn consensus_address(&self, index: usize) -> String {
        let text = fs::read_to_string(&self.configs[index]).expect("written before");
        let config: NodeConfig = toml::from_str(&text).expect("written before");
        config.listen.to_string()
    }

    pub fn chain(&self) -> Hash {
        self.genesis.chain_id()
    }

    /// Changes what a node, which does not run, is told.
    pub fn change(&self, index: usize, change: impl FnOnce(&mut NodeConfig)) {
        let path = &self.configs[index];
        let text = fs::read_to_string(path).expect("written before");
        let mut config: NodeConfig = toml::from_str(&text).expect("written before");
        change(&mut config);
        fs::write(path, toml::to_string(&config).expect("serialises")).expect("written");
    }

    /// Tells a node, which does not run, how far to go along with the protocol.
    pub fn follow_up_to(&self, index: usize, version: Version) {
        self.change(index, |config| config.protocol_version_max = version);
    }

    /// Tells a node, which does not run, to serve its interface over TLS.
    pub fn serve_over_tls(&self, index: usize, certificate: &str, key: &str) {
        let home = self.configs[index].parent().expect("it has a home");
        write_tls(home, certificate, key);
        let tls = TlsFiles { certificate: "tls.pem".into(), key: "tls.key".into() };
        self.change(index, |config| config.tls = Some(tls));
    }

    /// Where a node's consensus listens.
    pub fn consensus(&self, index: usize) -> SocketAddr {
        let mut found = None;
        self.change(index, |config| found = Some(config.listen));
        found.expect("it has one")
    }

    pub fn start(&mut self, index: usize) {
        let program = Command::new(std::env::current_exe().expect("known"));
        self.spawn(index, program);
    }

    /// Starts a node that can write no file beyond so many KiB: for it the disk is full there.
    pub fn start_with_disk(&mut self, index: usize, kib: u64) {
        let mut program = Command::new("sh");
        // What a signal would end must see the error instead; POSIX counts in 512 bytes.
        let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
        program.args(["-c", script, "sh", &(2 * kib).to_string()]);
        program.arg(std::env::current_exe().expect("known"));
        self.spawn(index, program);
    }

    /// Starts a node that may have so many files and sockets open.
    pub fn start_with_descriptors(&mut self, index: usize, descriptors: u64) {
        let mut program = Command::new("sh");
        program.args(["-c", "ulimit -n \"$1\"; shift; exec \"$@\"", "sh"]);
        program.arg(descriptors.to_string());
        program.arg(std::env::current_exe().expect("known"));
        self.spawn(index, program);
    }

    /// Starts a node in a network namespace that `ip netns` knows.
    pub fn start_in_namespace(&mut self, index: usize, namespace: &str) {
        let mut program = Command::new("ip");
        program.args(["netns", "exec", namespace]);
        program.arg(std::env::current_exe().expect("known"));
        self.spawn(index, program);
    }

    fn spawn(&mut self, index: usize, mut program: Command) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.configs[index].with_file_name("node.log"))
            .expect("the log opens");
        let child = program
            .args(["child::node", "--exact", "--nocapture", "--test-threads=1"])
            .env(NODE_CONFIG, &self.configs[index])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the node starts");
        self.children[index] = Some(child);
    }

    /// Whether a node that was started has ended.
    pub fn has_ended(&mut self, index: usize) -> bool {
        let child = self.children[index].as_mut().expect("it was started");
        child.try_wait().expect("it can be asked").is_some()
    }

    /// Waits until a node ends by itself; whether it said that all is well.
    pub async fn wait_end(&mut self, index: usize) -> bool {
        let mut child = self.children[index].take().expect("it was started");
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("it can be asked") {
                return status.success();
            }
            assert!(start.elapsed() < PATIENCE, "it does not end\n{}", self.tail(index));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn start_all(&mut self) {
        (0..self.configs.len()).for_each(|index| self.start(index));
    }

    /// SIGKILL: no chance to write anything more.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.children[index].take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    pub fn client(&self, index: usize) -> Client {
        Client::new(vec![self.urls[index].clone()]).expect("a client")
    }

    /// Waits until a node answers with at least this height.
    pub async fn wait_height(&self, index: usize, height: u64) -> Status {
        let client = self.client(index);
        self.wait(&format!("height {height} on node {index}"), async || {
            client.status().await.ok().filter(|status| status.height >= height)
        })
        .await
    }

    /// Waits until these nodes have decided a height; the block there is the same on all of them.
    pub async fn same_block(&self, nodes: &[usize], height: u64) {
        let mut found = Vec::new();
        for node in nodes {
            self.wait_height(*node, height).await;
            let client = self.client(*node);
            let asked = self.wait("a block", async || client.block(height).await.ok());
            let block = asked.await;
            found.push((block.summary.hash, block.summary.state_root));
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "they differ: {found:?}");
    }

    pub async fn wait<T>(&self, what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            if start.elapsed() > PATIENCE {
                let logs = (0..self.configs.len()).map(|index| self.tail(index));
                panic!("gave up waiting for {what}\n{}", logs.collect::<Vec<_>>().join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Why a node ended, in its own words.
    pub fn last_words(&self, index: usize) -> String {
        let log = self.configs[index].with_file_name("node.log");
        let text = fs::read_to_string(log).expect("it has a log");
        let words = text.lines().rev().find_map(|line| line.strip_prefix(LAST_WORDS));
        words.unwrap_or_else(|| panic!("it gave no reason\n{}", self.tail(index))).to_string()
    }

    /// The end of a node's log.
    pub fn tail(&self, index: usize) -> String {
        let log = self.configs[index].with_file_name("node.log");
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(25)..];
        format!("--- node {index}\n{}", tail.join("\n"))
    }

    pub fn transfer(
        &self,
        from: &SecretKey,
        nonce: u64,
        to: &SecretKey,
        amount: u64,
    ) -> SignedTransaction {
        let action = account::Action::Transfer { to: to.public(), amount: Grains(amount) };
        self.sign(from, nonce, action)
    }

    pub fn sign(
        &self,
        from: &SecretKey,
        nonce: u64,
        action: impl Into<Action>,
    ) -> SignedTransaction {
        let transaction = Transaction {
            chain: self.chain(),
            signer: from.public(),
            nonce,
            expires: Height(900),
            tip: Grains(0),
            action: action.into(),
        };
        SignedTransaction::sign(transaction, from)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
