//! A node of a Muster network: consensus, storage, mempool, HTTP API, embedded dashboard.
//!
//! It never sees a tensor: what peers learn is between them, the ledger knows weights and money.
//!
//! What it agrees on and keeps is `muster-chain`'s; here it is run, and [`http`] is the one place
//! that knows HTTP.

pub mod audit;
pub mod config;
pub mod consensus;
pub mod error;
pub mod gossip;
pub mod http;
pub mod join;
pub mod launch;
pub mod presence;
pub mod telemetry;

use std::fs;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use audit::{Audit, audit};
pub use config::{Gossip, NodeConfig, UnknownGossip};
pub use error::NodeError;
use muster_chain::ChainError;
use muster_chain::chain::Chain;
use muster_chain::consensus::signing::{ChainVerifier, ValidatorSigner};
use muster_chain::consensus::{Equivocations, Host};
use muster_chain::mempool::{Mempool, MempoolLimits};
use muster_chain::metrics::Metrics;
use muster_chain::snapshots::Snapshots;
use muster_chain::store::Store;
use muster_chain::upkeep::Upkeep;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::genesis::Genesis;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use consensus::{Application, EngineSettings};
use http::listen::Door;
use http::tls::TlsFiles;
use http::{Api, ApiParts, Proxies, limits};

/// Threads that speak HTTP.
const HTTP_THREADS: usize = 2;
/// Threads that read the disk and check signatures for it.
const HTTP_BLOCKING_THREADS: usize = 8;

/// How long one part's end waits for the other's, which may be its cause: both come at once, but
/// on a machine that is very busy.
const VERDICT: Duration = Duration::from_secs(30);

/// Runs a node until `shutdown` resolves.
///
/// # Errors
/// One sentence that says what is wrong and what to do. What was decided is never lost.
pub fn run<'a>(config: NodeConfig, shutdown: impl Future<Output = ()> + Send + 'a) -> Running<'a> {
    boxed(config, Box::pin(shutdown))
}

/// The life of a node, boxed where it is written: as a plain future it would be compiled again,
/// engine and all, in every program that runs one.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), NodeError>> + Send + 'a>>;

type Shutdown<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

fn boxed<'a>(config: NodeConfig, shutdown: Shutdown<'a>) -> Running<'a> {
    Box::pin(live(config, shutdown))
}

async fn live(mut config: NodeConfig, shutdown: Shutdown<'_>) -> Result<(), NodeError> {
    let (genesis, key) = prepare(&mut config)?;
    let door = open_door(&config)?;
    let cache = (config.cache_mib as usize) << 20;
    let (store, opened) = Store::open(&config.database(), cache, &genesis, &key.public())?;
    let store = Arc::new(store);
    let mempool = Arc::new(Mempool::new(MempoolLimits::default(), opened.state.clone()));
    let metrics = Arc::new(Metrics::default());
    let equivocations: Equivocations = Arc::new(Mutex::new(Vec::new()));
    let settings = engine_settings(&config, &genesis, opened.state.parameters());
    tracing::info!(
        name = config.name,
        chain = %settings.chain,
        height = opened.state.height().0,
        state_root = %opened.header.state_root,
        "opened"
    );
    let (mut chain, tip) = Chain::new(
        store.clone(),
        mempool.clone(),
        metrics.clone(),
        key.public(),
        config.protocol_version_max,
        opened.header,
        opened.state,
    )?;
    let snapshots = Snapshots::open(config.snapshots(), &settings.chain);
    let snapshots = Arc::new(snapshots.map_err(|error| unusable(&config, &error))?);
    let marks = chain.mark(config.snapshot_blocks);
    let signer = ValidatorSigner::new(settings.chain, key.clone());
    let verifier = ChainVerifier { chain: settings.chain };
    let host = Host::new(chain, signer, verifier, metrics.clone(), equivocations.clone());
    let engine = consensus::start(&settings, key.clone(), Some(host.inlet())).await?;
    // Only now: a node that cannot start leaves nobody behind who holds its database.
    let upkeep = Upkeep {
        store: store.clone(),
        tip: tip.clone(),
        marks,
        snapshots: snapshots.clone(),
        keep_blocks: config.keep_blocks,
    };
    upkeep.start().map_err(NodeError::Thread)?;
    let (application, mut stopper) = Application::new(engine, host, metrics.clone());
    let application = spawn_application(application);

    let parts = ApiParts {
        name: config.name.clone(),
        genesis,
        tip,
        store,
        snapshots,
        mempool,
        metrics,
        gossip: gossip::Gossip::start(&config.api_peers, config.forward_hops),
        equivocations,
        connections_max: door.connections_max,
    };
    let _present = keep_present(&config, &key, settings.chain, &parts);
    let (stop_http, stopped) = watch::channel(false);
    let server = serve_api(door, parts, stopped)?;
    tracing::info!(api = %config.api, consensus = %config.listen, "listening");

    let result = until_end(shutdown, stopper.ended(), application).await;
    tracing::info!("shutting down");
    let _ = stop_http.send(true);
    stopper.stop().await;
    // First the connections, then what they had begun to read; both have this long.
    let _ = tokio::time::timeout(3 * limits::DRAIN, server).await;
    result
}

