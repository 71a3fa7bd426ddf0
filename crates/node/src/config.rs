//! What a node is told: `node.toml`, the key, the genesis.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs};

use muster_ledger::crypto::SecretKey;
use muster_ledger::genesis::Genesis;
use muster_ledger::protocol::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::NodeError;
use crate::http::limits::STREAM_BLOCKS_MAX;
use crate::http::tls::TlsFiles;

/// Longest genesis file that is read, bytes.
const GENESIS_BYTES_MAX: u64 = 256 << 20;

/// The fewest blocks that a node keeps: as far back as streams of events begin.
pub const KEEP_BLOCKS_MIN: u64 = STREAM_BLOCKS_MAX;

/// The fewest blocks from one snapshot to the next.
pub const SNAPSHOT_BLOCKS_MIN: u64 = 100;

/// How consensus messages travel between validators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gossip {
    /// Each message goes to every connected node and no further: fastest where all validators are
    /// connected to each other, useless where they are not.
    Broadcast,
    /// Messages are relayed (gossipsub): works as long as the network is connected.
    #[default]
    Relay,
}

impl fmt::Display for Gossip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Broadcast => "broadcast",
            Self::Relay => "relay",
        })
    }
}

impl FromStr for Gossip {
    type Err = UnknownGossip;

    fn from_str(text: &str) -> Result<Self, UnknownGossip> {
        let mut all = [Self::Broadcast, Self::Relay].into_iter();
        all.find(|gossip| gossip.to_string() == text).ok_or(UnknownGossip)
    }
}

/// Another word than the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it must be `broadcast` or `relay`")]
pub struct UnknownGossip;

/// The configuration of a node. Relative paths are relative to the file that it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// A name for people.
    pub name: String,
    /// Where the database and the consensus log live.
    pub home: PathBuf,
    /// The genesis (JSON).
    pub genesis: PathBuf,
    /// The validator's key: 64 hexadecimal digits, readable by its owner only.
    pub key: PathBuf,
    /// Where consensus listens.
    pub listen: SocketAddr,
    /// Where the HTTP API listens.
    pub api: SocketAddr,
    /// `host:port` of other validators' consensus.
    #[serde(default)]
    pub peers: Vec<String>,
    /// URLs of other nodes' APIs: transactions are forwarded to them.
    #[serde(default)]
    pub api_peers: Vec<String>,
    /// Whether the API may listen on an address that is not loopback. A public API belongs on a
    /// node that does not validate.
    #[serde(default)]
    pub public_api: bool,
    /// Addresses of reverse proxies in front of the API: what they write into `X-Forwarded-For`
    /// says who asks.
    #[serde(default)]
    pub api_proxies: Vec<IpAddr>,
    /// How consensus messages travel.
    #[serde(default)]
    pub gossip: Gossip,
    /// How many times a transaction is passed on from node to node. 1 does where `api_peers` names
    /// all nodes.
    #[serde(default = "one")]
    pub forward_hops: u8,
    /// Memory for the database's cache, MiB.
    #[serde(default = "cache_mib")]
    pub cache_mib: u32,
    /// How many of the newest blocks are kept with their receipts and events, at least 1,000; all
    /// unless said. The state, and what proves it, does not depend on older ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_blocks: Option<u64>,
    /// A snapshot of the state is made at each block whose height is a multiple of this, at least
    /// 100, for those who join; 0 for none. Blocks since the older of the two that are kept are
    /// never removed.
    #[serde(default = "snapshot_blocks")]
    pub snapshot_blocks: u64,
    /// Part of one core that presence rounds may take while the node's key is in the committee, in
    /// [0, 1]; 0: it takes part in none.
    #[serde(default = "presence_cores")]
    pub presence_cores: f64,
    /// The newest protocol version that this node goes along with; where the chain switches to a
    /// later one, it stops. Unless said, the newest that the program knows.
    #[serde(default = "newest")]
    pub protocol_version_max: Version,
    /// Serves the API over TLS, with this certificate and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
}

fn one() -> u8 {
    1
}

