//! All rounds, for ever: those that are open are taken part in, what was won is claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use muster_api::presence::{Phase, Round};
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::transaction::presence::Action;
use muster_ledger::types::RoundId;
use tokio::task::JoinHandle;

use crate::board::{Board, BoardError};
use crate::round::{Participation, PresenceError, participate};
use crate::solver_keys;
use crate::work::Effort;

/// How often it is asked whether a round is open, four times a block within these: work that
/// begins late is work that is not counted.
const ASK_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(250)..=Duration::from_secs(1);

/// How long to wait before the ledger is asked again whether a round is open.
#[must_use]
pub fn ask_interval(block_time: Duration) -> Duration {
    (block_time / 4).clamp(*ASK_INTERVAL.start(), *ASK_INTERVAL.end())
}

/// Whoever takes part in every round, with the keys that are made from its own.
pub struct Keeper<B> {
    board: B,
    chain: Hash,
    secret: SecretKey,
    /// The rounds taken part in, while the ledger remembers them.
    joined: BTreeMap<u64, Joined>,
    /// Rounds that are over and hold nothing for us, behind `after`.
    settled: BTreeSet<u64>,
    /// All rounds up to this one are settled, or forgotten.
    after: Option<u64>,
}

/// A round that is taken part in, until this is dropped.
struct Joined(JoinHandle<()>);

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<B: Board> Keeper<B> {
    /// Prizes go to the secret's own key.
    #[must_use]
    pub fn new(board: B, chain: Hash, secret: SecretKey) -> Self {
        let (joined, settled) = (BTreeMap::new(), BTreeSet::new());
        Self { board, chain, secret, joined, settled, after: None }
    }

    /// Looks once: begins to `take part` in rounds that are open, with these keys, and claims what
    /// was won.
    ///
    /// # Errors
    /// When the ledger does not answer; it may be looked again.
    pub async fn tend<Part>(
        &mut self,
        take_part: impl Fn(u64, Vec<SecretKey>) -> Part,
    ) -> Result<(), BoardError>
    where
        Part: Future<Output = ()> + Send + 'static,
    {
        let rounds = self.board.rounds(self.after).await?;
        let known: BTreeSet<u64> = rounds.iter().map(|round| round.id).collect();
        self.joined.retain(|id, _| known.contains(id));
        self.settled.retain(|id| known.contains(id));
        for round in &rounds {
            if self.settled.contains(&round.id) {
                continue;
            }
            if round.phase == Phase::Open {
                // What failed is begun again.
                if self.joined.get(&round.id).is_none_or(|joined| joined.0.is_finished()) {
                    let keys = solver_keys(&self.secret, &self.chain, round.id);
                    let task = tokio::spawn(take_part(round.id, keys));
                    self.joined.insert(round.id, Joined(task));
                }
            } else if self.claim(round).await? {
                self.settled.insert(round.id);
            }
        }
        let settled = rounds.iter().take_while(|round| self.settled.contains(&round.id));
        self.after = settled.last().map_or(self.after, |round| Some(round.id));
        Ok(())
    }

    /// Claims the prize of a round that is over if it is ours; whether nothing is left to do.
    async fn claim(&self, round: &Round) -> Result<bool, BoardError> {
        let Some(first) = round.solutions.first().filter(|_| round.prize.grains() > 0) else {
            return Ok(true);
        };
        let keys = solver_keys(&self.secret, &self.chain, round.id);
        let Some(key) = keys.iter().find(|key| key.public() == first.solver.0) else {
            return Ok(true);
        };
        let action = Action::Claim { round: RoundId(round.id), to: self.secret.public() };
        let claim = self.board.prepare(key, action).await?;
        match self.board.submit(&claim).await {
            Ok(()) => {
                let prize = Grains(round.prize.grains());
                tracing::info!(round = round.id, %prize, "claiming the prize");
            }
            // It waits already, or was claimed meanwhile.
            Err(BoardError::Refused(reason)) => {
                tracing::debug!(round = round.id, reason, "a claim was not taken");
            }
            Err(error) => return Err(error),
        }
        // Until the prize is gone.
        Ok(false)
    }
}