/// Reads what the configuration names, and makes the home.
fn prepare(config: &mut NodeConfig) -> Result<(Genesis, Arc<SecretKey>), NodeError> {
    // Whoever is first in the process installs the provider; that another was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.resolve(&std::env::current_dir().unwrap_or_default());
    config.validate()?;
    let (genesis, key) = (config.read_genesis()?, config.read_key()?);
    fs::create_dir_all(&config.home).map_err(|error| unusable(config, &error))?;
    Ok((genesis, Arc::new(key)))
}

/// That the home cannot be used, for the reason that the system gave.
fn unusable(config: &NodeConfig, reason: &std::io::Error) -> NodeError {
    NodeError::Home { path: config.home.clone(), reason: reason.to_string() }
}

/// What became of the application: gone without a word where its thread panicked.
type Verdict = Result<Result<(), ChainError>, oneshot::error::RecvError>;

/// Waits until the node is told to end, or one of its parts has ended. Of the two parts each ends
/// because the other did, in any order: the reason is that of the one which failed.
async fn until_end(
    shutdown: impl Future<Output = ()>,
    engine: impl Future<Output = String>,
    mut application: oneshot::Receiver<Result<(), ChainError>>,
) -> Result<(), NodeError> {
    let mut engine = std::pin::pin!(engine);
    tokio::select! {
        () = shutdown => Ok(()),
        reason = &mut engine => {
            // An application that still works has nothing to do with it.
            let verdict = tokio::time::timeout(VERDICT, application).await;
            Err(cause(reason, verdict.unwrap_or(Ok(Ok(())))))
        }
        verdict = &mut application => {
            let reason = tokio::time::timeout(VERDICT, engine).await;
            Err(cause(reason.unwrap_or_else(|_| "it sends nothing any more".to_string()), verdict))
        }
    }
}

/// An application ends well only because the engine ended.
fn cause(engine: String, application: Verdict) -> NodeError {
    match application {
        Ok(Err(error)) => error.into(),
        Ok(Ok(())) => NodeError::EngineStopped(engine),
        Err(_) => NodeError::EngineStopped("the application failed".to_string()),
    }
}

/// Takes the API's port, and reads what it is served with.
fn open_door(config: &NodeConfig) -> Result<Door, NodeError> {
    let descriptors = muster_files::raise_open_files_max();
    let connections_max = limits::connections_max(descriptors);
    tracing::info!(
        descriptors,
        connections_max,
        "for HTTP; the rest is for consensus and the disk"
    );
    let address = config.api;
    let refused = |reason| NodeError::Listen { what: "the API", address, reason };
    Ok(Door {
        tls: config.tls.as_ref().map(TlsFiles::acceptor).transpose()?,
        listener: http::listen::bind(address).map_err(refused)?,
        proxies: Proxies::new(&config.api_proxies),
        connections_max,
    })
}

