//! One round, from its beginning until it is over.

use std::time::{Duration, Instant};

use muster_api::presence::{Phase, Round, Solution};
use muster_ledger::crypto::SecretKey;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::transaction::presence::Action;
use muster_ledger::types::RoundId;

use crate::board::{Board, BoardError, Standing};
use crate::work::{Effort, Found, Search};

/// How often a round is looked at that is worked on.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How long a solution is waited for before it is handed in again.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why taking part failed; it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// No node answers, or one refuses.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The round is not there.
    #[error("there is no round {round}, or it is over and forgotten")]
    NoRound {
        /// Its number.
        round: u64,
    },
    /// The system gives no thread to search on.
    #[error("no thread to search for solutions on: {0}; there may be too many processes")]
    Thread(#[from] std::io::Error),
}

/// What came of working in a round until it was over.
#[derive(Clone, Debug)]
pub struct Participation {
    /// The round when it was over.
    pub round: Round,
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
        self.round.solutions.iter().filter(own)
    }
}

/// Works in a round until it is over, each solution with another of the keys; `seen` hears how it
/// stands. Dropping the future ends the work.
///
/// # Errors
/// [`PresenceError`]; a ledger that does not answer while work goes on is none.
pub async fn participate<B: Board>(
    board: &B,
    round: u64,
    effort: Effort,
    keys: &[SecretKey],
    mut seen: impl FnMut(&Standing),
) -> Result<Participation, PresenceError> {
    let mut standing = begun(board, round).await?;
    let start = Instant::now();
    let mut search = Search::start(&standing.round, keys, effort)?;
    let mut waiting = Vec::new();
    while standing.round.phase == Phase::Open {
        tokio::select! {
            Some(found) = search.found.recv() => waiting.push(Own::new(found)),
            () = tokio::time::sleep(LOOK_INTERVAL) => {
                if let Some(newer) = look(board, round).await? {
                    standing = newer;
                    seen(&standing);
                }
            }
        }
        for own in &mut waiting {
            own.hand_in(board, &standing.round, keys).await;
        }
    }
    let worked = start.elapsed();
    let (tries, lost) = (search.counts.tries(), search.counts.lost());
    Ok(Participation { round: standing.round, tries, lost, worked })
}

/// How a round stands; nothing where the ledger does not answer for the moment.
///
/// # Errors
/// [`PresenceError::NoRound`], or what the ledger refuses with.
pub async fn look<B: Board>(board: &B, round: u64) -> Result<Option<Standing>, PresenceError> {
    match board.standing(round).await {
        Ok(Some(standing)) => Ok(Some(standing)),
        Ok(None) => Err(PresenceError::NoRound { round }),
        Err(BoardError::Unanswered(_)) => Ok(None),
        Err(error @ BoardError::Refused(_)) => Err(error.into()),
    }
}

/// Waits until a round has begun.
///
/// # Errors
/// See [`PresenceError`].
pub async fn begun<B: Board>(board: &B, round: u64) -> Result<Standing, PresenceError> {
    loop {
        let found = board.standing(round).await?;
        let standing = found.ok_or(PresenceError::NoRound { round })?;
        if standing.round.began_ms.is_some() || standing.round.phase != Phase::Open {
            return Ok(standing);
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
    async fn hand_in<B: Board>(&mut self, board: &B, round: &Round, keys: &[SecretKey]) {
        let key = &keys[self.found.key];
        let there = round.solutions.iter().any(|solution| solution.solver.0 == key.public());
        let early = self.handed_in.is_some_and(|last| last.elapsed() < PATIENCE);
        if there || early || round.phase != Phase::Open {
            return;
        }
        self.handed_in = Some(Instant::now());
        if let Err(error) = self.submit(board, round.id, key).await {
            // Whether others were faster is looked at next.
            tracing::debug!(round = round.id, %error, "a solution was not taken");
            self.signed = None;
        }
    }

    async fn submit<B: Board>(
        &mut self,
        board: &B,
        round: u64,
        key: &SecretKey,
    ) -> Result<(), BoardError> {
        let signed = match &self.signed {
            Some(signed) => signed,
            None => {
                let solution = self.found.solution.clone();
                let action = Action::Solve { round: RoundId(round), solution };
                self.signed.insert(board.prepare(key, action).await?)
            }
        };
        board.submit(signed).await
    }
}
