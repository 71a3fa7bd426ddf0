//! What can be seen of a market from outside: how soon its nodes answer, how far they are, how its
//! blocks follow each other, how much its peers have learned.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_api::{BlockSummary, Client};
use tokio::task::JoinSet;

use crate::error::SiegeError;
use crate::market::Market;

/// How often each validator is asked for its status.
const INTERVAL: Duration = Duration::from_millis(500);
/// Blocks that are asked for at once.
const PAGE: u64 = 100;
/// What is read of a validator's own counters.
pub const COUNTERS: [&str; 6] = [
    "muster_rounds_total",
    "muster_late_blocks_total",
    "muster_parts_refused_total",
    "muster_mempool_refused_total",
    "muster_http_limited_total",
    "muster_http_turned_away_total",
];

/// How long the answers of one validator took, in seconds, or why there was none.
type Answers = Arc<Mutex<Vec<Result<f64, String>>>>;

/// Asks every validator for its status, again and again.
#[derive(Debug)]
pub struct Watch {
    newest: Arc<AtomicU64>,
    answers: Vec<Answers>,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// [`SiegeError::Client`].
    pub fn begin(market: &Market) -> Result<Self, SiegeError> {
        let newest = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let mut answers = Vec::new();
        for validator in 0..market.plan.validators {
            let client = market.client(validator)?;
            let (newest, seen) = (newest.clone(), Answers::default());
            answers.push(seen.clone());
            tasks.spawn(async move {
                loop {
                    let start = Instant::now();
                    let status = client.status().await;
                    let seconds = start.elapsed().as_secs_f64();
                    if let Ok(status) = &status {
                        newest.fetch_max(status.height, Ordering::Relaxed);
                    }
                    lock(&seen).push(status.map(|_| seconds).map_err(|error| error.to_string()));
                    tokio::time::sleep(INTERVAL).await;
                }
            });
        }
        Ok(Self { newest, answers, _tasks: tasks })
    }

    /// The height of the newest block that anybody told of.
    pub fn newest(&self) -> Arc<AtomicU64> {
        self.newest.clone()
    }

    /// How long each validator's answers took since this was last asked, or why there were none.
    pub fn take_answers(&self) -> Vec<Vec<Result<f64, String>>> {
        self.answers.iter().map(|answers| std::mem::take(&mut *lock(answers))).collect()
    }
}

fn lock(answers: &Answers) -> MutexGuard<'_, Vec<Result<f64, String>>> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The decided blocks above `after`, oldest first.
///
/// # Errors
/// [`SiegeError::Client`].
pub async fn blocks(client: &Client, after: u64) -> Result<Vec<BlockSummary>, SiegeError> {
    let mut found: Vec<BlockSummary> = Vec::new();
    loop {
        let before = found.last().map(|block| block.height);
        let page = client.blocks(before, Some(PAGE)).await?.blocks;
        let full = page.len() as u64 == PAGE;
        let new = page.into_iter().filter(|block| block.height > after);
        let count = found.len();
        found.extend(new);
        if !full || found.len() - count < PAGE as usize {
            found.reverse();
            return Ok(found);
        }
    }
}

/// Steps of each peer so far, by number; of those that report any.
///
/// # Errors
/// [`SiegeError::Client`].
pub async fn steps(client: &Client) -> Result<BTreeMap<u32, u64>, SiegeError> {
    let peers = client.peers().await?.peers;
    let steps = |peer: &muster_api::Peer| Some((peer.id, peer.telemetry.as_ref()?.steps));
    Ok(peers.iter().filter_map(steps).collect())
}

/// A validator's own counters; none where it does not answer.
pub async fn counters(url: &str) -> BTreeMap<String, f64> {
    let text = async {
        let answer = reqwest::Client::new()
            .get(format!("{url}/metrics"))
            .timeout(Duration::from_secs(10))
            .send()
            .await?;
        answer.text().await
    };
    let text = text.await.unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Some((name.to_string(), line?.parse().ok()?))
    };
    COUNTERS.iter().filter_map(|name| value(name)).collect()
}
