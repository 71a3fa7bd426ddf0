//! A peer's dealings with the ledger: registering, saying where it answers, setting weights.

use crate::config::PeerConfig;
use crate::exchange::notice::Notice;
use crate::exchange::shared::Exchange;
use crate::ledger::directory::{Directory, Weights};
use muster_api::{Client, ClientError};
use muster_files::Readers;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::transaction::{
    Action, Endpoint, Height, Modality, Payment, Registration, Row, Share, SignedTransaction,
    Transaction, find_work, weights_commitment,
};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long before an epoch closes the weights are set, in blocks; at least one.
const LEAD_BLOCKS: u64 = 3;
/// Blocks within which a transaction must be decided.
const EXPIRY_BLOCKS: u64 = 50;
/// How long a decision is waited for.
const DECISION_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait after something that the ledger refused.
const RETRY: Duration = Duration::from_secs(5);
/// Hashes tried between two looks at the clock and the challenge.
const WORK_BATCH: u64 = 1 << 20;
/// Most batches of work on one challenge before it is looked up anew.
const WORK_BATCHES: u64 = 64;

/// Why a dealing with the ledger failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ClerkError {
    /// No node answers, or one refuses.
    #[error(transparent)]
    Ledger(#[from] ClientError),
    /// A node does not take the transaction.
    #[error("{error}; fees are paid by {signer}, or by what its peer has earned")]
    Refused {
        /// Who signed, and pays.
        signer: PublicKey,
        /// What the node said.
        error: ClientError,
    },
    /// The transaction was decided, and had no effect.
    #[error("the ledger decided against it: {0}")]
    Rejected(String),
    /// The work found no number in time.
    #[error("{hashes} hashes found no proof of work of difficulty {difficulty}")]
    Work {
        /// How many were tried.
        hashes: u64,
        /// Hashes expected.
        difficulty: u64,
    },
    /// The model's thread does not answer.
    #[error("the model's thread does not say its weights")]
    Weights,
    /// No randomness for a salt.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The commitment cannot be kept.
    #[error("{}: the commitment cannot be kept: {source}", .path.display())]
    Commitment {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A row that was committed to and is to be revealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Commitment {
    epoch: u64,
    row: Row,
    salt: [u8; 32],
}

/// Deals with the ledger in the name of a hot key.
pub struct Clerk {
    exchange: Arc<Exchange>,
    ledger: Client,
    endpoint: Endpoint,
    owner: PublicKey,
    burn: Option<(SecretKey, Grains)>,
    commit_always: bool,
    commitment_file: PathBuf,
    /// The row that is to be revealed, as it is on disk.
    commitment: Option<Commitment>,
    /// Epoch in which weights were last set.
    set_in: Option<u64>,
}

/// The row as the ledger takes it: whole parts per billion in order of the peers, at most one in
/// all. Shares that are no numbers between 0 and 1 are left out.
#[must_use]
pub fn row(shares: &Weights) -> Row {
    let mut row: Row = shares
        .iter()
        .filter_map(|(id, share)| Some((*id, Share::from_f64(*share)?)))
        .filter(|(_, share)| share.0 > 0)
        .collect();
    row.sort_unstable_by_key(|(id, _)| *id);
    row.dedup_by_key(|(id, _)| *id);
    // Rounded to the nearest, the shares may exceed the whole: scaled down, never up.
    let total: u64 = row.iter().map(|(_, share)| u64::from(share.0)).sum();
    let whole = u64::from(Share::ONE.0);
    if total > whole {
        for (_, share) in &mut row {
            // At most the whole, so it fits.
            share.0 = (u64::from(share.0) * whole / total) as u32;
        }
        row.retain(|(_, share)| share.0 > 0);
    }
    row
}

/// The commitment on disk. One that cannot be used is said and passed over: what it costs is the
/// row of one epoch, and the peer must not stand still for that.
fn kept_commitment(path: &Path) -> Option<Commitment> {
    let read = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        read => read.map_err(|error| error.to_string()),
    };
    match read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())) {
        Ok(commitment) => Some(commitment),
        Err(reason) => {
            tracing::warn!(
                path = %path.display(),
                reason,
                "the commitment cannot be read: its weights will not be revealed, and the peer \
                 goes on with the next epoch"
            );
            None
        }
    }
}

impl Clerk {
    /// A clerk for the peer of `config`.
    #[must_use]
    pub fn new(
        exchange: Arc<Exchange>,
        ledger: Client,
        config: &PeerConfig,
        burn_key: Option<SecretKey>,
    ) -> Self {
        let commitment_file = config.home.join("commitment.json");
        Self {
            endpoint: Endpoint { url: config.endpoint.clone(), modality: Modality::Text },
            owner: config.owner.unwrap_or(exchange.identity.public()),
            burn: burn_key.map(|key| (key, Grains(config.burn_max))),
            commit_always: config.commit_weights,
            commitment: kept_commitment(&commitment_file),
            commitment_file,
            set_in: None,
            exchange,
            ledger,
        }
    }

