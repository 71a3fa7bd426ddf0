//! Joining a chain from a snapshot of its state, instead of executing it from its beginning.
//!
//! Nothing is believed: committees are followed from the genesis, the snapshot's header is checked
//! by the committee's certificate, its outline by the header's state root, and each chunk by the
//! outline, before it is kept. Whoever gives something else is named and asked no more. Chunks
//! that were fetched stay beside the database until it is whole, under the hash over their
//! entries: joining that was cut short goes on with them, also from a later snapshot. The database
//! appears under its name when it is whole, or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use muster_api::light::{Followed, FollowedChange};
use muster_api::snapshot::FollowedSnapshot;
use muster_api::{Client, ClientError, FollowError};
use muster_files::Readers;
use muster_ledger::crypto::Hash;
use muster_ledger::genesis::Genesis;
use muster_ledger::light::Follower;
use muster_ledger::snapshot::{Place, SnapshotError, places};
use muster_ledger::state::{Key, State, StateError, Value};
use muster_ledger::vote::Certificate;

use crate::config::NodeConfig;
use crate::error::NodeError;
use muster_chain::consensus::StoredCertificate;
use muster_chain::consensus::context::{Address, EngineSignature};
use muster_chain::snapshots::unpack;
use muster_chain::store::{Beginning, CommitteeChange, Decided, Store, StoreError};

/// Chunks that one node is asked for at once.
const PARALLEL: usize = 4;
/// How often a node is asked again that does not answer.
const TRIES: usize = 4;
/// How often a node is asked again that has too much to do.
const PATIENCE: usize = 60;
/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a home was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The block after which the state is that of the snapshot.
    pub height: u64,
    /// Entries of the state.
    pub entries: usize,
    /// Chunks of the snapshot.
    pub chunks: usize,
    /// Bytes of chunks that were fetched now; others were there.
    pub fetched: u64,
}

