//! Starts the engine with our types and limits.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use malachitebft_app_channel::app::config::{
    ConsensusConfig, DiscoveryConfig, NodeConfig as EngineConfig, P2pConfig, ProtocolNames,
    PubSubMaxSizePerTopic, PubSubProtocol, ValuePayload, ValueSyncConfig,
};
use malachitebft_app_channel::app::engine::network::NetworkIdentity;
use malachitebft_app_channel::app::metrics::SharedRegistry;
use malachitebft_app_channel::app::net::Multiaddr;
use malachitebft_app_channel::app::types::Keypair;
use malachitebft_app_channel::app::wal::Log;
use malachitebft_app_channel::spawn::spawn_network_actor;
use malachitebft_app_channel::{
    Channels, ConsensusContext, ConsensusRequest, EngineBuilder, EngineHandle, NetworkRequest,
    RequestContext, SyncContext, WalContext,
};
use malachitebft_codec::Codec;
use malachitebft_signing::Signer;
use muster_chain::consensus::codec::EngineCodec;
use muster_chain::consensus::context::{Address, MusterContext};
use muster_chain::consensus::parts::part_bytes_max;
use muster_chain::consensus::signing::{ChainVerifier, ValidatorSigner};
use muster_chain::consensus::{Inlet, log};
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash};
use tokio::sync::mpsc::Sender;

use super::doorkeeper::Doorkeeper;
use crate::config::Gossip;
use crate::error::NodeError;

/// What the engine is told.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// A name for people.
    pub name: String,
    /// The chain: nodes of other chains do not understand this one.
    pub chain: Hash,
    /// Where to listen.
    pub listen: SocketAddr,
    /// `host:port` of the other validators.
    pub peers: Vec<String>,
    /// Where the engine's log lives.
    pub wal: PathBuf,
    /// How messages travel.
    pub gossip: Gossip,
    /// Longest encoded block, bytes: bounds what sync answers.
    pub block_bytes_max: usize,
    /// Target time of a block: sync looks around that often.
    pub block_time: Duration,
}

#[derive(Clone)]
struct Config {
    name: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl EngineConfig for Config {
    fn moniker(&self) -> &str {
        &self.name
    }

    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }

    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }

    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }

    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

/// A running engine.
pub struct Engine {
    channels: Channels<MusterContext>,
    signer: ValidatorSigner,
    verifier: ChainVerifier,
    handle: EngineHandle,
}

/// How often the engine is asked whether it still works.
const WATCH_INTERVAL: Duration = Duration::from_secs(30);
/// How long it may take to answer. Blocks that take longer to execute are beyond all limits.
const WATCH_PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait for a quorum before consensus begins all the same.
const QUORUM_PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait for the others once there is a quorum.
const STRAGGLER_PATIENCE: Duration = Duration::from_millis(300);
/// How often to look who is there.
const MEET_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until the others of the committee have connected and proved their keys: all of them, or
/// after a while a quorum, or after a longer while whoever is there. What is published before
/// reaches nobody, and nobody asks for it again before a round has timed out. Blocks; for a thread
/// of its own.
pub fn meet(requests: &Sender<NetworkRequest>, own: &PublicKey, committee: &[PublicKey]) {
    let others = || committee.iter().filter(|key| *key != own);
    let all = others().count();
    // Two thirds of all and one more, of whom this node is one.
    let quorum = committee.len() * 2 / 3;
    let began = Instant::now();
    let mut quorum_since = None;
    loop {
        let dump = futures::executor::block_on(NetworkRequest::dump_state(requests));
        let Ok(Some(dump)) = dump else { return };
        let proved = |key: &&PublicKey| {
            let is = |bytes: &Vec<u8>| bytes.as_slice() == key.0.as_slice();
            dump.peers.values().any(|peer| peer.consensus_public_key.as_ref().is_some_and(is))
        };
        let met = others().filter(proved).count();
        if met >= quorum && quorum_since.is_none() {
            quorum_since = Some(Instant::now());
        }
        let patient = match quorum_since {
            Some(since) => since.elapsed() < STRAGGLER_PATIENCE,
            None => began.elapsed() < QUORUM_PATIENCE,
        };
        if met == all || !patient {
            tracing::info!(met, of = all, elapsed = ?began.elapsed(), "other validators are here");
            return;
        }
        std::thread::sleep(MEET_INTERVAL);
    }
}

/// Watches and ends the engine.
pub struct EngineStopper {
    handle: EngineHandle,
    requests: Sender<ConsensusRequest<MusterContext>>,
}

