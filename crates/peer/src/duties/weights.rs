//! Setting weights, once in an epoch; where the ledger asks for it, by committing to them first and
//! revealing them in the epoch after.

use crate::duties::commitment::{Commitment, KeptCommitment};
use crate::duties::duty::{Duty, DutyError, Next, View};
use crate::exchange::notice::Notice;
use crate::ledger::desk::{DECISION_TIMEOUT, DeskError};
use futures::future::BoxFuture;
use muster_ledger::transaction::market;
use muster_ledger::transaction::market::weights_commitment;
use muster_ledger::types::Row;
use std::path::Path;
use tokio::sync::oneshot;

/// How long before an epoch closes the weights are set, in blocks; at least one.
const LEAD_BLOCKS: u64 = 3;

/// Sets the weights that the model measured.
pub(crate) struct SetWeights {
    commit_always: bool,
    commitment: KeptCommitment,
    /// Epoch in which weights were last set.
    set_in: Option<u64>,
}

impl SetWeights {
    /// With what is kept in `home`; `commit_always` commits even where the ledger does not ask.
    pub fn new(home: &Path, commit_always: bool) -> Self {
        Self { commit_always, commitment: KeptCommitment::open(home), set_in: None }
    }

    async fn reveal_and_set(&mut self, view: &View<'_>) -> Result<Next, DutyError> {
        self.reveal(view).await?;
        let directory = view.directory;
        let left = directory.epoch_end.saturating_sub(directory.height);
        let lead = LEAD_BLOCKS.min(directory.epoch_blocks.div_ceil(2));
        if self.set_in != Some(directory.epoch) && left <= lead {
            // Whether it succeeds or not, once in an epoch: a refusal would be repeated.
            self.set_in = Some(directory.epoch);
            self.set(view).await?;
        }
        Ok(Next::Duty)
    }

    async fn set(&mut self, view: &View<'_>) -> Result<(), DutyError> {
        let View { chain, directory, desk } = *view;
        let epoch = directory.epoch;
        let (reply, weights) = oneshot::channel();
        desk.exchange.inbox.notify(Notice::Weights(reply));
        let weights = tokio::time::timeout(DECISION_TIMEOUT, weights)
            .await
            .map_err(|_| DutyError::Weights)?
            .map_err(|_| DutyError::Weights)?;
        let parameters = desk.ledger.parameters().await?.parameters;
        let length_max = usize::try_from(parameters.row_length_max).unwrap_or(usize::MAX);
        let row = Row::from_numbers(&weights).largest(length_max);
        if row.is_empty() {
            return Ok(());
        }
        if !self.commit_always && !parameters.weights_commit_required {
            let peers = row.len();
            let receipt = desk.send(market::Action::SetWeights { weights: row }.into()).await?;
            tracing::debug!(epoch, peers, height = receipt, "set weights");
            return Ok(());
        }
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(DutyError::Randomness)?;
        let commitment = weights_commitment(&chain, &desk.me(), &row, &salt);
        self.commitment.keep(Commitment { epoch, row: row.clone(), salt })?;
        let decided = desk.send(market::Action::CommitWeights { commitment }.into()).await?;
        // What was meant for the last block of an epoch may be decided in the first of the next.
        let epoch = if decided > directory.epoch_end { epoch + 1 } else { epoch };
        self.commitment.keep(Commitment { epoch, row, salt })?;
        tracing::debug!(epoch, "committed to weights");
        Ok(())
    }

    /// Reveals the row committed to in the epoch before, if there is one; until the ledger has
    /// decided on it, it is tried again.
    async fn reveal(&mut self, view: &View<'_>) -> Result<(), DutyError> {
        let epoch = view.directory.epoch;
        let Some(Commitment { epoch: committed, row, salt }) = self.commitment.get().cloned()
        else {
            return Ok(());
        };
        if committed >= epoch {
            return Ok(());
        }
        if committed + 1 < epoch {
            tracing::warn!(committed, epoch, "a commitment was not revealed in time");
            return self.commitment.forget();
        }
        let action = market::Action::RevealWeights { weights: row, salt }.into();
        let revealed = view.desk.send(action).await;
        match revealed {
            Ok(_) | Err(DeskError::Rejected(_)) => self.commitment.forget()?,
            Err(_) => (),
        }
        revealed?;
        tracing::debug!(epoch, "revealed weights");
        Ok(())
    }
}

impl Duty for SetWeights {
    fn tend<'a>(&'a mut self, view: &'a View<'_>) -> BoxFuture<'a, Result<Next, DutyError>> {
        Box::pin(self.reveal_and_set(view))
    }
}
