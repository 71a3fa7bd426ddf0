//! Keeps the view of the ledger fresh, from the HTTP interface of the nodes.

use crate::exchange::shared::Exchange;
use crate::ledger::directory::{Directory, Entry};
use crate::ledger::pin::{PinError, PinnedChain};
use muster_api::{Client, ClientError, Peer, Status};
use muster_ledger::types::{Modality, PeerId};
use std::sync::Arc;
use std::time::Duration;

/// How often the view is taken anew, at most and at least.
const INTERVAL_MIN: Duration = Duration::from_millis(200);
const INTERVAL_MAX: Duration = Duration::from_secs(3);
/// How soon it is tried again while there is no ledger yet.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);

/// Takes the view anew, for ever. A view of another chain than the pinned one is not taken.
pub async fn keep_fresh(exchange: Arc<Exchange>, ledger: Client, pin: PinnedChain) {
    let mut reachable = true;
    loop {
        match pinned_view(&ledger, &pin).await {
            Ok(directory) => {
                if !reachable {
                    tracing::info!(height = directory.height, "the ledger answers again");
                }
                reachable = true;
                exchange.set_directory(directory);
            }
            Err(error) => {
                if reachable {
                    tracing::warn!(%error, "the ledger cannot be read; going on with what is known");
                }
                reachable = false;
            }
        }
        tokio::time::sleep(interval(&exchange.directory())).await;
    }
}

async fn pinned_view(ledger: &Client, pin: &PinnedChain) -> Result<Directory, PinError> {
    let directory = view(ledger).await?;
    directory.chain.map_or(Ok(()), |chain| pin.check(chain))?;
    Ok(directory)
}

/// One view of the ledger.
///
/// # Errors
/// [`ClientError`] if no node answers.
pub async fn view(ledger: &Client) -> Result<Directory, ClientError> {
    let status = ledger.status().await?;
    let peers = ledger.peers().await?;
    Ok(directory(&status, peers.height, &peers.peers))
}

/// Twice a block, within bounds.
fn interval(directory: &Directory) -> Duration {
    if directory.chain.is_none() {
        return FIRST_INTERVAL;
    }
    Duration::from_millis(directory.block_time_ms / 2).clamp(INTERVAL_MIN, INTERVAL_MAX)
}

fn directory(status: &Status, height: u64, peers: &[Peer]) -> Directory {
    Directory {
        chain: Some(status.chain.0),
        height,
        epoch: status.epoch,
        epoch_end: status.epoch_end,
        epoch_blocks: status.epoch_blocks.max(1),
        block_time_ms: status.block_time_ms,
        peers: peers.iter().map(|peer| (peer.address.0, entry(peer))).collect(),
    }
}

fn entry(peer: &Peer) -> Entry {
    // Only text is spoken here; peers of other modalities are listed, but not asked.
    let endpoint = Some(&peer.endpoint).filter(|endpoint| endpoint.modality == Modality::Text);
    Entry {
        id: PeerId(peer.id),
        cold: peer.owner.0,
        endpoint: endpoint.map(|endpoint| endpoint.url.clone()).unwrap_or_default(),
        stake: peer.stake.grains(),
        incentive: peer.incentive,
        trust: peer.trust,
        weights: peer.weights.iter().map(|(id, share)| (PeerId(*id), *share)).collect(),
    }
}
