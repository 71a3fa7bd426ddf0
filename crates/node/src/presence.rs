//! Presence rounds, in which a validator shows that it is there: it works in each that is open, as
//! one machine and within a small part of one core, while its key is in the committee.

use std::sync::Arc;
use std::time::Duration;

use muster_api::presence::Round;
use muster_chain::chain::Tip;
use muster_chain::mempool::{Mempool, Refusal};
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::state::State;
use muster_ledger::transaction::presence::Action;
use muster_ledger::transaction::{SignedTransaction, Transaction};
use muster_ledger::types::{Height, RoundId};
use muster_presence::board::{EXPIRY_BLOCKS, Standing};
use muster_presence::keep::ask_interval;
use muster_presence::{Board, BoardError, Budget, Effort, Keeper, work_in};
use tokio::sync::watch;

use crate::gossip::Gossip;

/// The node's own state and mempool, asked about rounds.
#[derive(Clone)]
pub struct Own {
    /// The chain.
    pub chain: Hash,
    /// The newest block and state.
    pub tip: watch::Receiver<Arc<Tip>>,
    /// What waits.
    pub mempool: Arc<Mempool>,
    /// Passes transactions on.
    pub gossip: Gossip,
}

impl Own {
    fn now(&self) -> Arc<Tip> {
        self.tip.borrow().clone()
    }
}

fn round(state: &State, id: RoundId) -> Option<Round> {
    let (round, design) = state.round(id)?;
    Some(Round::of(id, round, design))
}

impl Board for Own {
    async fn rounds(&self, after: Option<u64>) -> Result<Vec<Round>, BoardError> {
        let tip = self.now();
        let ids = tip.state.rounds().map(|(id, _)| id);
        let behind = ids.filter(|id| after.is_none_or(|after| id.0 > after));
        Ok(behind.filter_map(|id| round(&tip.state, id)).collect())
    }

    async fn standing(&self, id: u64) -> Result<Option<Standing>, BoardError> {
        let tip = self.now();
        let (height, time_ms) = (tip.height(), tip.header.time_ms);
        let round = round(&tip.state, RoundId(id));
        Ok(round.map(|round| Standing { height, time_ms, round }))
    }

    async fn prepare(
        &self,
        key: &SecretKey,
        action: Action,
    ) -> Result<SignedTransaction, BoardError> {
        let transaction = Transaction {
            chain: self.chain,
            signer: key.public(),
            nonce: 0,
            expires: Height(self.now().height().saturating_add(EXPIRY_BLOCKS)),
            tip: Grains::ZERO,
            action: action.into(),
        };
        Ok(SignedTransaction::sign(transaction, key))
    }

    async fn submit(&self, signed: &SignedTransaction) -> Result<(), BoardError> {
        let (mempool, transactions) = (self.mempool.clone(), vec![signed.clone()]);
        // Its lock may be held for as long as a block's candidates are chosen.
        let checked = tokio::task::spawn_blocking(move || mempool.submit(transactions)).await;
        let checked = checked.map_err(|error| BoardError::Unanswered(error.to_string()))?;
        match checked.into_iter().next() {
            Some(Ok(_)) => self.gossip.originate(std::slice::from_ref(signed)),
            None | Some(Err(Refusal::Known)) => {}
            Some(Err(full @ Refusal::Full)) => {
                return Err(BoardError::Unanswered(full.to_string()));
            }
            Some(Err(refusal)) => return Err(BoardError::Refused(refusal.to_string())),
        }
        Ok(())
    }
}

/// Takes part in every round while `secret` is a committee member's key, for ever; prizes go to
/// that key. `cores` is a part of one core, from 0 to 1.
pub async fn keep_present(own: Own, secret: SecretKey, cores: f64) {
    let (key, budget) = (secret.public(), Budget::new(cores));
    let mut keeper = Keeper::new(own.clone(), own.chain, secret);
    let take_part = |id, keys: Vec<SecretKey>| {
        let (own, budget) = (own.clone(), budget.clone());
        async move {
            let effort = Effort::Machines { count: 1, budget };
            if let Err(error) = work_in(&own, id, effort, &keys).await {
                tracing::warn!(round = id, %error, "a presence round was not worked in to its end");
            }
        }
    };
    loop {
        let tip = own.now();
        let block_time = Duration::from_millis(tip.state.parameters().block_time_ms);
        if tip.state.committee().iter().any(|member| member.key == key)
            && let Err(error) = keeper.tend(&take_part).await
        {
            tracing::warn!(%error, "presence rounds were not looked at; trying again");
        }
        tokio::time::sleep(ask_interval(block_time)).await;
    }
}