fn newest() -> Version {
    Version::NEWEST
}

fn snapshot_blocks() -> u64 {
    5_000
}

fn presence_cores() -> f64 {
    0.1
}

fn cache_mib() -> u32 {
    16
}

impl NodeConfig {
    /// Reads `path` and resolves the paths in it.
    ///
    /// # Errors
    /// [`NodeError::Configuration`] with line and field.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let fault = |reason: String| NodeError::Configuration { path: path.to_path_buf(), reason };
        let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| fault(error.to_string().trim().to_string()))?;
        config.resolve(path.parent().unwrap_or(Path::new(".")));
        Ok(config)
    }

    /// Makes relative paths relative to `base`.
    pub fn resolve(&mut self, base: &Path) {
        let tls = self.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        for path in [&mut self.home, &mut self.genesis, &mut self.key].into_iter().chain(tls) {
            if path.is_relative() {
                *path = base.join(&*path);
            }
        }
    }

    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.home.join("ledger.redb")
    }

    /// Where the snapshots are that this node gives to others.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.home.join("snapshots")
    }

    /// Where the consensus engine keeps its log.
    #[must_use]
    pub fn wal(&self) -> PathBuf {
        self.home.join("consensus.wal").join("wal")
    }

    /// Checks what can be checked without touching anything.
    ///
    /// # Errors
    /// [`NodeError::Setting`].
    pub fn validate(&self) -> Result<(), NodeError> {
        let setting = |field, value: &dyn ToString, reason: &str| NodeError::Setting {
            field,
            value: value.to_string(),
            reason: reason.to_string(),
        };
        if self.name.is_empty() || self.name.len() > 64 {
            return Err(setting("name", &self.name, "it must have 1 to 64 bytes"));
        }
        if !self.public_api && !self.api.ip().is_loopback() {
            let reason = "others could reach the API there; set public_api = true if they should";
            return Err(setting("api", &self.api, reason));
        }
        if !(4..=65_536).contains(&self.cache_mib) {
            return Err(setting("cache_mib", &self.cache_mib, "it must be from 4 to 65536"));
        }
        if !(0.0..=1.0).contains(&self.presence_cores) {
            let reason = "it must be between 0 and 1, a part of one core";
            return Err(setting("presence_cores", &self.presence_cores, reason));
        }
        if let Some(blocks) = self.keep_blocks.filter(|blocks| *blocks < KEEP_BLOCKS_MIN) {
            let reason = format!("it must be at least {KEEP_BLOCKS_MIN}, or left out to keep all");
            return Err(setting("keep_blocks", &blocks, &reason));
        }
        if (1..SNAPSHOT_BLOCKS_MIN).contains(&self.snapshot_blocks) {
            let reason =
                format!("it must be 0 for no snapshots, or at least {SNAPSHOT_BLOCKS_MIN}");
            return Err(setting("snapshot_blocks", &self.snapshot_blocks, &reason));
        }
        Ok(())
    }

    /// Reads and checks the genesis.
    ///
    /// # Errors
    /// [`NodeError::GenesisFile`] and [`NodeError::Genesis`].
    pub fn read_genesis(&self) -> Result<Genesis, NodeError> {
        let path = self.genesis.clone();
        let fault = |reason: String| NodeError::GenesisFile { path: path.clone(), reason };
        let length = fs::metadata(&path).map_err(|error| fault(error.to_string()))?.len();
        if length > GENESIS_BYTES_MAX {
            return Err(fault(format!(
                "it has {length} bytes, at most {GENESIS_BYTES_MAX} are read"
            )));
        }
        let bytes = fs::read(&path).map_err(|error| fault(error.to_string()))?;
        let genesis: Genesis =
            serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
        genesis.validate().map_err(|reason| NodeError::Genesis { path, reason })?;
        Ok(genesis)
    }

    /// Reads the validator's key.
    ///
    /// # Errors
    /// [`NodeError::Key`].
    pub fn read_key(&self) -> Result<SecretKey, NodeError> {
        Ok(muster_keys::read_key(&self.key)?)
    }
}