    /// Deals with the ledger, for ever. What fails is logged and tried again.
    pub async fn work(mut self) {
        loop {
            let directory = self.exchange.directory();
            let pause = match self.tend(&directory).await {
                Ok(()) => Duration::from_millis(directory.block_time_ms / 4)
                    .clamp(Duration::from_millis(100), Duration::from_secs(1)),
                Err(error) => {
                    tracing::warn!(%error, "the ledger was not dealt with; trying again");
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Does what is due at this view of the ledger.
    async fn tend(&mut self, directory: &Directory) -> Result<(), ClerkError> {
        let Some(chain) = directory.chain else {
            return Ok(());
        };
        let me = self.exchange.identity.public();
        let Some(entry) = directory.get(&me) else {
            return self.register(chain, directory.height).await;
        };
        if entry.endpoint != self.endpoint.url {
            tracing::info!(endpoint = self.endpoint.url, "saying where this peer answers");
            let action = Action::SetEndpoint { endpoint: self.endpoint.clone() };
            self.send_hot(action, chain, directory.height).await?;
            return self
                .wait_for(|directory| {
                    let entry = directory.get(&me);
                    entry.is_some_and(|entry| entry.endpoint == self.endpoint.url)
                })
                .await;
        }
        let epoch = directory.epoch;
        let left = directory.epoch_end.saturating_sub(directory.height);
        self.reveal(chain, directory.height, epoch).await?;
        let lead = LEAD_BLOCKS.min(directory.epoch_blocks.div_ceil(2));
        if self.set_in != Some(epoch) && left <= lead {
            // Whether it succeeds or not, once in an epoch: a refusal would be repeated.
            self.set_in = Some(epoch);
            self.set_weights(chain, directory, epoch).await?;
        }
        Ok(())
    }

    /// Waits until the view of the ledger shows what was done, or gives up for now.
    async fn wait_for(&self, shows: impl Fn(&Directory) -> bool) -> Result<(), ClerkError> {
        let began = Instant::now();
        while began.elapsed() < DECISION_TIMEOUT && !shows(&self.exchange.directory()) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    async fn set_weights(
        &mut self,
        chain: Hash,
        directory: &Directory,
        epoch: u64,
    ) -> Result<(), ClerkError> {
        let (reply, weights) = oneshot::channel();
        self.exchange.inbox.notify(Notice::Weights(reply));
        let shares = tokio::time::timeout(DECISION_TIMEOUT, weights)
            .await
            .map_err(|_| ClerkError::Weights)?
            .map_err(|_| ClerkError::Weights)?;
        let row = row(&shares);
        if row.is_empty() {
            return Ok(());
        }
        let height = directory.height;
        let commits = self.commit_always || self.commitment_required().await?;
        if !commits {
            let peers = row.len();
            let receipt = self.send_hot(Action::SetWeights { weights: row }, chain, height).await?;
            tracing::debug!(epoch, peers, height = receipt, "set weights");
            return Ok(());
        }
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(ClerkError::Randomness)?;
        let me = self.exchange.identity.public();
        let commitment = weights_commitment(&chain, &me, &row, &salt);
        self.keep_commitment(Some(Commitment { epoch, row: row.clone(), salt }))?;
        let decided = self.send_hot(Action::CommitWeights { commitment }, chain, height).await?;
        // What was meant for the last block of an epoch may be decided in the first of the next.
        let epoch = if decided > directory.epoch_end { epoch + 1 } else { epoch };
        self.keep_commitment(Some(Commitment { epoch, row, salt }))?;
        tracing::debug!(epoch, "committed to weights");
        Ok(())
    }

    /// Reveals the row committed to in the epoch before, if there is one; until the ledger has
    /// decided on it, it is tried again.
    async fn reveal(&mut self, chain: Hash, height: u64, epoch: u64) -> Result<(), ClerkError> {
        let Some(Commitment { epoch: committed, row, salt }) = self.commitment.clone() else {
            return Ok(());
        };
        if committed >= epoch {
            return Ok(());
        }
        if committed + 1 < epoch {
            tracing::warn!(committed, epoch, "a commitment was not revealed in time");
            return self.keep_commitment(None);
        }
        let revealed =
            self.send_hot(Action::RevealWeights { weights: row, salt }, chain, height).await;
        match revealed {
            Ok(_) | Err(ClerkError::Rejected(_)) => self.keep_commitment(None)?,
            Err(_) => (),
        }
        revealed?;
        tracing::debug!(epoch, "revealed weights");
        Ok(())
    }

    async fn commitment_required(&self) -> Result<bool, ClerkError> {
        Ok(self.ledger.parameters().await?.parameters.weights_commit_required)
    }

    /// On disk, because a peer that restarts must still be able to reveal.
    fn keep_commitment(&mut self, commitment: Option<Commitment>) -> Result<(), ClerkError> {
        let path = &self.commitment_file;
        let kept = match &commitment {
            Some(commitment) => {
                let bytes = serde_json::to_vec(commitment).expect("numbers serialise");
                muster_files::replace(path, &bytes, Readers::Owner)
            }
            None => match std::fs::remove_file(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        kept.map_err(|source| ClerkError::Commitment { path: path.clone(), source })?;
        self.commitment = commitment;
        Ok(())
    }

    async fn register(&self, chain: Hash, height: u64) -> Result<(), ClerkError> {
        let hot = self.exchange.identity.secret();
        let agree =
            |payment| Registration::agree(&chain, hot, self.owner, self.endpoint.clone(), payment);
        match &self.burn {
            Some((key, price_max)) => {
                tracing::info!(%price_max, "registering by burning the price");
                let registration = agree(Payment::Burn { price_max: *price_max });
                send(
                    &self.ledger,
                    key,
                    Action::Register { registration: Box::new(registration) },
                    chain,
                    height,
                )
                .await?;
            }
            None => {
                let nonce = self.find_work(chain).await?;
                let registration = agree(Payment::Work { nonce });
                self.send_hot(
                    Action::Register { registration: Box::new(registration) },
                    chain,
                    height,
                )
                .await?;
            }
        }
        tracing::info!(address = %hot.public(), "registered");
        let me = hot.public();
        self.wait_for(|directory| directory.get(&me).is_some()).await
    }

    /// Works on the current challenge, bounded; says how it goes.
    async fn find_work(&self, chain: Hash) -> Result<u64, ClerkError> {
        let market = self.ledger.market().await?;
        let difficulty = market.registration_difficulty;
        let challenge = market.registration_challenge.0;
        let (hot, owner) = (self.exchange.identity.public(), self.owner);
        tracing::info!(difficulty, "registering by proof of work");
        let began = Instant::now();
        for batch in 0..WORK_BATCHES {
            let found = tokio::task::spawn_blocking(move || {
                let start = batch * WORK_BATCH;
                find_work(&chain, &challenge, &hot, &owner, difficulty, start, WORK_BATCH)
            });
            if let Ok(Some(nonce)) = found.await {
                return Ok(nonce);
            }
            let hashes = (batch + 1) * WORK_BATCH;
            let seconds = began.elapsed().as_secs();
            tracing::info!(hashes, difficulty, seconds, "still working");
        }
        Err(ClerkError::Work { hashes: WORK_BATCHES * WORK_BATCH, difficulty })
    }

    async fn send_hot(&self, action: Action, chain: Hash, height: u64) -> Result<u64, ClerkError> {
        send(&self.ledger, self.exchange.identity.secret(), action, chain, height).await
    }
}

/// Signs and hands in a transaction, and waits until it is decided; gives the height.
async fn send(
    ledger: &Client,
    key: &SecretKey,
    action: Action,
    chain: Hash,
    height: u64,
) -> Result<u64, ClerkError> {
    let transaction = sign(ledger, key, action, chain, height).await?;
    let hash = ledger.submit(&transaction).await.map_err(|error| match error.status() {
        Some(_) => ClerkError::Refused { signer: key.public(), error },
        None => ClerkError::Ledger(error),
    })?;
    let receipt = ledger.wait(&hash, DECISION_TIMEOUT).await?;
    receipt.result.map(|()| receipt.height).map_err(ClerkError::Rejected)
}

/// Signs a transaction with the next nonce of the key's account.
pub(crate) async fn sign(
    ledger: &Client,
    key: &SecretKey,
    action: Action,
    chain: Hash,
    height: u64,
) -> Result<SignedTransaction, ClientError> {
    let signer = key.public();
    let nonce = ledger.account(&signer).await?.nonce_pending;
    let expires = Height(height + EXPIRY_BLOCKS);
    let transaction = Transaction { chain, signer, nonce, expires, tip: Grains(0), action };
    Ok(SignedTransaction::sign(transaction, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_ledger::transaction::PeerId;
    use proptest::prelude::*;

    #[test]
    fn a_commitment_is_kept_and_a_damaged_one_is_passed_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("commitment.json");
        assert_eq!(kept_commitment(&path), None);
        let commitment = Commitment { epoch: 3, row: vec![(PeerId(1), Share(5))], salt: [7; 32] };
        let bytes = serde_json::to_vec(&commitment).expect("numbers serialise");
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(kept_commitment(&path), Some(commitment));
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
        assert_eq!(kept_commitment(&path), None);
    }

    proptest! {
        #[test]
        fn any_shares_make_a_row_that_the_ledger_takes(
            shares in proptest::collection::vec(
                (0_u32..20, prop_oneof![0.0..1.0_f64, Just(f64::NAN), Just(-1.0), Just(2.0)]),
                0..12,
            ),
            scale in any::<bool>(),
        ) {
            let total: f64 =
                shares.iter().map(|(_, s)| *s).filter(|s| (0.0..=1.0).contains(s)).sum();
            let factor = if scale && total > 0.0 { 1.0 / total } else { 1.0 / 12.0 };
            let shares: Weights =
                shares.into_iter().map(|(id, s)| (PeerId(id), s * factor)).collect();
            let row = row(&shares);
            prop_assert!(row.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let total: u64 = row.iter().map(|(_, share)| u64::from(share.0)).sum();
            prop_assert!(total <= 1_000_000_000, "{total}");
            prop_assert!(row.iter().all(|(_, share)| share.0 > 0));
        }
    }
}
