//! A whole peer: configuration, connections, model, and dealings with the ledger.

use crate::config::{ConfigError, PeerConfig};
use crate::duties::Clerk;
use crate::exchange::identity::{Identity, IdentityError};
use crate::exchange::limits::Limits;
use crate::exchange::listen::{ListenError, serve};
use crate::exchange::shared::{Exchange, Offer};
use crate::ledger::pin::{PinError, PinnedChain};
use crate::ledger::refresh::keep_fresh;
use crate::ledger::report::keep_reporting;
use crate::model::own::{WorkerError, WorkerSettings};
use crate::model::progress::Progress;
use crate::model::worker::work;
use crate::presence::keep_present;
use crate::sale::till::Till;
use muster_api::{Client, ClientError};
use muster_keys::{KeyFileError, read_key};
use muster_learning::{Learner, LearnerError};
use muster_ledger::crypto::hash;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Longest text that is continued, in bytes.
const ASK_TEXT_MAX: usize = 16_384;
/// Longest continuation that is sold, in bytes.
const ASK_BYTES_MAX: usize = 256;

/// Why a peer cannot run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of the hot key, or of the one that pays, cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The hot key cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The node URLs cannot be used.
    #[error(transparent)]
    Ledger(#[from] ClientError),
    /// The chain cannot be pinned.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another with `listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Serving failed.
    #[error(transparent)]
    Serve(#[from] ListenError),
    /// The home cannot be used.
    #[error("{}: {source}", .path.display())]
    Home {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The checkpoint belongs to another model, or is damaged.
    #[error("{}: {source}; move it away to start afresh", .path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: LearnerError,
    },
    /// The learner refuses the configuration.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The model's thread failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The model's thread could not be started, or died.
    #[error("the model's thread died: {0}")]
    Thread(String),
}

/// Runs a peer until `shutdown`; then writes its checkpoint.
///
/// # Errors
/// [`PeerError`]. A ledger that cannot be reached is no error: the peer goes on learning.
pub fn run(
    config: PeerConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Running<'static> {
    boxed(config, Box::pin(shutdown))
}

/// The life of a peer, boxed where it is written: as a plain future it would be compiled again,
/// engine and all, in every program that runs one.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), PeerError>> + Send + 'a>>;

type Shutdown<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

fn boxed(config: PeerConfig, shutdown: Shutdown<'static>) -> Running<'static> {
    Box::pin(live(config, shutdown))
}

async fn live(config: PeerConfig, shutdown: Shutdown<'static>) -> Result<(), PeerError> {
    config.validate()?;
    // Connections of others, our own to them and to nodes: more than most systems give unasked.
    let descriptors = muster_files::raise_open_files_max();
    std::fs::create_dir_all(&config.home)
        .map_err(|source| PeerError::Home { path: config.home.clone(), source })?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| PeerError::Listen { address: config.listen, source })?;
    let ledger = Client::new(config.node_urls.clone())?;
    let pin = PinnedChain::new(ledger.clone(), config.chain, &config.home)?;
    let exchange = Arc::new(exchange(&config, &ledger)?);
    let burn_key = config.burn_key.as_deref().map(read_key).transpose()?;
    let learner = learner(&config, &exchange)?;
    tracing::info!(
        name = config.name,
        address = %exchange.identity.public(),
        listen = %config.listen,
        behaviour = ?config.behaviour,
        steps = learner.steps(),
        descriptors,
        "peer started"
    );
    let progress = Arc::new(Mutex::new(Progress { steps: learner.steps(), ..Progress::default() }));
    let mut model = model_thread(&config, &exchange, learner, progress.clone())?;
    let mut tasks = JoinSet::new();
    tasks.spawn(keep_fresh(exchange.clone(), ledger.clone(), pin));
    tasks.spawn(Clerk::new(exchange.clone(), ledger.clone(), &config, burn_key).work());
    let part = config.behaviour.part(config.power);
    tasks.spawn(keep_present(exchange.clone(), ledger.clone(), part, config.presence_cores));
    let every = Duration::from_secs(config.report_seconds);
    tasks.spawn(keep_reporting(exchange.clone(), ledger, progress, every));
    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(serve(listener, exchange.clone(), async move {
        let _ = stopped.await;
    }));
    let early = tokio::select! {
        () = shutdown => None,
        ended = &mut model => Some(thread_end(ended)),
        served = &mut serving => Some(match served {
            Ok(served) => served.map_err(PeerError::from),
            Err(error) => Err(PeerError::Thread(error.to_string())),
        }),
    };
    tasks.abort_all();
    exchange.inbox.close();
    let _ = stop.send(());
    match early {
        None => thread_end(model.await),
        Some(result) => result,
    }
}

fn thread_end(
    ended: Result<Result<(), WorkerError>, oneshot::error::RecvError>,
) -> Result<(), PeerError> {
    match ended {
        Ok(result) => Ok(result?),
        Err(_) => Err(PeerError::Thread("see the lines above".into())),
    }
}

fn exchange(config: &PeerConfig, ledger: &Client) -> Result<Exchange, PeerError> {
    let identity = Identity::from_seed(*read_key(&config.hot_key)?.seed())?;
    let offer = Offer {
        name: config.name.clone(),
        context: config.model.context,
        width: config.model.out_dim,
        // What the learner accepts of others.
        batch_max: config.model.batch.saturating_mul(4),
        price_per_byte: config.price_per_byte,
        ask_text_max: ASK_TEXT_MAX,
        ask_bytes_max: ASK_BYTES_MAX,
    };
    let till = Till::new(config.price_per_byte, Some(ledger.clone()));
    let limits = Limits { private_addresses: config.private_addresses, ..Limits::default() };
    Ok(Exchange::new(identity, limits, offer, till))
}

/// The learner, from its checkpoint where there is one.
fn learner(config: &PeerConfig, exchange: &Exchange) -> Result<Learner, PeerError> {
    // Peers of one market share a seed; each learns from its own.
    let own = hash("learner seed", &[&config.seed.to_le_bytes(), &exchange.identity.public().0]);
    let mut seed = [0; 8];
    seed.copy_from_slice(&own.0[..8]);
    let seed = u64::from_le_bytes(seed);
    let corpus = config.read_corpus()?;
    let (model, training) = (config.model_config(), config.training_config());
    let path = checkpoint_path(config);
    match std::fs::read(&path) {
        Ok(bytes) => Learner::from_checkpoint(model, training, corpus, seed, &bytes)
            .map_err(|source| PeerError::Checkpoint { path, source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Learner::new(model, training, corpus, seed)?)
        }
        Err(source) => Err(PeerError::Home { path, source }),
    }
}

fn checkpoint_path(config: &PeerConfig) -> PathBuf {
    config.home.join("checkpoint.safetensors")
}

/// Starts the model's thread; what it ends with arrives here.
fn model_thread(
    config: &PeerConfig,
    exchange: &Arc<Exchange>,
    learner: Learner,
    progress: Arc<Mutex<Progress>>,
) -> Result<oneshot::Receiver<Result<(), WorkerError>>, PeerError> {
    let settings = WorkerSettings {
        checkpoint: checkpoint_path(config),
        checkpoint_steps: config.checkpoint_steps,
        evaluation_every: Duration::from_secs(config.evaluation_seconds),
        self_loop: config.self_loop,
    };
    let conduct = config.behaviour.conduct(&config.fellows);
    let runtime = tokio::runtime::Handle::current();
    let exchange = exchange.clone();
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("model".into())
        .spawn(move || {
            let _ = ended.send(work(exchange, runtime, learner, conduct, settings, progress));
        })
        .map_err(|error| PeerError::Thread(error.to_string()))?;
    Ok(end)
}
