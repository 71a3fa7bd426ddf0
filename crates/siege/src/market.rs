//! A market of real processes: its genesis, its keys, its configurations, and the processes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_api::Client;
use muster_files::{Readers, replace};
use muster_keys::write_key;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{PublicKey, SecretKey, hash};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::types::{Endpoint, Modality};
use muster_node::Gossip;
use toml::{Table, Value};

use crate::error::SiegeError;
use crate::ports::free_ports;
use crate::process::{Ground, Process, Task};

/// What people who mean well have at the start.
const HONEST: Grains = Grains(1_000 * Grains::MST.0);
/// What strangers have at the start, the few of them who have anything.
const POOR: Grains = Grains::MST;
/// What the richest of them have.
const RICH: Grains = Grains(1_000 * Grains::MST.0);
/// Stake behind each peer.
const STAKE: Grains = Grains(1_000 * Grains::MST.0);
/// What hot keys have for fees.
const FEES: Grains = Grains(100 * Grains::MST.0);
/// How many people transfer money.
pub const PEOPLE: usize = 8;
/// How many strangers have a little money.
pub const POOR_STRANGERS: usize = 8;
/// How long the market may take to begin.
const PATIENCE: Duration = Duration::from_secs(180);
/// What peers learn from.
const TEXT: &str =
    concat!(include_str!("../../../ARCHITECTURE.md"), include_str!("../../../README.md"));

/// What a market is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of all keys.
    pub seed: u64,
    /// Number of validators.
    pub validators: usize,
    /// Number of peers that learn.
    pub peers: usize,
    /// Time between blocks, milliseconds.
    pub block_time_ms: u64,
    /// How consensus messages travel.
    pub gossip: Gossip,
    /// The program `muster`.
    pub program: PathBuf,
    /// Where everything lies; an empty folder.
    pub home: PathBuf,
    /// Where the processes stand.
    pub ground: Ground,
}

/// Whose key it is; each has any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Decides blocks.
    Validator,
    /// Signs for a peer.
    Hot,
    /// Owns a peer.
    Cold,
    /// Means well and has money.
    Person,
    /// Means ill and has one MST.
    Poor,
    /// Means ill and has much.
    Rich,
    /// Means ill, and is registered as a peer without stake.
    Registered,
    /// Means ill, and is known to nobody.
    Stranger,
}

/// The key of a role. It is worth nothing outside the market of its seed.
pub fn key(seed: u64, role: Role, index: u64) -> SecretKey {
    let role = [role as u8];
    let parts = [&role[..], &seed.to_le_bytes(), &index.to_le_bytes()];
    SecretKey::from_seed(hash("a siege's key", &parts).0)
}

/// Where a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// A validator.
    Validator,
    /// A peer.
    Peer,
    /// People.
    People,
    /// Strangers.
    Strangers,
}

impl Plan {
    /// The address of a machine.
    pub fn address(&self, site: Site, index: usize) -> Ipv4Addr {
        let network = match self.ground {
            Ground::Lan => 10,
            Ground::Here => 127,
        };
        let site = match site {
            Site::Validator => 1,
            Site::Peer => 2,
            Site::People => 0,
            Site::Strangers => 6,
        };
        let host = u16::try_from(index + 1).unwrap_or(u16::MAX).to_be_bytes();
        Ipv4Addr::new(network, site, host[0], host[1])
    }
}

/// Where a market listens.
#[derive(Clone, Debug)]
pub struct Doors {
    /// HTTP of each validator.
    pub api: Vec<SocketAddr>,
    /// Consensus of each validator.
    pub consensus: Vec<SocketAddr>,
    /// Each peer.
    pub peers: Vec<SocketAddr>,
}

impl Doors {
    fn find(plan: &Plan) -> Self {
        let mut ports = free_ports(2 * plan.validators + plan.peers).into_iter();
        let mut doors = |site, count| -> Vec<SocketAddr> {
            let address = |index| plan.address(site, index);
            (0..count)
                .zip(ports.by_ref())
                .map(|(index, port)| (address(index), port).into())
                .collect()
        };
        let api = doors(Site::Validator, plan.validators);
        let consensus = doors(Site::Validator, plan.validators);
        Self { api, consensus, peers: doors(Site::Peer, plan.peers) }
    }

    /// URLs of the validators' HTTP interfaces, beginning with one of them.
    pub fn urls(&self, first: usize) -> Vec<String> {
        let mut urls: Vec<String> = self.api.iter().map(|api| format!("http://{api}")).collect();
        let first = first % urls.len().max(1);
        urls.rotate_left(first);
        urls
    }
}

