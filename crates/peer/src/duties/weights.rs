//! Setting weights, once in an epoch; where the ledger asks for it, by committing to them first and
//! revealing them in the epoch after.

use crate::duties::commitment::{Commitment, KeptCommitment};
use crate::duties::duty::{Duty, DutyError, Next, View};
use crate::exchange::notice::Notice;
use crate::ledger::desk::{DECISION_TIMEOUT, DeskError};
use crate::ledger::directory::Weights;
use futures::future::BoxFuture;
use muster_ledger::transaction::{Action, Row, Share, weights_commitment};
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
        let (height, epoch) = (directory.height, directory.epoch);
        let (reply, weights) = oneshot::channel();
        desk.exchange.inbox.notify(Notice::Weights(reply));
        let weights = tokio::time::timeout(DECISION_TIMEOUT, weights)
            .await
            .map_err(|_| DutyError::Weights)?
            .map_err(|_| DutyError::Weights)?;
        let row = row(&weights);
        if row.is_empty() {
            return Ok(());
        }
        let commits = self.commit_always
            || desk.ledger.parameters().await?.parameters.weights_commit_required;
        if !commits {
            let peers = row.len();
            let receipt = desk.send(Action::SetWeights { weights: row }, chain, height).await?;
            tracing::debug!(epoch, peers, height = receipt, "set weights");
            return Ok(());
        }
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(DutyError::Randomness)?;
        let commitment = weights_commitment(&chain, &desk.me(), &row, &salt);
        self.commitment.keep(Commitment { epoch, row: row.clone(), salt })?;
        let decided = desk.send(Action::CommitWeights { commitment }, chain, height).await?;
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
        let action = Action::RevealWeights { weights: row, salt };
        let revealed = view.desk.send(action, view.chain, view.directory.height).await;
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

/// The row as the ledger takes it: whole parts per billion in order of the peers, at most one in
/// all. Weights that are no numbers between 0 and 1 are left out.
fn row(weights: &Weights) -> Row {
    let mut row: Row = weights
        .iter()
        .filter_map(|(id, weight)| Some((*id, Share::from_f64(*weight)?)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use muster_ledger::transaction::PeerId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_weights_make_a_row_that_the_ledger_takes(
            weights in proptest::collection::vec(
                (0_u32..20, prop_oneof![0.0..1.0_f64, Just(f64::NAN), Just(-1.0), Just(2.0)]),
                0..12,
            ),
            scale in any::<bool>(),
        ) {
            let total: f64 =
                weights.iter().map(|(_, w)| *w).filter(|w| (0.0..=1.0).contains(w)).sum();
            let factor = if scale && total > 0.0 { 1.0 / total } else { 1.0 / 12.0 };
            let weights: Weights =
                weights.into_iter().map(|(id, w)| (PeerId(id), w * factor)).collect();
            let row = row(&weights);
            prop_assert!(row.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let total: u64 = row.iter().map(|(_, share)| u64::from(share.0)).sum();
            prop_assert!(total <= 1_000_000_000, "{total}");
            prop_assert!(row.iter().all(|(_, share)| share.0 > 0));
        }
    }
}
