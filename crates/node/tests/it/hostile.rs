//! A node that wishes the others ill, in a process of its own: it speaks their protocol through the
//! same engine, but has no ledger, never votes, and sends whatever may hurt. This test does nothing
//! unless told to be one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use malachitebft_app_channel::app::engine::host::SyncedValueOutcome;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::{AppMsg, NetworkMsg};
use malachitebft_core_types::Round;
use muster_api::Client;
use muster_chain::consensus::context::{
    Address, Announcement, Height, MusterContext, Origin, Part, ValidatorSet,
};
use muster_chain::consensus::parts::{PART_BYTES, Pieces};
use muster_chain::consensus::signing::ValidatorSigner;
use muster_ledger::crypto::{PublicKey, SecretKey, hash};
use muster_node::Gossip;
use muster_node::consensus::{EngineSettings, start};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

/// The variable that makes this binary a hostile node.
pub const HOSTILE: &str = "MUSTER_TEST_HOSTILE";
/// Rounds beyond the present one that a member announces blocks for.
const FAR: u32 = 60;
/// Between messages: the machine is shared with those that are to withstand it.
const PAUSE: Duration = Duration::from_millis(20);

/// What a hostile node is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Orders {
    pub seed: [u8; 32],
    pub chain: [u8; 32],
    /// Every key of the committee.
    pub committee: Vec<[u8; 32]>,
    pub listen: std::net::SocketAddr,
    pub peers: Vec<String>,
    pub gossip: Gossip,
    /// Where to ask for the height.
    pub url: String,
    pub home: PathBuf,
    /// Where it writes how many messages it has sent.
    pub sent: PathBuf,
}

#[test]
fn node() {
    let Some(orders) = std::env::var_os(HOSTILE) else { return };
    let orders = std::fs::read(Path::new(&orders)).expect("the orders are there");
    let orders: Orders = serde_json::from_slice(&orders).expect("they can be read");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(orders));
}

/// What it has seen of the honest: their last parts.
type Seen = Arc<Mutex<Vec<Part>>>;

async fn run(orders: Orders) {
    // Another part of the process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = SecretKey::from_seed(orders.seed);
    let settings = EngineSettings {
        name: "hostile".to_string(),
        chain: muster_ledger::crypto::Hash(orders.chain),
        listen: orders.listen,
        peers: orders.peers.clone(),
        wal: orders.home.join("wal"),
        gossip: orders.gossip,
        block_bytes_max: 4 << 20,
        block_time: Duration::from_secs(1),
    };
    let engine = start(&settings, Arc::new(key.clone()), None).await.expect("it starts");
    let (mut channels, signer, _, _stopper) = engine.split();
    let seen: Seen = Arc::default();
    let network = channels.network.clone();
    let overheard = seen.clone();
    tokio::spawn(async move {
        while let Some(message) = channels.consensus.recv().await {
            answer(message, &overheard);
        }
    });
    let committee = ValidatorSet::new(orders.committee.iter().map(|key| PublicKey(*key)));
    let is_member = committee.contains(&key.public());
    let client = Client::new(vec![orders.url.clone()]).expect("a client");
    let mut sender = Outlet { network, sent: 0, log: orders.sent.clone() };
    loop {
        // Asking may fail while the node is busy or not there yet.
        let Ok(status) = client.status().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let next = status.height + 1;
        let parts = if is_member {
            of_a_member(&signer, &committee, next, sender.sent)
        } else {
            of_a_stranger(&signer, &committee, next, sender.sent, &seen)
        };
        for part in parts {
            sender.send(part).await;
        }
    }
}

/// Knows nothing, wants nothing, listens to parts.
fn answer(message: AppMsg<MusterContext>, seen: &Seen) {
    match message {
        AppMsg::ReceivedProposalPart { part, reply, .. } => {
            if let StreamContent::Data(part) = part.content {
                let mut seen = seen.lock().expect("nobody panics with it");
                seen.truncate(3);
                seen.insert(0, part);
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

struct Outlet {
    network: Sender<NetworkMsg<MusterContext>>,
    sent: u64,
    log: PathBuf,
}

impl Outlet {
    async fn send(&mut self, part: Part) {
        let name = StreamId::new(Bytes::from(self.sent.to_be_bytes().to_vec()));
        let message = StreamMessage::new(name, u64::from(part.index), StreamContent::Data(part));
        self.network.send(NetworkMsg::PublishProposalPart(message)).await.expect("it runs");
        self.sent += 1;
        std::fs::write(&self.log, self.sent.to_string()).expect("it can be written");
        tokio::time::sleep(PAUSE).await;
    }
}

fn junk(bytes: usize, seed: u64) -> Bytes {
    let seed = hash("junk", &[&seed.to_le_bytes()]).0;
    seed.iter().copied().cycle().take(bytes).collect()
}

fn announcement(height: u64, round: u32, proposer: Address, pieces: &Pieces) -> Announcement {
    let block = hash("junk block", &[pieces.block()]);
    pieces.announcement(Height(height), Round::new(round), proposer, block)
}

/// In its own name, in the proposer's, with what the proposer signed to other pieces, and for
/// rounds that never come; whole pieces and small ones.
fn of_a_stranger(
    signer: &ValidatorSigner,
    committee: &ValidatorSet,
    next: u64,
    seed: u64,
    seen: &Seen,
) -> Vec<Part> {
    let pieces = Pieces::of(junk(PART_BYTES + 1_000, seed));
    let mut own = announcement(next, 0, Address(signer.public()), &pieces);
    signer.sign_announcement(&mut own);
    let forged = announcement(next, 0, committee.proposer(next, 0).address, &pieces);
    let far = announcement(next, FAR, committee.proposer(next, FAR).address, &pieces);
    let mut parts: Vec<Part> = [own, forged, far]
        .iter()
        .flat_map(|announcement| pieces.parts(announcement).collect::<Vec<_>>())
        .collect();
    for honest in seen.lock().expect("nobody panics with it").iter() {
        parts.push(Part { piece: junk(honest.piece.len(), seed), ..honest.clone() });
        parts.push(honest.clone());
    }
    parts
}

/// Two blocks for each of its rounds, of which most are far; none is ever complete, some pieces
/// are others than announced, and some are said to have been built by another.
fn of_a_member(
    signer: &ValidatorSigner,
    committee: &ValidatorSet,
    next: u64,
    seed: u64,
) -> Vec<Part> {
    let own = Address(signer.public());
    let mut parts = Vec::new();
    for round in 0..FAR {
        let heights = next..next + 3;
        for height in heights.filter(|height| committee.proposer(*height, round).address == own) {
            for block in 0..2 {
                let pieces = Pieces::of(junk(3 * PART_BYTES, seed + block));
                let mut announcement = announcement(height, round, own, &pieces);
                if round > 1 && block == 1 {
                    announcement.valid_round = Round::new(round - 1);
                    let signature = ValidatorSigner::unsigned();
                    announcement.origin = Some(Origin { round: Round::new(0), signature });
                }
                signer.sign_announcement(&mut announcement);
                let first = pieces.parts(&announcement).next().expect("three");
                let piece = junk(PART_BYTES, seed + 9);
                let false_piece = Part { index: 1, piece, ..first.clone() };
                parts.extend([first, false_piece]);
            }
        }
    }
    parts
}