/// A running market. Its processes end with it.
#[derive(Debug)]
pub struct Market {
    /// What it was made of.
    pub plan: Plan,
    /// How its chain began.
    pub genesis: Genesis,
    /// Where it listens.
    pub doors: Doors,
    /// The validators' processes.
    pub validators: Vec<Process>,
    /// The peers' processes.
    pub peers: Vec<Process>,
}

impl Market {
    /// Makes a market and starts it.
    ///
    /// # Errors
    /// [`SiegeError`], with what could not be written or started.
    pub fn start(plan: Plan) -> Result<Self, SiegeError> {
        let doors = Doors::find(&plan);
        let genesis = genesis(&plan, &doors);
        write_home(&plan, &genesis, &doors)?;
        let start = |kind: &'static str, site, count| -> Result<Vec<Process>, SiegeError> {
            (0..count).map(|index| Process::start(task(&plan, kind, site, index))).collect()
        };
        let validators = start("validator", Site::Validator, plan.validators)?;
        let peers = start("peer", Site::Peer, plan.peers)?;
        Ok(Self { plan, genesis, doors, validators, peers })
    }

    /// A client that asks one validator only.
    ///
    /// # Errors
    /// [`SiegeError::Client`].
    pub fn client(&self, validator: usize) -> Result<Client, SiegeError> {
        let client = Client::new(vec![self.doors.urls(validator).swap_remove(0)])?;
        client.pin(self.genesis.chain_id())?;
        Ok(client)
    }

    /// Waits until every validator has decided a block, and every peer has reported steps.
    ///
    /// # Errors
    /// [`SiegeError::Late`], [`SiegeError::Ended`].
    pub async fn wait_begin(&mut self) -> Result<(), SiegeError> {
        let start = Instant::now();
        loop {
            self.check_all_run()?;
            if self.has_begun().await? {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let what = "every validator's first block and every peer's first steps".to_string();
                return Err(SiegeError::Late { what, home: self.plan.home.display().to_string() });
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn has_begun(&self) -> Result<bool, SiegeError> {
        for validator in 0..self.plan.validators {
            let client = self.client(validator)?;
            let Ok(status) = client.status().await else { return Ok(false) };
            let Ok(answer) = client.peers().await else { return Ok(false) };
            let learning = answer.peers.iter().filter(|peer| peer.telemetry.is_some()).count();
            if status.height == 0 || learning < self.plan.peers {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All processes, validators first.
    pub fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        self.validators.iter_mut().chain(&mut self.peers)
    }

    /// Complains of the first process that has ended by itself.
    ///
    /// # Errors
    /// [`SiegeError::Ended`].
    pub fn check_all_run(&mut self) -> Result<(), SiegeError> {
        for process in self.processes() {
            if process.has_ended() {
                let log = process.task.log.display().to_string();
                return Err(SiegeError::Ended { name: process.task.name.clone(), log });
            }
        }
        Ok(())
    }

    /// Ends all processes in order.
    pub fn end(&mut self) {
        self.processes().for_each(|process| process.ask_to_end());
        self.processes().for_each(Process::end);
    }
}

fn genesis(plan: &Plan, doors: &Doors) -> Genesis {
    let public = |role, index| key(plan.seed, role, index as u64).public();
    let mut accounts: Vec<(PublicKey, Grains)> = Vec::new();
    accounts.extend((0..PEOPLE).map(|index| (public(Role::Person, index), HONEST)));
    accounts.extend((0..POOR_STRANGERS).map(|index| (public(Role::Poor, index), POOR)));
    accounts.extend((0..3).map(|index| (public(Role::Rich, index), RICH)));
    accounts.extend((0..plan.peers).map(|index| (public(Role::Hot, index), FEES)));
    let peer = |hot, cold, url: String, stake| {
        let endpoint = Endpoint { url, modality: Modality::Text };
        GenesisPeer { hot, cold, endpoint, stake }
    };
    let mut peers: Vec<GenesisPeer> = (doors.peers.iter().enumerate())
        .map(|(index, door)| {
            let (hot, cold) = (public(Role::Hot, index), public(Role::Cold, index));
            peer(hot, cold, format!("https://{door}"), STAKE)
        })
        .collect();
    // Nobody answers there.
    let nowhere = format!("https://{}:9", plan.address(Site::Strangers, 0));
    let registered = public(Role::Registered, 0);
    peers.push(peer(registered, public(Role::Registered, 1), nowhere, Grains(0)));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Genesis {
        version: Version::NEWEST,
        name: format!("siege-{}", plan.seed),
        time_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        parameters: Parameters { block_time_ms: plan.block_time_ms, ..Parameters::default() },
        validators: (0..plan.validators)
            .map(|index| Validator {
                name: format!("validator-{index}"),
                key: public(Role::Validator, index),
            })
            .collect(),
        accounts,
        peers,
    }
}

fn write_home(plan: &Plan, genesis: &Genesis, doors: &Doors) -> Result<(), SiegeError> {
    let write = |path: PathBuf, text: &str| {
        let fault = SiegeError::system(format!("cannot write {}", path.display()));
        replace(&path, text.as_bytes(), Readers::Everyone).map_err(fault)
    };
    let document = serde_json::to_string_pretty(genesis).expect("a genesis is JSON");
    write(plan.home.join("genesis.json"), &document)?;
    write(plan.home.join("text.md"), TEXT)?;
    for index in 0..plan.validators {
        let folder = plan.home.join(format!("validator-{index}"));
        write_key(&folder.join("key"), &key(plan.seed, Role::Validator, index as u64))?;
        let table = node_table(index, plan.gossip, doors);
        write(folder.join("node.toml"), &table.to_string())?;
    }
    for index in 0..plan.peers {
        let folder = plan.home.join(format!("peer-{index}"));
        write_key(&folder.join("hot.key"), &key(plan.seed, Role::Hot, index as u64))?;
        let table = peer_table(index, plan, genesis, doors);
        write(folder.join("peer.toml"), &table.to_string())?;
    }
    Ok(())
}

fn text(text: impl ToString) -> Value {
    Value::String(text.to_string())
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(items.into_iter().collect())
}

/// `node.toml` of a validator: as `muster up` writes it, but that anybody may ask.
fn node_table(index: usize, gossip: Gossip, doors: &Doors) -> Table {
    let others = |all: &[SocketAddr], prefix: &str| {
        let others = all.iter().enumerate().filter(|(other, _)| *other != index);
        list(others.map(|(_, address)| text(format!("{prefix}{address}"))))
    };
    Table::from_iter([
        ("name".into(), text(format!("validator-{index}"))),
        ("home".into(), text(".")),
        ("genesis".into(), text("../genesis.json")),
        ("key".into(), text("key")),
        ("listen".into(), text(doors.consensus[index])),
        ("api".into(), text(doors.api[index])),
        ("public_api".into(), Value::Boolean(true)),
        ("peers".into(), others(&doors.consensus, "")),
        ("api_peers".into(), others(&doors.api, "http://")),
        ("gossip".into(), text(gossip)),
    ])
}

/// `peer.toml` of a peer whose model is small: what it learns is not what is looked at here.
fn peer_table(index: usize, plan: &Plan, genesis: &Genesis, doors: &Doors) -> Table {
    let number = |number: usize| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let model = Table::from_iter([
        ("width".into(), number(16)),
        ("heads".into(), number(2)),
        ("context".into(), number(16)),
        ("out_dim".into(), number(16)),
    ]);
    Table::from_iter([
        ("name".into(), text(format!("peer-{index}"))),
        ("home".into(), text(".")),
        ("hot_key".into(), text("hot.key")),
        ("listen".into(), text(doors.peers[index])),
        ("endpoint".into(), text(format!("https://{}", doors.peers[index]))),
        ("node_urls".into(), list(doors.urls(index).into_iter().map(text))),
        ("chain".into(), text(genesis.chain_id())),
        ("private_addresses".into(), Value::Boolean(true)),
        ("text".into(), list([text("../text.md")])),
        ("share".into(), list([number(index), number(plan.peers)])),
        ("seed".into(), Value::Integer(plan.seed.cast_signed())),
        ("control".into(), Value::Boolean(false)),
        ("model".into(), Value::Table(model)),
    ])
}

fn task(plan: &Plan, kind: &str, site: Site, index: usize) -> Task {
    let name = format!("{kind}-{index}");
    let folder = plan.home.join(&name);
    let (command, file) =
        if kind == "peer" { ("peer", "peer.toml") } else { ("node", "node.toml") };
    Task {
        program: plan.program.clone(),
        arguments: vec![
            command.into(),
            "--config".into(),
            folder.join(file).display().to_string(),
            "--supervised".into(),
            std::process::id().to_string(),
        ],
        address: plan.address(site, index),
        more: None,
        log: folder.join("log"),
        ground: plan.ground,
        name,
    }
}

/// The program `muster` beside this one.
///
/// # Errors
/// [`SiegeError::Wrong`] where it is not there.
pub fn program() -> Result<PathBuf, SiegeError> {
    let here = std::env::current_exe().map_err(SiegeError::system("cannot find this program"))?;
    let program = here.parent().unwrap_or(Path::new(".")).join("muster");
    let missing = || {
        let shown = program.display();
        SiegeError::Wrong(format!("{shown} is not there: build it, or run `cargo xtask siege`"))
    };
    if program.is_file() { Ok(program.clone()) } else { Err(missing()) }
}
