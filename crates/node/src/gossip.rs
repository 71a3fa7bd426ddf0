//! Passes transactions on to other nodes, in batches.

use std::sync::Arc;
use std::time::Duration;

use muster_ledger::transaction::SignedTransaction;
use tokio::sync::mpsc;

/// Header that says how many times a batch may still be passed on.
pub const HOPS_HEADER: &str = "muster-hops";
/// Transactions that wait for one node; more are dropped, that node gets them in blocks.
const QUEUE_MAX: usize = 64;
/// Bytes of a batch: a little less than what the other side takes.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// How long to wait for more before sending.
const LINGER: Duration = Duration::from_millis(10);

/// What is passed on together.
#[derive(Clone, Debug)]
struct Parcel {
    transactions: Arc<Vec<SignedTransaction>>,
    hops: u8,
}

/// Passes transactions on.
#[derive(Clone, Debug, Default)]
pub struct Gossip {
    queues: Vec<mpsc::Sender<Parcel>>,
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
            .build()
            .unwrap_or_default();
        let queues = urls
            .iter()
            .map(|url| {
                let (sender, receiver) = mpsc::channel(QUEUE_MAX);
                let target = format!("{}/v1/mempool", url.trim_end_matches('/'));
                tokio::spawn(forward(http.clone(), target, receiver));
                sender
            })
            .collect();
        Self { queues, hops }
    }

    /// Passes on what a client handed in here.
    pub fn originate(&self, transactions: Vec<SignedTransaction>) {
        self.relay(transactions, self.hops);
    }

    /// Passes on what came from another node with `hops` left.
    pub fn relay(&self, transactions: Vec<SignedTransaction>, hops: u8) {
        if hops == 0 || transactions.is_empty() {
            return;
        }
        let transactions = Arc::new(transactions);
        for queue in &self.queues {
            // A node that is down or slow must not hold up the others.
            let _ = queue.try_send(Parcel { transactions: transactions.clone(), hops: hops - 1 });
        }
    }
}

/// Sends what comes, in order, several parcels at once where they wait.
async fn forward(http: reqwest::Client, target: String, mut queue: mpsc::Receiver<Parcel>) {
    let mut held: Option<Parcel> = None;
    loop {
        let first = match held.take() {
            Some(parcel) => parcel,
            None => match queue.recv().await {
                Some(parcel) => parcel,
                None => return,
            },
        };
        tokio::time::sleep(LINGER).await;
        let hops = first.hops;
        let mut bytes = Vec::new();
        let mut count = append(&mut bytes, &first);
        while let Ok(parcel) = queue.try_recv() {
            if parcel.hops != hops || bytes.len() >= BATCH_BYTES_MAX / 2 {
                held = Some(parcel);
                break;
            }
            count += append(&mut bytes, &parcel);
        }
        let mut body = count.to_le_bytes().to_vec();
        body.append(&mut bytes);
        let request = http
            .post(&target)
            .header("content-type", "application/octet-stream")
            .header(HOPS_HEADER, hops.to_string())
            .body(body);
        if let Err(error) = request.send().await {
            tracing::debug!(%target, %error, "transactions were not passed on");
        }
    }
}

/// Appends the transactions in borsh, without the count that goes before them.
fn append(bytes: &mut Vec<u8>, parcel: &Parcel) -> u32 {
    for transaction in parcel.transactions.iter() {
        bytes.extend_from_slice(&transaction.encode());
    }
    u32::try_from(parcel.transactions.len()).expect("a request holds far fewer than 2^32")
}