impl EngineStopper {
    /// Waits until the engine has ended by itself, or no longer answers: when it cannot write its
    /// log it stops working without ending, because it must not sign what it cannot remember.
    pub async fn ended(&mut self) -> String {
        loop {
            tokio::select! {
                ended = &mut self.handle.handle => return match ended {
                    Ok(()) => "one of its parts failed, the log says which".to_string(),
                    Err(error) => error.to_string(),
                },
                () = tokio::time::sleep(WATCH_INTERVAL) => {}
            }
            let question = ConsensusRequest::dump_state(&self.requests);
            match tokio::time::timeout(WATCH_PATIENCE, question).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error.to_string(),
                Err(_) => {
                    return "it does not answer any more (is the disk full?), the log says why"
                        .to_string();
                }
            }
        }
    }

    /// Ends it and waits for that.
    pub async fn stop(self) {
        self.handle.actor.stop(Some("the node is shut down".to_string()));
        // One that ended by itself was waited for already, which can be done only once.
        if !self.handle.handle.is_finished() {
            // An engine that does not end in time has nothing left to lose: its log is on disk.
            let _ = tokio::time::timeout(Duration::from_secs(3), self.handle.handle).await;
        }
    }
}

impl Engine {
    /// Separates what the application works with from what ends the engine.
    #[must_use]
    pub fn split(self) -> (Channels<MusterContext>, ValidatorSigner, ChainVerifier, EngineStopper) {
        let requests = self.channels.requests.clone();
        let stopper = EngineStopper { handle: self.handle, requests };
        (self.channels, self.signer, self.verifier, stopper)
    }
}

/// Turns `host:port` into a network address.
fn multiaddr(address: &str) -> Option<Multiaddr> {
    let (host, port) = address.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let text = match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => format!("/ip4/{ip}/tcp/{port}"),
        Ok(std::net::IpAddr::V6(ip)) => format!("/ip6/{ip}/tcp/{port}"),
        Err(_) => format!("/dns/{host}/tcp/{port}"),
    };
    text.parse().ok()
}

fn protocol_names(chain: &Hash) -> ProtocolNames {
    let prefix = format!("/muster/{}", hex::encode(&chain.0[..8]));
    ProtocolNames {
        consensus: format!("{prefix}/consensus/1"),
        discovery_kad: format!("{prefix}/discovery/kad/1"),
        discovery_regres: format!("{prefix}/discovery/reqres/1"),
        sync: format!("{prefix}/sync/1"),
        validator_proof: format!("{prefix}/validator-proof/1"),
    }
}

