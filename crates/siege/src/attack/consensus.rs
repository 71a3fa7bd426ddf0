//! What strangers do at the consensus port: nodes with fresh keys, which speak the protocol through
//! the same engine and publish parts of proposals that nobody announced.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use malachitebft_app_channel::app::engine::host::SyncedValueOutcome;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::{AppMsg, NetworkMsg};
use malachitebft_core_types::Round;
use muster_chain::consensus::context::{
    Address, Announcement, Height, MusterContext, Part, ValidatorSet,
};
use muster_chain::consensus::parts::{PART_BYTES, Pieces};
use muster_chain::consensus::signing::ValidatorSigner;
use muster_ledger::crypto::hash;
use muster_node::consensus::{EngineSettings, EngineStopper, start};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use super::scene::Scene;
use super::wire;
use crate::error::SiegeError;
use crate::market::Role;

/// How many strangers connect to the consensus port.
const STRANGERS: u64 = 4;
/// Length of most pieces, bytes.
const SMALL: usize = 1_000;
/// One in so many pieces is as long as they come.
const LARGE_EVERY: u64 = 64;
/// Rounds beyond the present one for which some parts are.
const FAR: u32 = 60;
/// Messages that are sent in one go.
const BURST: u64 = 10;
/// How long a stranger stays under one name.
const LIFE: Duration = Duration::from_secs(5);
/// How often the height is asked for.
const HEIGHT_INTERVAL: Duration = Duration::from_millis(300);
/// Parts of honest proposals that are remembered, to be sent again with other pieces.
const OVERHEARD: usize = 4;

/// What all strangers know.
struct Common {
    height: AtomicU64,
    committee: ValidatorSet,
    /// The last honest parts.
    overheard: Mutex<Vec<Part>>,
}

/// Nodes that are no members, at the first validator's door. Each comes again and again, with
/// another key, and every connection from another address: whoever was sent away cannot be told
/// from the next.
pub async fn parts(scene: &Scene, tasks: &mut JoinSet<()>) -> Result<(), SiegeError> {
    let common = Arc::new(Common {
        height: AtomicU64::new(0),
        committee: ValidatorSet::new(scene.orders.committee.iter().copied()),
        overheard: Mutex::default(),
    });
    for index in 0..STRANGERS {
        let road = road(scene, tasks, index).await?;
        let mut life = begin(scene, &common, road, index).await?;
        let (scene, common) = (scene.clone(), common.clone());
        tasks.spawn(async move {
            for number in (index + STRANGERS..).step_by(STRANGERS as usize) {
                publish(&scene, &common, index, life).await;
                life = match begin(&scene, &common, road, number).await {
                    Ok(life) => life,
                    Err(error) => return eprintln!("a stranger does not come again: {error}"),
                };
            }
        });
    }
    follow(scene, common, tasks);
    Ok(())
}

/// A stranger while it is connected under one name.
struct Life {
    network: Sender<NetworkMsg<MusterContext>>,
    signer: ValidatorSigner,
    stopper: EngineStopper,
}

