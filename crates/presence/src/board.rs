//! How a ledger is asked about rounds: over HTTP by those who are elsewhere, at once by a node.

use muster_api::presence::Round;
use muster_api::{Client, ClientError};
use muster_ledger::crypto::SecretKey;
use muster_ledger::money::Grains;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::transaction::presence::Action;

/// How many blocks a transaction may wait for its inclusion.
pub const EXPIRY_BLOCKS: u64 = 20;

/// Why a ledger did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// It looked at it, and says no.
    #[error("{0}")]
    Refused(String),
    /// There is no answer now; it may be asked again.
    #[error("{0}")]
    Unanswered(String),
}

impl From<ClientError> for BoardError {
    fn from(error: ClientError) -> Self {
        // What a node asks too often is told does not say anything about the question.
        match error.status() {
            Some(400..=428 | 430..=499) => Self::Refused(error.to_string()),
            _ => Self::Unanswered(error.to_string()),
        }
    }
}

/// How a round stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The height of the state.
    pub height: u64,
    /// The time of its block, milliseconds since 1970: the round's clock.
    pub time_ms: u64,
    /// The round.
    pub round: Round,
}

/// A ledger, as whoever takes part in rounds sees it.
pub trait Board: Clone + Send + Sync + 'static {
    /// Rounds that are not forgotten, rising by number, from behind `after` on.
    fn rounds(
        &self,
        after: Option<u64>,
    ) -> impl Future<Output = Result<Vec<Round>, BoardError>> + Send;

    /// How a round stands; nothing where there is none, or none any more.
    fn standing(
        &self,
        round: u64,
    ) -> impl Future<Output = Result<Option<Standing>, BoardError>> + Send;

    /// Signs an action that needs no account, for some blocks from now on.
    fn prepare(
        &self,
        key: &SecretKey,
        action: Action,
    ) -> impl Future<Output = Result<SignedTransaction, BoardError>> + Send;

    /// Hands a transaction in; one that waits already is taken again.
    fn submit(
        &self,
        signed: &SignedTransaction,
    ) -> impl Future<Output = Result<(), BoardError>> + Send;
}

impl Board for Client {
    async fn rounds(&self, after: Option<u64>) -> Result<Vec<Round>, BoardError> {
        Ok(self.rounds_after(after).await?.rounds)
    }

    async fn standing(&self, round: u64) -> Result<Option<Standing>, BoardError> {
        let found = self.round_alone(round).await?;
        let (height, time_ms) = (found.height, found.time_ms);
        let round = found.rounds.into_iter().next();
        Ok(round.map(|round| Standing { height, time_ms, round }))
    }

    async fn prepare(
        &self,
        key: &SecretKey,
        action: Action,
    ) -> Result<SignedTransaction, BoardError> {
        Ok(Self::prepare(self, key, action.into(), Grains::ZERO, EXPIRY_BLOCKS).await?)
    }

    async fn submit(&self, signed: &SignedTransaction) -> Result<(), BoardError> {
        Self::submit(self, signed).await?;
        Ok(())
    }
}