fn p2p(settings: &EngineSettings) -> Result<P2pConfig, NodeError> {
    let peers = settings
        .peers
        .iter()
        .map(|peer| {
            multiaddr(peer).ok_or_else(|| NodeError::Setting {
                field: "peers",
                value: peer.clone(),
                reason: "it must be host:port".to_string(),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let listen = multiaddr(&settings.listen.to_string()).expect("a socket address has both parts");
    let mut discovery = DiscoveryConfig::default();
    if settings.listen.ip().is_loopback() {
        // On one machine all nodes share an address; elsewhere the limits protect.
        discovery.max_connections_per_ip = 1_024;
        discovery.ip_throttle_duration = Duration::ZERO;
    }
    Ok(P2pConfig {
        listen_addr: listen,
        persistent_peers: peers,
        discovery,
        protocol: match settings.gossip {
            Gossip::Broadcast => PubSubProtocol::Broadcast,
            Gossip::Relay => PubSubProtocol::default(),
        },
        pubsub_max_size: ByteSize::kib(512),
        pubsub_max_size_per_topic: PubSubMaxSizePerTopic {
            consensus: Some(ByteSize::kib(256)),
            proposal_parts: Some(ByteSize::b(part_bytes_max(BLOCK_BYTES_LIMIT) as u64)),
            liveness: Some(ByteSize::kib(256)),
        },
        rpc_max_size: ByteSize::b(sync_bytes_max(settings)),
        protocol_names: protocol_names(&settings.chain),
        ..P2pConfig::default()
    })
}

/// The longest that blocks can be made by vote, bytes.
const BLOCK_BYTES_LIMIT: usize = 64 << 20;

/// Longest answer of the sync protocol: two of the longest blocks with their certificates.
fn sync_bytes_max(settings: &EngineSettings) -> u64 {
    (2 * settings.block_bytes_max as u64 + (1 << 20)).max(10 << 20)
}

fn engine_config(settings: &EngineSettings) -> Result<Config, NodeError> {
    let interval = settings.block_time.clamp(Duration::from_millis(200), Duration::from_secs(5));
    Ok(Config {
        name: settings.name.clone(),
        consensus: ConsensusConfig {
            enabled: true,
            value_payload: ValuePayload::ProposalAndParts,
            p2p: p2p(settings)?,
            ..ConsensusConfig::default()
        },
        sync: ValueSyncConfig {
            status_update_interval: interval,
            max_response_size: ByteSize::b(sync_bytes_max(settings) - (1 << 16)),
            parallel_requests: 2,
            // What others ask for is read on the thread that executes blocks: one answer of at
            // most two blocks' length or five blocks at a time, so that a question of our own
            // engine waits for one reading at most.
            max_concurrent_inbound_requests: 1,
            max_inbound_requests_per_window: 300,
            ..ValueSyncConfig::default()
        },
    })
}

/// Cuts off what a stop left unwritten or unfinished in the engine's log, if there is one.
fn mend_log(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(mut log) => log::mend(&mut log)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    log::finish_reset(&mut Log::open(path)?)
}

/// Starts the engine. The node's network identity is derived from the validator's key, and proves
/// to others that it belongs to it. Parts of proposals go to the inlet; without one they come with
/// the engine's questions.
///
/// # Errors
/// [`NodeError::Setting`], [`NodeError::Listen`], [`NodeError::Engine`].
pub async fn start(
    settings: &EngineSettings,
    key: Arc<SecretKey>,
    inlet: Option<Arc<Inlet>>,
) -> Result<Engine, NodeError> {
    let fault = |reason: &dyn ToString| NodeError::Engine(reason.to_string());
    // The engine reports a taken port only in its log: ask first.
    std::net::TcpListener::bind(settings.listen).map_err(|reason| NodeError::Listen {
        what: "consensus",
        address: settings.listen,
        reason,
    })?;
    mend_log(&settings.wal).map_err(|error| fault(&error))?;
    let config = engine_config(settings)?;
    let signer = ValidatorSigner::new(settings.chain, key.clone());
    let verifier = ChainVerifier { chain: settings.chain };
    let public = signer.public();
    let seed = hash("network-identity", &[key.seed().as_slice()]);
    let keypair = Keypair::ed25519_from_bytes(seed.0).map_err(|error| fault(&error))?;
    let peer_id = keypair.public().to_peer_id().to_bytes();
    let proof = signer
        .sign_validator_proof(public.0.to_vec(), peer_id)
        .await
        .map_err(|error| fault(&error))?;
    let codec = EngineCodec::default();
    let proof = codec.encode(&proof).map_err(|error| fault(&error))?;
    let identity =
        NetworkIdentity::new_validator(settings.name.clone(), keypair, public.to_string(), proof);
    let consensus = ConsensusContext::new_validator(
        Address(public),
        Box::new(verifier),
        Box::new(signer.clone()),
    );
    let codec_with_inlet = EngineCodec { inlet: inlet.clone() };
    let registry = SharedRegistry::global().with_moniker(config.moniker());
    let (network, to_network) = spawn_network_actor(
        identity,
        config.consensus(),
        config.value_sync(),
        &registry,
        codec_with_inlet,
    )
    .await
    .map_err(|error| fault(&format!("{error:#}")))?;
    if let Some(inlet) = inlet {
        let begun = Doorkeeper::begin(network.clone(), inlet, settings.gossip).await;
        begun.map_err(|error| fault(&error))?;
    }
    let (channels, handle) = EngineBuilder::new(MusterContext, config)
        .with_default_wal(WalContext::new(settings.wal.clone(), codec.clone()))
        .with_custom_network(network, to_network)
        .with_default_sync(SyncContext::new(codec))
        .with_default_consensus(consensus)
        .with_default_request(RequestContext::new(100))
        .build()
        .await
        .map_err(|error| fault(&format!("{error:#}")))?;
    Ok(Engine { channels, signer, verifier, handle })
}

#[cfg(test)]
mod tests {
    use muster_ledger::parameters::FIELDS;

    use super::{BLOCK_BYTES_LIMIT, multiaddr};

    #[test]
    fn no_vote_makes_blocks_longer_than_their_parts_allow() {
        let field = FIELDS.iter().find(|field| field.name == "block_bytes_max");
        assert_eq!(field.expect("a parameter").max, BLOCK_BYTES_LIMIT as u64);
    }

    #[test]
    fn addresses() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(multiaddr(text).map(|address| address.to_string()).as_deref(), expected);
        };
        check("127.0.0.1:27700", Some("/ip4/127.0.0.1/tcp/27700"));
        check("[::1]:1", Some("/ip6/::1/tcp/1"));
        check("example.org:80", Some("/dns/example.org/tcp/80"));
        check("example.org", None);
        check("example.org:70000", None);
        check("a/b:1", None);
    }
}
