//! Ports and configuration files of the processes of a market, written anew at every start.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use muster_peer::Behaviour;

use super::home::{Home, PEER_PORT, Part};
use super::ports::Ports;
use crate::wallet::write_whole;

/// The port of the first validator's HTTP interface.
const API_PORT: u16 = 7700;
/// The port of the first validator's consensus.
const CONSENSUS_PORT: u16 = 27_700;

/// Where everything listens.
pub struct Addresses {
    /// HTTP of each validator.
    pub api: Vec<SocketAddr>,
    /// Consensus of each validator.
    pub consensus: Vec<SocketAddr>,
    /// Each peer.
    pub peers: Vec<SocketAddr>,
}

impl Addresses {
    /// Finds free ports for all processes of a market.
    pub fn find(home: &Home, ports: &mut Ports) -> Result<Self> {
        let take = |ports: &mut Ports, first: u16, names: &[String], what: &str| {
            let wanted = first..;
            names
                .iter()
                .zip(wanted)
                .map(|(name, port)| ports.take(port, &format!("{name}{what}")))
                .collect::<Result<Vec<_>>>()
        };
        let validators = home.validators();
        let peers = home.peers.iter().map(|peer| peer.name.clone()).collect::<Vec<_>>();
        Ok(Self {
            api: take(ports, API_PORT, &validators, "'s API")?,
            consensus: take(ports, CONSENSUS_PORT, &validators, "'s consensus")?,
            peers: take(ports, PEER_PORT, &peers, "")?,
        })
    }

    /// The URLs of all validators' HTTP interfaces.
    pub fn urls(&self) -> Vec<String> {
        self.api.iter().map(|address| format!("http://{address}")).collect()
    }
}

/// Writes the configuration of every process.
pub fn write(home: &Home, addresses: &Addresses, parts: &[Part]) -> Result<()> {
    for (index, name) in home.validators().iter().enumerate() {
        let table = node(home, addresses, index);
        let file = home.folder(name).join("node.toml");
        write_whole(&file, toml::to_string(&table)?.as_bytes())?;
    }
    for (index, peer) in home.peers.iter().enumerate() {
        let table = peer_table(home, addresses, index, &parts[index])?;
        let file = home.folder(&peer.name).join("peer.toml");
        write_whole(&file, toml::to_string(&table)?.as_bytes())?;
    }
    Ok(())
}

fn path(path: &Path) -> toml::Value {
    toml::Value::String(path.to_string_lossy().into_owned())
}

fn list(texts: impl IntoIterator<Item = String>) -> toml::Value {
    toml::Value::Array(texts.into_iter().map(toml::Value::String).collect())
}

/// `node.toml` of a validator.
fn node(home: &Home, addresses: &Addresses, index: usize) -> toml::Table {
    let name = format!("validator-{index}");
    let others = |all: &[SocketAddr], prefix: &str| {
        let others = all.iter().enumerate().filter(|(other, _)| *other != index);
        list(others.map(|(_, address)| format!("{prefix}{address}")))
    };
    let folder = home.folder(&name);
    let mut table = toml::Table::from_iter([
        ("name".into(), toml::Value::String(name)),
        ("home".into(), path(&folder)),
        ("genesis".into(), path(&home.path.join("genesis.json"))),
        ("key".into(), path(&folder.join("key"))),
        ("listen".into(), toml::Value::String(addresses.consensus[index].to_string())),
        ("api".into(), toml::Value::String(addresses.api[index].to_string())),
        ("peers".into(), others(&addresses.consensus, "")),
        ("api_peers".into(), others(&addresses.api, "http://")),
    ]);
    if !home.scenario.validators_present {
        table.insert("presence_cores".into(), toml::Value::Float(0.0));
    }
    table
}

/// `peer.toml` of a peer.
fn peer_table(
    home: &Home,
    addresses: &Addresses,
    index: usize,
    part: &Part,
) -> Result<toml::Table> {
    let peer = &home.peers[index];
    let folder = home.folder(&peer.name);
    let address = addresses.peers[index];
    let place = [part.index, part.of].map(|number| i64::try_from(number).map(toml::Value::Integer));
    let place = place.into_iter().collect::<Result<Vec<_>, _>>()?;
    // Each peer asks another node first.
    let mut urls = addresses.urls();
    let first = index % urls.len();
    urls.rotate_left(first);
    // Members of a cabal know each other.
    let everybody = home.peers.iter().zip(&home.genesis.peers);
    let cabal = everybody.filter(|(other, _)| {
        peer.behaviour == Behaviour::Cabal && other.behaviour == Behaviour::Cabal
    });
    let fellows = list(cabal.map(|(_, entry)| entry.hot.to_string()));
    Ok(toml::Table::from_iter([
        ("name".into(), toml::Value::String(peer.name.clone())),
        ("home".into(), path(&folder)),
        ("hot_key".into(), path(&folder.join("hot.key"))),
        ("listen".into(), toml::Value::String(address.to_string())),
        ("endpoint".into(), toml::Value::String(format!("https://{address}"))),
        ("node_urls".into(), list(urls)),
        ("chain".into(), toml::Value::String(home.genesis.chain_id().to_string())),
        // All of a trial's peers are on one machine.
        ("private_addresses".into(), toml::Value::Boolean(true)),
        ("behaviour".into(), toml::Value::String(peer.behaviour.name().into())),
        ("fellows".into(), fellows),
        ("power".into(), toml::Value::Integer(peer.power.into())),
        ("text".into(), toml::Value::Array(vec![path(&part.path)])),
        ("share".into(), toml::Value::Array(place)),
        ("seed".into(), toml::Value::Integer(home.seed().cast_signed())),
        ("control".into(), toml::Value::Boolean(home.scenario.control)),
    ]))
}
