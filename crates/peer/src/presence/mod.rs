//! Presence rounds: a peer is there, and shows it by its work.
//!
//! A peer works in every round that is open, as one of the machines that the round reckons with and
//! no faster, within a part of one core that leaves learning alone, and stops when the round is
//! over. Each solution is signed with a key of its own, made from the hot key, the chain, the round
//! and a count: nobody else can tell whose it is, and the peer finds it again. A prize goes to the
//! hot key.
//!
//! - `work`: the search, on threads of its own;
//! - `round`: one round until it is over, also for the command line;
//! - `flooder`, `thief`: who does something else instead.

mod flooder;
mod round;
mod thief;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use muster_api::presence::{Phase, Round};
use muster_api::{Client, ClientError};
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash};
use muster_ledger::money::Grains;
use muster_ledger::transaction::presence::Action;
use muster_ledger::types::RoundId;
use tokio::task::JoinHandle;

use crate::exchange::shared::Exchange;

use round::EXPIRY_BLOCKS;
pub use round::{Participation, PresenceError, participate};
pub use work::{Budget, Effort};

/// Most solutions of one machine in one round: as many as a round can ask for.
pub const KEYS: u32 = 32;
/// How often it is asked whether a round is open, four times a block within these: work that
/// begins late is work that is not counted.
const ASK_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(250)..=Duration::from_secs(1);

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

/// The key with which the owner of a secret signs its solution of this count in a round.
#[must_use]
pub fn solver_key(secret: &SecretKey, chain: &Hash, round: u64, count: u32) -> SecretKey {
    let parts: [&[u8]; 4] =
        [&secret.seed()[..], &chain.0, &round.to_le_bytes(), &count.to_le_bytes()];
    SecretKey::from_seed(hash("presence solver", &parts).0)
}

/// All of them.
#[must_use]
pub fn solver_keys(secret: &SecretKey, chain: &Hash, round: u64) -> Vec<SecretKey> {
    (0..KEYS).map(|count| solver_key(secret, chain, round, count)).collect()
}

/// Takes part in every round, for ever, and claims what was won for the hot key. What fails is
/// logged and tried again.
pub async fn keep_present(exchange: Arc<Exchange>, ledger: Client, part: Part, cores: f64) {
    if part == Part::Absent {
        return;
    }
    let mut presence =
        Presence { exchange, ledger, part, budget: Budget::new(cores), joined: BTreeMap::new() };
    loop {
        let directory = presence.exchange.directory();
        let pause = Duration::from_millis(directory.block_time_ms / 4);
        tokio::time::sleep(pause.clamp(*ASK_INTERVAL.start(), *ASK_INTERVAL.end())).await;
        let Some(chain) = directory.chain else { continue };
        if let Err(error) = presence.tend(&chain).await {
            tracing::warn!(%error, "presence rounds were not looked at; trying again");
        }
    }
}

struct Presence {
    exchange: Arc<Exchange>,
    ledger: Client,
    part: Part,
    budget: Arc<Budget>,
    /// The rounds taken part in, while the ledger remembers them.
    joined: BTreeMap<u64, Joined>,
}

/// A round that is taken part in, until this is dropped.
struct Joined(JoinHandle<()>);

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Presence {
    async fn tend(&mut self, chain: &Hash) -> Result<(), ClientError> {
        let rounds = self.ledger.rounds().await?.rounds;
        let known: BTreeSet<u64> = rounds.iter().map(|round| round.id).collect();
        self.joined.retain(|id, _| known.contains(id));
        for round in rounds {
            let secret = self.exchange.identity.secret();
            if round.phase == Phase::Open {
                // What failed is begun again.
                if self.joined.get(&round.id).is_none_or(|joined| joined.0.is_finished()) {
                    let keys = solver_keys(secret, chain, round.id);
                    self.joined.insert(round.id, self.join(round.id, keys));
                }
            } else if round.prize.grains() > 0 {
                let keys = solver_keys(secret, chain, round.id);
                claim(&self.ledger, &round, &keys, secret.public()).await?;
            }
        }
        Ok(())
    }

    /// Begins to take part in a round.
    fn join(&self, round: u64, keys: Vec<SecretKey>) -> Joined {
        let (ledger, part, budget) = (self.ledger.clone(), self.part, self.budget.clone());
        Joined(tokio::spawn(async move {
            let done = match part {
                Part::Absent => Ok(()),
                Part::Machines(count) => {
                    let effort = Effort::Machines { count, budget };
                    work_in(&ledger, round, effort, &keys).await
                }
                Part::Thief => thief::steal(&ledger, round, &keys).await,
                Part::Flooder => flooder::flood(&ledger, round, &keys).await,
            };
            if let Err(error) = done {
                tracing::warn!(round, %error, "a presence round was not taken part in to its end");
            }
        }))
    }
}

/// Works in a round, and says what came of it.
async fn work_in(
    ledger: &Client,
    round: u64,
    effort: Effort,
    keys: &[SecretKey],
) -> Result<(), PresenceError> {
    tracing::info!(round, "a presence round is open: working in it");
    let done = participate(ledger, round, effort, keys, |_| {}).await?;
    let solved = done.solutions(keys).count();
    let acted = done.report.round.phase == Phase::Acted;
    let Participation { tries, lost, worked, .. } = done;
    tracing::info!(round, acted, solved, tries, ?worked, "a presence round is over");
    if lost > 0 {
        tracing::warn!(
            round,
            lost,
            "this machine did not make the tries that the round reckons with: it counted as less \
             than one; raise presence_cores, or ask for rounds of fewer tries a second"
        );
    }
    Ok(())
}

/// Claims the prize of a round that one of the keys was the first to solve.
async fn claim(
    ledger: &Client,
    round: &Round,
    keys: &[SecretKey],
    to: PublicKey,
) -> Result<(), ClientError> {
    let first = round.solutions.first();
    let first = first.and_then(|first| keys.iter().find(|key| key.public() == first.solver.0));
    let Some(key) = first else { return Ok(()) };
    let action = Action::Claim { round: RoundId(round.id), to };
    let claim = ledger.prepare(key, action.into(), Grains::ZERO, EXPIRY_BLOCKS).await?;
    match ledger.submit(&claim).await {
        Ok(_) => {
            tracing::info!(round = round.id, prize = %Grains(round.prize.grains()), "claimed");
            Ok(())
        }
        // It waits already, or was claimed meanwhile.
        Err(error) if error.status().is_some_and(|status| status < 500) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_one_chain_one_round_and_one_count() {
        let (one, other) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
        let chain = Hash([3; 32]);
        let keys = [
            solver_key(&one, &chain, 0, 0),
            solver_key(&one, &chain, 0, 1),
            solver_key(&one, &chain, 1, 0),
            solver_key(&one, &Hash([4; 32]), 0, 0),
            solver_key(&other, &chain, 0, 0),
            one.clone(),
        ];
        let different: BTreeSet<[u8; 32]> = keys.iter().map(|key| key.public().0).collect();
        assert_eq!(different.len(), keys.len());
        let all = solver_keys(&one, &chain, 0);
        assert_eq!(all.len(), KEYS as usize);
        assert_eq!(all[1].public(), keys[1].public());
    }
}