fn engine_settings(
    config: &NodeConfig,
    genesis: &Genesis,
    parameters: &muster_ledger::parameters::Parameters,
) -> EngineSettings {
    EngineSettings {
        name: config.name.clone(),
        chain: genesis.chain_id(),
        listen: config.listen,
        peers: config.peers.clone(),
        wal: config.wal(),
        gossip: config.gossip,
        block_bytes_max: usize::try_from(parameters.block_bytes_max).unwrap_or(usize::MAX),
        block_time: Duration::from_millis(parameters.block_time_ms),
    }
}

/// Runs the application on a thread of its own: it executes blocks and waits for the disk.
fn spawn_application(application: Application) -> oneshot::Receiver<Result<(), ChainError>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("application".to_string())
        .spawn(move || {
            // Nobody waits for the result when the node is shut down.
            let _ = sender.send(application.run());
        })
        .expect("the system gives a thread at start");
    receiver
}

/// Takes part in presence rounds until what is returned is dropped.
fn keep_present(
    config: &NodeConfig,
    key: &SecretKey,
    chain: Hash,
    parts: &ApiParts,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if config.presence_cores > 0.0 {
        let own = presence::Own {
            chain,
            tip: parts.tip.clone(),
            mempool: parts.mempool.clone(),
            gossip: parts.gossip.clone(),
        };
        tasks.spawn(presence::keep_present(own, key.clone(), config.presence_cores));
    }
    tasks
}

/// Serves the API until `stopped` says so.
fn serve_api(
    door: Door,
    parts: ApiParts,
    stopped: watch::Receiver<bool>,
) -> Result<oneshot::Receiver<()>, NodeError> {
    let api = Api::new(parts);
    spawn_http(http::listen::serve(door, api.guard(), http::router(api), stopped))
}

/// Runs an HTTP server on threads of its own: whatever strangers make it do, those of consensus
/// are free. The answer comes when it has ended.
fn spawn_http(
    serving: impl Future<Output = std::io::Result<()>> + Send + 'static,
) -> Result<oneshot::Receiver<()>, NodeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(HTTP_THREADS)
        .max_blocking_threads(HTTP_BLOCKING_THREADS)
        .thread_name("http")
        .enable_all()
        .build()
        .map_err(NodeError::Serve)?;
    let (sender, receiver) = oneshot::channel();
    let serve = move || {
        if let Err(error) = runtime.block_on(serving) {
            tracing::error!(%error, "the HTTP server failed");
        }
        // What reads the disk now must not read it after the store is closed.
        runtime.shutdown_timeout(limits::DRAIN);
        let _ = sender.send(());
    };
    let thread = std::thread::Builder::new().name("http".to_string());
    thread.spawn(serve).map_err(NodeError::Serve)?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use muster_chain::store::StoreError;

    use super::*;

    fn full() -> ChainError {
        StoreError::NoSpace { path: "ledger.redb".into() }.into()
    }

    /// What a node ends with whose parts end after so many milliseconds, in these ways.
    async fn ending(
        engine_ms: u64,
        application_ms: u64,
        verdict: Option<Result<(), ChainError>>,
    ) -> String {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(application_ms)).await;
            if let Some(verdict) = verdict {
                sender.send(verdict).expect("somebody waits");
            }
        });
        let engine = async {
            tokio::time::sleep(Duration::from_millis(engine_ms)).await;
            "an actor failed".to_string()
        };
        let ended = until_end(std::future::pending(), engine, receiver).await;
        ended.expect_err("a part ended").to_string()
    }

    #[tokio::test]
    async fn the_cause_is_named_whichever_part_ends_first() {
        for (engine_ms, application_ms) in [(0, 30), (30, 0), (0, 0)] {
            let text = ending(engine_ms, application_ms, Some(Err(full()))).await;
            assert!(text.contains("no space left"), "{text}");
            let text = ending(engine_ms, application_ms, Some(Ok(()))).await;
            assert!(text.contains("an actor failed"), "{text}");
            let text = ending(engine_ms, application_ms, None).await;
            assert!(text.contains("the application failed"), "{text}");
        }
    }
}
