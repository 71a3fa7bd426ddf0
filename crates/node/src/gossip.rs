//! Passes transactions on to other nodes, in batches.
//!
//! What waits for a node is bounded in bytes: one that is down or slow gets the rest in blocks.
//! Only what the mempool has taken is passed on, so that what comes back by another way, and waits
//! already, goes no further.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use muster_ledger::transaction::SignedTransaction;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Header that says how many times a batch may still be passed on.
pub const HOPS_HEADER: &str = "muster-hops";
/// Bytes that wait for one node; more are dropped.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// Bytes of a parcel, which is dropped or sent as a whole; a longer transaction is one alone.
const PARCEL_BYTES_MAX: usize = 256 << 10;
/// Bytes of a batch: a quarter of what the other side takes, and, no transaction being shorter than
/// its signature, keys and numbers, fewer than it takes in number.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// How long to wait for more before sending: forty batches a second, fewer than a node takes from
/// one address.
const LINGER: Duration = Duration::from_millis(25);
/// How long to leave a node alone that refused a batch.
const RESPITE: Duration = Duration::from_millis(500);

/// What is passed on together: encodings, one after another.
#[derive(Clone, Debug)]
struct Parcel {
    bytes: Bytes,
    count: u32,
    hops: u8,
}

/// What waits for one node.
#[derive(Clone, Debug)]
struct Queue {
    sender: mpsc::UnboundedSender<(Parcel, OwnedSemaphorePermit)>,
    /// Bytes that may still wait.
    room: Arc<Semaphore>,
}

impl Queue {
    fn new() -> (Self, mpsc::UnboundedReceiver<(Parcel, OwnedSemaphorePermit)>) {
        // Every parcel has bytes, and those are bounded.
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, room: Arc::new(Semaphore::new(WAITING_BYTES_MAX)) }, receiver)
    }

    /// Puts a parcel behind the others, where there is room.
    fn push(&self, parcel: &Parcel) {
        let bytes = u32::try_from(parcel.bytes.len()).unwrap_or(u32::MAX);
        if let Ok(permit) = self.room.clone().try_acquire_many_owned(bytes) {
            // The other end is gone only when the node ends.
            let _ = self.sender.send((parcel.clone(), permit));
        }
    }
}

/// Passes transactions on.
#[derive(Clone, Debug, Default)]
pub struct Gossip {
    queues: Vec<Queue>,
    hops: u8,
}

impl Gossip {
    /// Starts one task per URL. `hops` is how many times a transaction that enters here is passed
    /// on from node to node.
    #[must_use]
    pub fn start(urls: &[String], hops: u8) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        let queues = urls
            .iter()
            .map(|url| {
                let (queue, receiver) = Queue::new();
                let target = format!("{}/v1/mempool", url.trim_end_matches('/'));
                tokio::spawn(forward(http.clone(), target, receiver));
                queue
            })
            .collect();
        Self { queues, hops }
    }

    /// Passes on what a client handed in here.
    pub fn originate(&self, transactions: &[SignedTransaction]) {
        self.relay(transactions, self.hops);
    }

    /// Passes on what came from another node with `hops` left.
    pub fn relay(&self, transactions: &[SignedTransaction], hops: u8) {
        if hops == 0 || self.queues.is_empty() {
            return;
        }
        for parcel in parcels(transactions, hops - 1) {
            self.queues.iter().for_each(|queue| queue.push(&parcel));
        }
    }
}

/// Encodes transactions, in order, in parcels.
fn parcels(transactions: &[SignedTransaction], hops: u8) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    let (mut bytes, mut count) = (Vec::new(), 0);
    for transaction in transactions {
        let encoded = transaction.encode();
        if count > 0 && bytes.len() + encoded.len() > PARCEL_BYTES_MAX {
            parcels.push(Parcel { bytes: std::mem::take(&mut bytes).into(), count, hops });
            count = 0;
        }
        bytes.extend_from_slice(&encoded);
        count += 1;
    }
    if count > 0 {
        parcels.push(Parcel { bytes: bytes.into(), count, hops });
    }
    parcels
}