/// Why a home cannot be made from a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is a database already.
    #[error(
        "{path} is there already: the node goes on from it; move it away to join anew, never \
         while the node runs"
    )]
    Taken {
        /// The database.
        path: PathBuf,
    },
    /// A URL cannot be used.
    #[error(transparent)]
    Url(ClientError),
    /// Nobody gives what follows from the genesis.
    #[error("no node that was named gives a snapshot that can be used ({reasons})")]
    Nothing {
        /// What each said.
        reasons: String,
    },
    /// Whoever gave it ended before it was whole.
    #[error(
        "{missing} of {chunks} chunks of the snapshot of block {height} are missing, and no node \
         is left that gives them ({reasons}): name other nodes, or try again later; what was \
         fetched is kept"
    )]
    Missing {
        /// The snapshot.
        height: u64,
        /// How many are missing.
        missing: usize,
        /// Of how many.
        chunks: usize,
        /// Why no node is left.
        reasons: String,
    },
    /// The state is proved, and is none for this program.
    #[error(
        "the state of block {height} is none that this program knows ({reason}): install the \
         program that the network runs"
    )]
    State {
        /// The snapshot.
        height: u64,
        /// What is wrong.
        reason: StateError,
    },
    /// A chunk on disk is not what was written.
    #[error("a chunk in {path} is damaged: {reason}; run it again to fetch it again")]
    Damaged {
        /// Where it was.
        path: PathBuf,
        /// What is wrong.
        reason: SnapshotError,
    },
    /// The disk does not take what was fetched.
    #[error("{path} cannot be written: {reason}; what was fetched is kept")]
    Disk {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The configuration or the files that it names.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A node that is asked.
struct Source {
    url: String,
    client: Client,
    /// Why it is asked no more.
    fault: Mutex<Option<String>>,
}

impl Source {
    fn is_good(&self) -> bool {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn give_up(&self, reason: &dyn ToString) {
        let reason = reason.to_string();
        tracing::warn!(url = self.url, reason, "this node is asked no more");
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
    }
}

fn reasons(sources: &[Source]) -> String {
    let of = |source: &Source| {
        let fault = source.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = fault.as_deref().unwrap_or("it gives none");
        format!("{}: {reason}", source.url)
    };
    sources.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// A snapshot that follows from the genesis, with those who give it.
struct Offer {
    snapshot: FollowedSnapshot,
    places: Vec<Place>,
    /// Indices of sources.
    sources: BTreeSet<usize>,
}

impl Offer {
    fn height(&self) -> u64 {
        self.snapshot.block.header.height.0
    }
}

/// Makes the database of a node that has none from the newest snapshot that these nodes give.
///
/// # Errors
/// [`JoinError`]; there is no database then.
pub async fn join(mut config: NodeConfig, urls: &[String]) -> Result<Joined, JoinError> {
    config.resolve(&std::env::current_dir().unwrap_or_default());
    config.validate()?;
    let genesis = config.read_genesis()?;
    let validator = config.read_key()?.public();
    let (path, folder) = (config.database(), config.home.join("joining"));
    if path.exists() {
        return Err(JoinError::Taken { path });
    }
    let client = |url: &String| Client::new(vec![url.clone()]).map_err(JoinError::Url);
    let source = |url: &String| {
        Ok(Source { url: url.clone(), client: client(url)?, fault: Mutex::default() })
    };
    let sources = urls.iter().map(source).collect::<Result<Vec<_>, JoinError>>()?;
    let disk = |reason| JoinError::Disk { path: folder.clone(), reason };
    fs::create_dir_all(&folder).map_err(disk)?;

    let mut failure = None;
    for offer in offers(&sources, &genesis).await {
        tracing::info!(
            height = offer.height(),
            chunks = offer.places.len(),
            nodes = offer.sources.len(),
            "fetching a snapshot"
        );
        match fetch(&sources, &offer, &folder).await? {
            Fetched::All { bytes } => {
                let (height, chunks) = (offer.height(), offer.places.len());
                let cache = (config.cache_mib as usize) << 20;
                let state = assemble(&offer, &folder)?;
                let entries = state.len();
                let beginning = beginning(offer.snapshot, state);
                let part = path.with_extension("part");
                // One that a crash left behind.
                remove(&part).map_err(disk)?;
                Store::begin_at(&part, cache, &genesis, &validator, &beginning)?;
                muster_files::rename(&part, &path).map_err(disk)?;
                fs::remove_dir_all(&folder).map_err(disk)?;
                return Ok(Joined { height, entries, chunks, fetched: bytes });
            }
            Fetched::Some { missing } => {
                let (height, chunks) = (offer.height(), offer.places.len());
                failure.get_or_insert((height, missing, chunks));
            }
        }
    }
    let reasons = reasons(&sources);
    Err(match failure {
        Some((height, missing, chunks)) => JoinError::Missing { height, missing, chunks, reasons },
        None => JoinError::Nothing { reasons },
    })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What the sources give that follows from the genesis: the newest first, and of the same height
/// what most of them give.
async fn offers(sources: &[Source], genesis: &Genesis) -> Vec<Offer> {
    let Ok(follower) = Follower::new(genesis) else { return Vec::new() };
    let mut offers: Vec<Offer> = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let found = match given(source, &follower).await {
            Ok(found) => found,
            Err(error) => {
                source.give_up(&error);
                continue;
            }
        };
        for (snapshot, places) in found {
            let same = |offer: &&mut Offer| {
                offer.snapshot.block.header == snapshot.block.header && offer.places == places
            };
            match offers.iter_mut().find(same) {
                Some(offer) => drop(offer.sources.insert(index)),
                None => offers.push(Offer { snapshot, places, sources: [index].into() }),
            }
        }
    }
    offers.sort_by_key(|offer| std::cmp::Reverse((offer.height(), offer.sources.len())));
    offers
}

/// Why a source is not used.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// The snapshots of one source, checked.
async fn given(
    source: &Source,
    follower: &Follower,
) -> Result<Vec<(FollowedSnapshot, Vec<Place>)>, Fault> {
    let listed = source.client.snapshots().await.map_err(FollowError::from)?.snapshots;
    let mut found = Vec::new();
    // As many as a node keeps; whoever lists more is asked for no more.
    for summary in listed.iter().take(2) {
        let snapshot = source.client.follow_snapshot(follower.clone(), summary.height).await?;
        let places = places(&snapshot.outline, &snapshot.block.header.state_root)?;
        found.push((snapshot, places));
    }
    Ok(found)
}

/// What became of fetching.
enum Fetched {
    All { bytes: u64 },
    Some { missing: usize },
}

/// Fetches the chunks of a snapshot that are not there, until there are all, or nobody is left who
/// gives them.
async fn fetch(sources: &[Source], offer: &Offer, folder: &Path) -> Result<Fetched, JoinError> {
    let missing = |number: &usize| kept(folder, &offer.places[*number]).is_none();
    let mut waiting: Vec<usize> = (0..offer.places.len()).filter(missing).collect();
    let mut bytes = 0;
    while !waiting.is_empty() {
        let givers: Vec<&Source> = offer
            .sources
            .iter()
            .map(|index| &sources[*index])
            .filter(|source| source.is_good())
            .collect();
        if givers.is_empty() {
            return Ok(Fetched::Some { missing: waiting.len() });
        }
        let queue = Mutex::new(waiting);
        let worker = |source| fetch_some(source, offer, folder, &queue);
        let workers = givers.iter().flat_map(|source| [*source; PARALLEL]).map(worker);
        for fetched in join_all(workers).await {
            bytes += fetched?;
        }
        // What was taken by one that failed is still missing.
        waiting = (0..offer.places.len()).filter(missing).collect();
    }
    Ok(Fetched::All { bytes })
}

/// The entries of a chunk that was fetched before; `None` where it is not there, or not whole.
fn kept(folder: &Path, place: &Place) -> Option<Vec<(Key, Value)>> {
    let body = fs::read(folder.join(place.name().to_string())).ok()?;
    place.open(&body).ok()
}

/// Fetches chunks of a queue from one source, as long as it gives them; how many bytes it gave.
async fn fetch_some(
    source: &Source,
    offer: &Offer,
    folder: &Path,
    queue: &Mutex<Vec<usize>>,
) -> Result<u64, JoinError> {
    let mut bytes = 0;
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
    while source.is_good()
        && let Some(number) = next()
    {
        let packed = match ask(source, offer.height(), number).await {
            Ok(packed) => packed,
            Err(error) => {
                source.give_up(&error);
                break;
            }
        };
        let place = &offer.places[number];
        let body = unpack(&packed).map_err(|error| error.to_string());
        let opened = body.and_then(|body| match place.open(&body) {
            Ok(_) => Ok(body),
            Err(error) => Err(error.to_string()),
        });
        match opened {
            Ok(body) => {
                let path = folder.join(place.name().to_string());
                let written = muster_files::replace(&path, &body, Readers::Everyone);
                written.map_err(|reason| JoinError::Disk { path, reason })?;
                bytes += packed.len() as u64;
            }
            Err(reason) => source.give_up(&format!("it gave a wrong chunk {number}: {reason}")),
        }
    }
    Ok(bytes)
}

/// A chunk, asked for again where a node does not answer or has too much to do.
async fn ask(source: &Source, height: u64, number: usize) -> Result<Vec<u8>, ClientError> {
    let (mut tries, mut patience) = (TRIES, PATIENCE);
    loop {
        let error = match source.client.snapshot_chunk(height, number).await {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error,
        };
        let left = match error.status() {
            Some(429 | 503) => &mut patience,
            Some(_) => return Err(error),
            None => &mut tries,
        };
        *left -= 1;
        if *left == 0 {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The state that all chunks are together.
fn assemble(offer: &Offer, folder: &Path) -> Result<State, JoinError> {
    let mut entries = Vec::new();
    for place in &offer.places {
        let path = folder.join(place.name().to_string());
        let body =
            fs::read(&path).map_err(|reason| JoinError::Disk { path: path.clone(), reason })?;
        let opened = place.open(&body);
        entries.extend(opened.map_err(|reason| JoinError::Damaged { path, reason })?);
    }
    let height = offer.height();
    State::from_entries(entries.into_iter()).map_err(|reason| JoinError::State { height, reason })
}

fn beginning(snapshot: FollowedSnapshot, state: State) -> Beginning {
    let change = |change: FollowedChange| CommitteeChange {
        decided: decided(change.block),
        next: change.next,
    };
    let changes = snapshot.changes.into_iter().map(change).collect();
    Beginning { decided: decided(snapshot.block), state, changes }
}

/// A block of which the header and the certificate are known, and no more.
fn decided(block: Followed) -> Decided {
    let Followed { header, certificate, committee } = block;
    let Certificate { height, round, block: hash, signatures } = certificate;
    let signatures = signatures.into_iter();
    let certificate = StoredCertificate {
        height: height.0,
        round,
        block: hash,
        signatures: signatures
            .map(|(key, signature)| (Address(key), EngineSignature(signature)))
            .collect(),
    };
    let hash: Hash = header.hash();
    let committee = committee.len() as u64;
    Decided { header, hash, certificate, bytes: 0, transactions: 0, committee }
}
