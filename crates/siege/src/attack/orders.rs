//! What attackers are told.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey};
use muster_node::Gossip;
use serde::{Deserialize, Serialize};

use crate::market::{Market, Plan, Role, Site, key};

/// One kind of attack. The first validator is the one that is attacked where one is enough; what
/// the others hear of it they hear from it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Attack {
    /// Four strangers publish parts of proposals: so many messages a second, all together.
    Parts,
    /// So many HTTP connections that say nothing.
    Idle,
    /// So many readers of the largest answers who read nothing.
    Readers,
    /// So many streams of events, of which half are never read.
    Streams,
    /// So many requests whose bodies never come.
    Bodies,
    /// So many dear questions a second, each from another address.
    Questions,
    /// So many batches a second of 1,000 transactions with wrong signatures.
    Signatures,
    /// So many batches a second of large transactions behind gaps, with high tips.
    Gaps,
    /// So many batches a second of 1,024 transactions that promise one balance again and again.
    Promises,
    /// So many batches a second of 250 solutions of a presence round, of which none solves it.
    Solutions,
    /// So many proposals a second to change some parameter.
    Proposals,
    /// So many connections to each peer, with and without a key.
    Connections,
    /// So many requests to each peer of which only the announced length ever comes.
    Announcements,
    /// So many requests a second to each peer, by a registered key without stake, that it is to
    /// keep for a gradient.
    Keeps,
    /// So many payments a second, each handed in with four continuations at once.
    Payments,
}

impl Attack {
    /// The name on the command line and in tables.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
    }

    /// The rate unless another is said.
    pub fn usual_rate(self) -> f64 {
        match self {
            Self::Parts | Self::Idle => 1_000.0,
            Self::Readers => 50.0,
            Self::Streams => 200.0,
            Self::Bodies => 100.0,
            Self::Questions => 100.0,
            Self::Signatures | Self::Solutions => 4.0,
            Self::Gaps | Self::Promises => 1.0,
            Self::Proposals => 1.0,
            Self::Connections => 64.0,
            Self::Announcements => 64.0,
            Self::Keeps => 20.0,
            Self::Payments => 0.2,
        }
    }

    /// What the rate counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Parts => "messages/s",
            Self::Idle | Self::Readers | Self::Streams | Self::Bodies => "at once",
            Self::Connections | Self::Announcements => "at once and peer",
            Self::Questions => "questions/s",
            Self::Signatures | Self::Gaps | Self::Promises | Self::Solutions => "batches/s",
            Self::Proposals => "transactions/s",
            Self::Keeps => "requests/s and peer",
            Self::Payments => "payments/s",
        }
    }
}

/// Everything that attackers know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// Of all keys.
    pub seed: u64,
    /// The chain.
    pub chain: Hash,
    /// The committee's keys.
    pub committee: Vec<PublicKey>,
    /// HTTP of each validator; the first is attacked.
    pub api: Vec<SocketAddr>,
    /// Consensus of each validator; the first is attacked.
    pub consensus: Vec<SocketAddr>,
    /// Key and door of each peer.
    pub peers: Vec<(PublicKey, SocketAddr)>,
    /// What is attacked, and how much.
    pub rates: BTreeMap<Attack, f64>,
    /// How consensus messages travel there.
    pub gossip: Gossip,
    /// The first address of the strangers, who have a /16.
    pub address: Ipv4Addr,
    /// A folder of their own.
    pub home: PathBuf,
    /// Where the counts are written.
    pub tallies: PathBuf,
}

impl Orders {
    /// Orders to attack a market.
    pub fn new(market: &Market, rates: BTreeMap<Attack, f64>) -> Self {
        let Plan { seed, gossip, home, .. } = &market.plan;
        let home = home.join("strangers");
        let hot = |index: usize| key(*seed, Role::Hot, index as u64).public();
        Self {
            seed: *seed,
            chain: market.genesis.chain_id(),
            committee: market.genesis.validators.iter().map(|validator| validator.key).collect(),
            api: market.doors.api.clone(),
            consensus: market.doors.consensus.clone(),
            peers: (market.doors.peers.iter().enumerate())
                .map(|(index, door)| (hot(index), *door))
                .collect(),
            rates,
            gossip: *gossip,
            address: market.plan.address(Site::Strangers, 0),
            tallies: home.join("tallies.json"),
            home,
        }
    }

    /// A stranger's address: any number of them, over and over.
    pub fn stranger(&self, index: u64) -> Ipv4Addr {
        let [a, b, _, _] = self.address.octets();
        // Neither the network's own address nor that of all.
        let host = u16::try_from(index % 65_000 + 2).unwrap_or(2).to_be_bytes();
        Ipv4Addr::new(a, b, host[0], host[1])
    }

    /// A key of the strangers'.
    pub fn key(&self, role: Role, index: u64) -> SecretKey {
        key(self.seed, role, index)
    }

    /// The URL of the first validator.
    pub fn url(&self) -> String {
        format!("http://{}", self.api[0])
    }
}