/// Sends what comes, in order, several parcels at once where they wait.
async fn forward(
    http: reqwest::Client,
    target: String,
    mut queue: mpsc::UnboundedReceiver<(Parcel, OwnedSemaphorePermit)>,
) {
    let mut held = None;
    loop {
        let (first, permit) = match held.take() {
            Some(parcel) => parcel,
            None => match queue.recv().await {
                Some(parcel) => parcel,
                None => return,
            },
        };
        tokio::time::sleep(LINGER).await;
        let (hops, mut count) = (first.hops, first.count);
        let (mut bytes, mut permits) = (first.bytes.to_vec(), vec![permit]);
        while let Ok((parcel, permit)) = queue.try_recv() {
            if parcel.hops != hops || bytes.len() + parcel.bytes.len() > BATCH_BYTES_MAX {
                held = Some((parcel, permit));
                break;
            }
            count += parcel.count;
            bytes.extend_from_slice(&parcel.bytes);
            permits.push(permit);
        }
        let body = [&count.to_le_bytes()[..], &bytes].concat();
        let request = http
            .post(&target)
            .header("content-type", "application/octet-stream")
            .header(HOPS_HEADER, hops.to_string())
            .body(body);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => {
                tracing::debug!(%target, status = %answer.status(), "transactions were refused");
                tokio::time::sleep(RESPITE).await;
            }
            Err(error) => tracing::debug!(%target, %error, "transactions were not passed on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::routing::post;
    use muster_ledger::crypto::{Hash, SecretKey};
    use muster_ledger::money::Grains;
    use muster_ledger::transaction::{Transaction, account};
    use muster_ledger::types::Height;

    use super::*;

    fn transfers(count: u64) -> Vec<SignedTransaction> {
        let key = SecretKey::from_seed([7; 32]);
        let sign = |nonce| {
            let to = key.public();
            let transaction = Transaction {
                chain: Hash::default(),
                signer: to,
                nonce,
                expires: Height(1),
                tip: Grains(0),
                action: account::Action::Transfer { to, amount: Grains(1) }.into(),
            };
            SignedTransaction::sign(transaction, &key)
        };
        (0..count).map(sign).collect()
    }

    #[test]
    fn what_waits_for_a_node_that_takes_nothing_is_bounded() {
        let (queue, mut receiver) = Queue::new();
        let gossip = Gossip { queues: vec![queue.clone()], hops: 1 };
        let transactions = transfers(2_000);
        for _ in 0..100 {
            gossip.originate(&transactions);
        }
        let mut held = 0;
        let mut waiting = Vec::new();
        while let Ok((parcel, permit)) = receiver.try_recv() {
            held += parcel.bytes.len();
            waiting.push(permit);
        }
        assert!(held <= WAITING_BYTES_MAX && held > WAITING_BYTES_MAX - 2 * PARCEL_BYTES_MAX);
        assert_eq!(queue.room.available_permits(), WAITING_BYTES_MAX - held);
        drop(waiting);
        assert_eq!(queue.room.available_permits(), WAITING_BYTES_MAX);
    }

    type Received = Arc<Mutex<Vec<Bytes>>>;

    async fn take(State(received): State<Received>, body: Bytes) {
        received.lock().expect("nobody panics").push(body);
    }

    #[tokio::test]
    async fn all_arrives_in_order_and_in_batches_that_are_taken() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let received = Received::default();
        let router = Router::new().route("/v1/mempool", post(take)).with_state(received.clone());
        let router = router.layer(axum::extract::DefaultBodyLimit::max(4 << 20));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async { axum::serve(listener, router).await });
        let gossip = Gossip::start(&[url], 1);
        let transactions = transfers(20_000);
        gossip.originate(&transactions);
        let mut found: Vec<SignedTransaction> = Vec::new();
        while found.len() < transactions.len() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            for body in received.lock().expect("nobody panics").drain(..) {
                assert!(body.len() <= BATCH_BYTES_MAX + 4);
                let batch: Vec<SignedTransaction> = borsh::from_slice(&body).expect("a batch");
                assert!(batch.len() <= 10_000);
                found.extend(batch);
            }
        }
        assert_eq!(found, transactions);
        server.abort();
    }
}