/// The way to the first validator: whoever connects here is connected there, each time from another
/// address.
async fn road(
    scene: &Scene,
    tasks: &mut JoinSet<()>,
    index: u64,
) -> Result<SocketAddr, SiegeError> {
    let fault = SiegeError::system("cannot listen on loopback");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::ports::free_ports(1)[0])).await;
    let listener = listener.map_err(fault)?;
    let road = listener.local_addr().map_err(SiegeError::system("a listener has no address"))?;
    let orders = scene.orders.clone();
    tasks.spawn(async move {
        for number in (50_000 + index..).step_by(STRANGERS as usize) {
            let Ok((mut near, _)) = listener.accept().await else { return };
            let from = orders.stranger(number);
            let to = orders.consensus[0];
            tokio::spawn(async move {
                // Either side may end it at any time.
                if let Ok(mut far) = wire::connect(from, to).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    Ok(road)
}

/// Connects under the name of that number.
async fn begin(
    scene: &Scene,
    common: &Arc<Common>,
    road: SocketAddr,
    number: u64,
) -> Result<Life, SiegeError> {
    let orders = &scene.orders;
    let index = number % STRANGERS;
    let home = orders.home.join(format!("consensus-{number}"));
    let fault = SiegeError::system(format!("cannot make {}", home.display()));
    std::fs::create_dir_all(&home).map_err(fault)?;
    let settings = EngineSettings {
        name: format!("stranger-{index}"),
        chain: orders.chain,
        listen: (orders.address, crate::ports::free_ports(1)[0]).into(),
        peers: vec![road.to_string()],
        wal: home.join("wal"),
        gossip: orders.gossip,
        block_bytes_max: 4 << 20,
        block_time: Duration::from_secs(1),
    };
    let key = Arc::new(orders.key(Role::Stranger, 100 + number));
    let engine = start(&settings, key, None).await;
    let engine = engine.map_err(|error| SiegeError::Wrong(error.to_string()))?;
    let (mut channels, signer, _, stopper) = engine.split();
    let heard = common.clone();
    let network = channels.network.clone();
    // It ends with the engine.
    tokio::spawn(async move {
        while let Some(message) = channels.consensus.recv().await {
            answer(message, &heard);
        }
    });
    Ok(Life { network, signer, stopper })
}

/// Publishes for the length of a life.
async fn publish(scene: &Scene, common: &Common, index: u64, life: Life) {
    let mut beat = scene.beat(scene.rate / (STRANGERS * BURST) as f64);
    let end = tokio::time::Instant::now() + LIFE;
    while tokio::time::Instant::now() < end {
        let turn = beat.next().await;
        for number in turn * BURST..(turn + 1) * BURST {
            let part = common.part(&life.signer, index, number);
            let name = [index.to_be_bytes(), number.to_be_bytes()].concat();
            let sequence = u64::from(part.index);
            let content = StreamContent::Data(part);
            let message = StreamMessage::new(StreamId::new(name.into()), sequence, content);
            let sent = life.network.send(NetworkMsg::PublishProposalPart(message)).await;
            scene.tally.did(1);
            if sent.is_err() {
                scene.tally.was_cut(1);
            }
        }
    }
    life.stopper.stop().await;
}

/// Keeps the height.
fn follow(scene: &Scene, common: Arc<Common>, tasks: &mut JoinSet<()>) {
    let scene = scene.clone();
    tasks.spawn(async move {
        loop {
            common.height.fetch_max(scene.height().await, Ordering::Relaxed);
            tokio::time::sleep(HEIGHT_INTERVAL).await;
        }
    });
}

/// Knows nothing, wants nothing, listens to parts.
fn answer(message: AppMsg<MusterContext>, common: &Common) {
    match message {
        AppMsg::ReceivedProposalPart { part, reply, .. } => {
            if let StreamContent::Data(part) = part.content
                && common.committee.contains(&part.announcement.proposer.0)
            {
                let mut heard = common.overheard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.truncate(OVERHEARD - 1);
                heard.insert(0, part);
            }
            let _ = reply.send(None);
        }
        AppMsg::ProcessSyncedValue { reply, .. } => {
            let _ = reply.send(SyncedValueOutcome::LocalTransientError);
        }
        // Who is not answered waits: this node takes part in nothing.
        _ => {}
    }
}

impl Common {
    /// In its own name; in that of the proposer; for a round that never comes; with what the
    /// proposer signed to another piece.
    fn part(&self, signer: &ValidatorSigner, stranger: u64, number: u64) -> Part {
        let next = self.height.load(Ordering::Relaxed) + 1;
        let length = if number.is_multiple_of(LARGE_EVERY) { PART_BYTES } else { SMALL };
        let piece = junk(length, stranger, number);
        let overheard = self.overheard.lock().unwrap_or_else(PoisonError::into_inner);
        if let (3, Some(honest)) = (number % 4, overheard.get(number as usize / 4 % OVERHEARD)) {
            return Part {
                piece: piece.slice(..piece.len().min(honest.piece.len())),
                ..honest.clone()
            };
        }
        drop(overheard);
        let pieces = Pieces::of(piece);
        let (round, proposer) = match number % 4 {
            0 => (0, Address(signer.public())),
            1 => (FAR, self.committee.proposer(next, FAR).address),
            _ => (0, self.committee.proposer(next, 0).address),
        };
        let mut announcement = announcement(next, round, proposer, &pieces);
        if proposer == Address(signer.public()) {
            signer.sign_announcement(&mut announcement);
        }
        pieces.parts(&announcement).next().expect("no piece is empty")
    }
}

fn junk(bytes: usize, stranger: u64, number: u64) -> Bytes {
    let seed = hash("junk", &[&stranger.to_le_bytes(), &number.to_le_bytes()]).0;
    seed.iter().copied().cycle().take(bytes).collect()
}

fn announcement(height: u64, round: u32, proposer: Address, pieces: &Pieces) -> Announcement {
    let block = hash("junk block", &[pieces.block()]);
    pieces.announcement(Height(height), Round::new(round), proposer, block)
}
