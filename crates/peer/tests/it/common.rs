//! Peers that answer with a table instead of a model, so that the exchange is tested alone.

use muster_learning::{Activations, Tokens};
use muster_ledger::crypto::{Hash, PublicKey};
use muster_ledger::types::PeerId;
use muster_peer::exchange::client::{Callee, Caller};
use muster_peer::exchange::counters::{Reason, Refusal};
use muster_peer::exchange::identity::Identity;
use muster_peer::exchange::inbox::{Answer, Jobs, Piece, Received, Work};
use muster_peer::exchange::limits::Limits;
use muster_peer::exchange::shared::{Exchange, Offer};
use muster_peer::ledger::directory::{Directory, Entry};
use muster_peer::sale::till::Till;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The ledger of these tests.
pub const CHAIN: Hash = Hash([42; 32]);
/// How long anything may take before a test fails: it says how soon a hang is told of, and must
/// hold on a machine that is busy with ten other things.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Values at each position of an answer.
pub const WIDTH: usize = 4;

/// A listening peer.
pub struct Peer {
    /// Its shared state.
    pub exchange: Arc<Exchange>,
    /// `https://host:port`.
    pub endpoint: String,
    stop: Option<oneshot::Sender<()>>,
}

impl Peer {
    /// How to call this peer.
    pub fn callee(&self) -> Callee {
        let (key, endpoint) = (self.exchange.identity.public(), self.endpoint.clone());
        Callee { key, endpoint, chain: CHAIN }
    }

    /// Calls others as this peer.
    pub fn caller(&self) -> Caller {
        self.exchange.caller()
    }

    /// Its hot key.
    pub fn key(&self) -> PublicKey {
        self.exchange.identity.public()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.exchange.inbox.close();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// The bounds of these tests: the defaults, and others on this machine are connected to.
pub fn limits() -> Limits {
    Limits { private_addresses: true, ..Limits::default() }
}

/// What the table answers.
pub fn table(tokens: &Tokens) -> Activations {
    let values = tokens.ids.iter().flat_map(|&id| [f32::from(id), 0.5, -1.0, 2.0]).collect();
    Activations::new(tokens.answer_shape(WIDTH), values).expect("four values for each token")
}

/// The identity of a test's peer.
pub fn identity(seed: u8) -> Identity {
    Identity::from_seed([seed; 32]).expect("any seed gives an identity")
}

/// The ledger's view with the peers of these seeds, each giving weight 0.1 to every peer and
/// having its seed as stake.
pub fn directory(seeds: &[u8]) -> Directory {
    let weights: Vec<(PeerId, f64)> =
        seeds.iter().map(|&seed| (PeerId(seed.into()), 0.1)).collect();
    let entry = |&seed: &u8| {
        let key = identity(seed).public();
        let entry = Entry {
            id: PeerId(seed.into()),
            cold: key,
            endpoint: String::new(),
            stake: seed.into(),
            incentive: 0.0,
            trust: 0.5,
            weights: weights.clone(),
        };
        (key, entry)
    };
    Directory {
        chain: Some(CHAIN),
        height: 7,
        epoch: 0,
        epoch_end: 10,
        epoch_blocks: 10,
        block_time_ms: 1000,
        peers: seeds.iter().map(entry).collect(),
    }
}

/// Waits for something that must come, and fails with its name where it does not.
pub async fn until(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < 5 * PATIENCE, "still waiting for: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts a peer that knows the peers of `registered`; with `model`, the table answers.
pub async fn start(seed: u8, registered: &[u8], limits: Limits, model: bool) -> Peer {
    start_selling(seed, registered, limits, model, Till::default()).await
}

/// Starts a peer with a till; with `model`, the table answers and a scribe writes.
pub async fn start_selling(
    seed: u8,
    registered: &[u8],
    limits: Limits,
    model: bool,
    till: Till,
) -> Peer {
    let offer = Offer {
        name: format!("peer-{seed}"),
        context: 4096,
        width: WIDTH,
        batch_max: 1024,
        price_per_byte: 0,
        ask_text_max: 4096,
        ask_bytes_max: 256,
    };
    let exchange = Arc::new(Exchange::new(identity(seed), limits, offer, till));
    exchange.set_directory(directory(registered));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("some port is free");
    let endpoint = format!("https://{}", listener.local_addr().expect("it is bound"));
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        let _ = stopped.await;
    };
    tokio::spawn(muster_peer::exchange::listen::serve(listener, exchange.clone(), shutdown));
    if model {
        let exchange = exchange.clone();
        std::thread::spawn(move || answer(&exchange));
    }
    Peer { exchange, endpoint, stop: Some(stop) }
}

fn answer(exchange: &Exchange) {
    let mut kept = HashSet::new();
    loop {
        let job = match exchange.inbox.receive(Duration::from_secs(1), Jobs::All) {
            Received::Job(job) => job,
            Received::Closed => return,
            _ => continue,
        };
        let answer = match &job.work {
            Work::Forward { tokens, keep } => {
                if *keep {
                    kept.insert((job.tag.asker, job.tag.id));
                }
                Ok(Answer::Output(table(tokens)))
            }
            Work::Backward { forward_id, .. } => {
                if kept.remove(&(job.tag.asker, *forward_id)) {
                    Ok(Answer::Applied(true))
                } else {
                    Err(Refusal::new(Reason::UnknownRequest, "no such answer is kept"))
                }
            }
            Work::Ask { bytes, pieces, .. } => {
                for written in (0..*bytes).step_by(8) {
                    let text = vec![b'x'; 8.min(bytes - written)];
                    let piece = Piece { network: text.clone(), student: text, ..Piece::default() };
                    let _ = pieces.try_send(Ok(piece));
                }
                Ok(Answer::Told)
            }
        };
        let _ = job.reply.send(answer);
    }
}
