//! One round, from its beginning until it is over.

use std::time::{Duration, Instant};

use muster_api::presence::{Phase, Round, RoundReport, Solution};
use muster_api::{Client, ClientError};
use muster_ledger::crypto::SecretKey;
use muster_ledger::money::Grains;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::transaction::presence::Action;
use muster_ledger::types::RoundId;

use super::work::{Effort, Found, Search};

/// How often a round is looked at that is worked on.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How many blocks a transaction may wait for its inclusion.
pub(super) const EXPIRY_BLOCKS: u64 = 20;
/// How long a solution is waited for before it is handed in again.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why taking part failed; it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// No node answers, or one refuses.
    #[error(transparent)]
    Ledger(#[from] ClientError),
    /// The system gives no thread to search on.
    #[error("no thread to search for solutions on: {0}; there may be too many processes")]
    Thread(#[from] std::io::Error),
}

/// What came of working in a round until it was over.
#[derive(Clone, Debug)]
pub struct Participation {
    /// The round when it was over.
    pub report: RoundReport,
    /// Numbers tried.
    pub tries: u64,
    /// Numbers that were due and could not be tried.
    pub lost: u64,
    /// How long was worked.
    pub worked: Duration,
}

impl Participation {
    /// The round's solutions that are of one of the keys.
    pub fn solutions<'a>(&'a self, keys: &'a [SecretKey]) -> impl Iterator<Item = &'a Solution> {
        let own = |solution: &&Solution| keys.iter().any(|key| key.public() == solution.solver.0);
        self.report.round.solutions.iter().filter(own)
    }
}

/// Works in a round until it is over, each solution with another of the keys; `seen` hears how it
/// stands. Dropping the future ends the work.
///
/// # Errors
/// [`PresenceError`]; a node that does not answer while work goes on is none.
pub async fn participate(
    client: &Client,
    round: u64,
    effort: Effort,
    keys: &[SecretKey],
    mut seen: impl FnMut(&RoundReport),
) -> Result<Participation, PresenceError> {
    let mut report = begun(client, round).await?;
    let start = Instant::now();
    let mut search = Search::start(&report, keys, effort)?;
    let mut waiting = Vec::new();
    while report.round.phase == Phase::Open {
        tokio::select! {
            Some(found) = search.found.recv() => waiting.push(Own::new(found)),
            () = tokio::time::sleep(LOOK_INTERVAL) => {
                if let Some(newer) = look(client, round).await? {
                    report = newer;
                    seen(&report);
                }
            }
        }
        for own in &mut waiting {
            own.hand_in(client, &report.round, keys).await;
        }
    }
    let worked = start.elapsed();
    let (tries, lost) = (search.counts.tries(), search.counts.lost());
    Ok(Participation { report, tries, lost, worked })
}

/// How a round stands; nothing where no node answers for the moment.
pub(super) async fn look(
    client: &Client,
    round: u64,
) -> Result<Option<RoundReport>, PresenceError> {
    match client.round(round).await {
        Ok(report) => Ok(Some(report)),
        // It is forgotten, or this is no node.
        Err(error) if error.status() == Some(404) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Waits until a round has begun.
pub(super) async fn begun(client: &Client, round: u64) -> Result<RoundReport, ClientError> {
    loop {
        let report = client.round(round).await?;
        if report.round.began_ms.is_some() || report.round.phase != Phase::Open {
            return Ok(report);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// A solution of our own, until it stands on the ledger.
struct Own {
    found: Found,
    signed: Option<SignedTransaction>,
    handed_in: Option<Instant>,
}

impl Own {
    fn new(found: Found) -> Self {
        Self { found, signed: None, handed_in: None }
    }

    /// Hands it in if it is not there, at first and after every while.
    async fn hand_in(&mut self, client: &Client, round: &Round, keys: &[SecretKey]) {
        let key = &keys[self.found.key];
        let there = round.solutions.iter().any(|solution| solution.solver.0 == key.public());
        let early = self.handed_in.is_some_and(|last| last.elapsed() < PATIENCE);
        if there || early || round.phase != Phase::Open {
            return;
        }
        self.handed_in = Some(Instant::now());
        if let Err(error) = self.submit(client, round.id, key).await {
            // Whether others were faster is looked at next.
            tracing::debug!(round = round.id, %error, "a solution was not taken");
            self.signed = None;
        }
    }

    async fn submit(
        &mut self,
        client: &Client,
        round: u64,
        key: &SecretKey,
    ) -> Result<(), ClientError> {
        let signed = match &self.signed {
            Some(signed) => signed,
            None => {
                let solution = self.found.solution.clone();
                let action = Action::Solve { round: RoundId(round), solution };
                let signed =
                    client.prepare(key, action.into(), Grains::ZERO, EXPIRY_BLOCKS).await?;
                self.signed.insert(signed)
            }
        };
        client.submit(signed).await.map(drop)
    }
}