/// Works in a round, and says what came of it.
///
/// # Errors
/// See [`participate`].
pub async fn work_in<B: Board>(
    board: &B,
    round: u64,
    effort: Effort,
    keys: &[SecretKey],
) -> Result<(), PresenceError> {
    tracing::info!(round, "a presence round is open: working in it");
    let done = participate(board, round, effort, keys, |_| {}).await?;
    let solved = done.solutions(keys).count();
    let acted = done.round.phase == Phase::Acted;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use muster_ledger::crypto::PublicKey;
    use muster_ledger::transaction::{SignedTransaction, Transaction};
    use muster_ledger::types::Height;

    use super::*;
    use crate::board::Standing;

    const CHAIN: Hash = Hash([9; 32]);

    /// Rounds as they are set, and what was asked and handed in.
    #[derive(Clone, Default)]
    struct Fake(Arc<Mutex<Inner>>);

    #[derive(Default)]
    struct Inner {
        rounds: Vec<Round>,
        asked: Vec<Option<u64>>,
        claimed: Vec<(u64, PublicKey)>,
    }

    impl Board for Fake {
        async fn rounds(&self, after: Option<u64>) -> Result<Vec<Round>, BoardError> {
            let mut inner = self.0.lock().expect("nobody failed");
            inner.asked.push(after);
            let behind = |round: &&Round| after.is_none_or(|after| round.id > after);
            Ok(inner.rounds.iter().filter(behind).cloned().collect())
        }

        async fn standing(&self, round: u64) -> Result<Option<Standing>, BoardError> {
            Err(BoardError::Unanswered(format!("nobody works in round {round} here")))
        }

        async fn prepare(
            &self,
            key: &SecretKey,
            action: Action,
        ) -> Result<SignedTransaction, BoardError> {
            let transaction = Transaction {
                chain: CHAIN,
                signer: key.public(),
                nonce: 0,
                expires: Height(1),
                tip: Grains::ZERO,
                action: action.into(),
            };
            Ok(SignedTransaction::sign(transaction, key))
        }

        async fn submit(&self, signed: &SignedTransaction) -> Result<(), BoardError> {
            let action = &signed.transaction.action;
            let muster_ledger::transaction::Action::Presence(Action::Claim { round, to }) = action
            else {
                panic!("only claims are handed in here")
            };
            let mut inner = self.0.lock().expect("nobody failed");
            inner.claimed.push((round.0, *to));
            Ok(())
        }
    }

    fn round(id: u64, phase: Phase, prize: u64, first: Option<PublicKey>) -> Round {
        let solution = |solver: PublicKey| muster_api::presence::Solution {
            solver: solver.into(),
            after_ms: 1_000,
        };
        Round {
            id,
            opener: PublicKey([1; 32]).into(),
            phase,
            deadline_ms: 9_000,
            best_ms: 9_000,
            largest_ms: 9_000,
            unlocks: None,
            prize: Grains(prize).into(),
            deposit: Grains::ZERO.into(),
            puzzle: muster_api::presence::Puzzle::Sha256,
            difficulty: 1,
            tries_per_second: 1.0,
            solutions_wanted: 1,
            challenge: None,
            began_ms: None,
            solutions: first.map(solution).into_iter().collect(),
        }
    }

    #[tokio::test]
    async fn open_rounds_are_joined_once_and_settled_ones_are_not_asked_for_again() {
        let board = Fake::default();
        let secret = SecretKey::from_seed([3; 32]);
        let own = |id| solver_keys(&secret, &CHAIN, id)[1].public();
        let other = PublicKey([7; 32]);
        board.0.lock().expect("one thread").rounds = vec![
            round(0, Phase::Lapsed, 0, None),
            round(1, Phase::Acted, 5, Some(other)),
            round(2, Phase::Acted, 5, Some(own(2))),
            round(3, Phase::Open, 5, None),
            round(4, Phase::Acted, 0, Some(own(4))),
        ];
        let joined = Arc::new(Mutex::new(Vec::new()));
        let take_part = |id, keys: Vec<SecretKey>| {
            joined.lock().expect("one thread").push((id, keys.len()));
            std::future::pending()
        };
        let mut keeper = Keeper::new(board.clone(), CHAIN, secret.clone());
        for _ in 0..3 {
            keeper.tend(&take_part).await.expect("an answer");
        }
        assert_eq!(*joined.lock().expect("one thread"), [(3, crate::KEYS as usize)]);
        {
            let mut inner = board.0.lock().expect("one thread");
            // Ours is claimed until the prize is gone, the other's never.
            assert_eq!(inner.claimed, [(2, secret.public()); 3]);
            assert_eq!(inner.asked, [None, Some(1), Some(1)]);
            inner.rounds[2].prize = Grains::ZERO.into();
            inner.rounds[3] = round(3, Phase::Lapsed, 0, None);
        }
        for _ in 0..2 {
            keeper.tend(&take_part).await.expect("an answer");
        }
        let inner = board.0.lock().expect("one thread");
        assert_eq!(inner.claimed.len(), 3);
        assert_eq!(inner.asked[3..], [Some(1), Some(4)]);
    }

    #[tokio::test]
    async fn what_ended_too_early_is_begun_again_and_what_is_forgotten_is_stopped() {
        let board = Fake::default();
        board.0.lock().expect("one thread").rounds = vec![round(0, Phase::Open, 0, None)];
        let mut keeper = Keeper::new(board.clone(), CHAIN, SecretKey::from_seed([3; 32]));
        let begun = Arc::new(Mutex::new(0));
        let take_part = |_, _| {
            *begun.lock().expect("one thread") += 1;
            async {}
        };
        for _ in 0..3 {
            keeper.tend(&take_part).await.expect("an answer");
            // The task that was begun ends.
            tokio::task::yield_now().await;
        }
        assert_eq!(*begun.lock().expect("one thread"), 3);
        board.0.lock().expect("one thread").rounds.clear();
        keeper.tend(&take_part).await.expect("an answer");
        assert!(keeper.joined.is_empty() && keeper.settled.is_empty());
    }
}
