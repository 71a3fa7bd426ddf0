//! Presence rounds, in which a peer shows that it is there: what each behaviour does in them.
//!
//! - `flooder`, `thief`: who does something else than work.

mod flooder;
mod thief;

use std::sync::Arc;
use std::time::Duration;

use muster_api::Client;
use muster_ledger::crypto::SecretKey;
use muster_presence::keep::ask_interval;
use muster_presence::{Budget, Effort, Keeper, work_in};

use crate::exchange::shared::Exchange;

/// What a peer does in rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing: it is not there.
    Absent,
    /// It works as so many machines; one is there, more are a farm.
    Machines(u32),
    /// It hands in the numbers that others found as its own.
    Thief,
    /// It hands in numbers that solve nothing, many a second.
    Flooder,
}

/// Takes part in every round, for ever, and claims what was won for the hot key. What fails is
/// logged and tried again.
pub async fn keep_present(exchange: Arc<Exchange>, ledger: Client, part: Part, cores: f64) {
    if part == Part::Absent {
        return;
    }
    let budget = Budget::new(cores);
    let mut keeper = None;
    loop {
        let directory = exchange.directory();
        tokio::time::sleep(ask_interval(Duration::from_millis(directory.block_time_ms))).await;
        let Some(chain) = directory.chain else { continue };
        let keeper = keeper.get_or_insert_with(|| {
            Keeper::new(ledger.clone(), chain, exchange.identity.secret().clone())
        });
        let take_part = |round, keys| take_part(ledger.clone(), part, budget.clone(), round, keys);
        if let Err(error) = keeper.tend(take_part).await {
            tracing::warn!(%error, "presence rounds were not looked at; trying again");
        }
    }
}

/// Takes part in a round until it is over.
async fn take_part(
    ledger: Client,
    part: Part,
    budget: Arc<Budget>,
    round: u64,
    keys: Vec<SecretKey>,
) {
    let done = match part {
        Part::Absent => Ok(()),
        Part::Machines(count) => {
            work_in(&ledger, round, Effort::Machines { count, budget }, &keys).await
        }
        Part::Thief => thief::steal(&ledger, round, &keys).await,
        Part::Flooder => flooder::flood(&ledger, round, &keys).await,
    };
    if let Err(error) = done {
        tracing::warn!(round, %error, "a presence round was not taken part in to its end");
    }
}
