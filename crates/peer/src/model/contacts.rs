//! The other peers as the model's thread knows them: whom it can ask, who is left alone for a
//! while, and how long answers take.

use crate::exchange::client::{Callee, Caller};
use crate::exchange::fetch::{Call, fetch};
use crate::exchange::notice::{Fetched, Notice};
use crate::exchange::replay::RequestId;
use crate::exchange::shared::Exchange;
use crate::exchange::tensor::{from_activations, from_tokens};
use crate::model::seam::Question;
use muster_learning::gate::PEERS_MAX;
use muster_learning::{Activations, PeerIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Longest wait for the answers to an own step; it adapts to what peers take, down to the shortest.
pub(crate) const ANSWER_TIMEOUT_MAX: Duration = Duration::from_secs(4);
const ANSWER_TIMEOUT_MIN: Duration = Duration::from_millis(1500);
/// How long a gradient may take to be taken.
const GRADIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Gradients on their way at once; further ones are not sent.
const GRADIENTS_MAX: usize = 16;
/// How long a peer that did not answer is left alone: at first, and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The most for one that never answered: what it wrote on the ledger may lead to somebody else.
const BACKOFF_UNKNOWN_MAX: Duration = Duration::from_secs(600);

/// A peer that did not answer.
#[derive(Debug, Clone, Copy)]
struct Backoff {
    failures: u32,
    until: Instant,
}

/// The other peers.
pub(crate) struct Contacts {
    exchange: Arc<Exchange>,
    caller: Arc<Caller>,
    runtime: Handle,
    gradients: Arc<Semaphore>,
    backoff: BTreeMap<PeerIndex, Backoff>,
    /// Peers that answered before.
    answered: BTreeSet<PeerIndex>,
    /// Running mean of how long answers take.
    latency: Duration,
}

impl Contacts {
    /// Nobody was asked yet.
    pub fn new(exchange: Arc<Exchange>, runtime: Handle) -> Self {
        Self {
            caller: Arc::new(exchange.caller()),
            gradients: Arc::new(Semaphore::new(GRADIENTS_MAX)),
            backoff: BTreeMap::new(),
            answered: BTreeSet::new(),
            latency: ANSWER_TIMEOUT_MAX / 8,
            exchange,
            runtime,
        }
    }

    /// Peers that can be asked now, by their index.
    pub fn reachable(&self) -> BTreeMap<PeerIndex, Callee> {
        let directory = self.exchange.directory();
        let me = self.exchange.identity.public();
        if directory.get(&me).is_none() {
            // Nobody answers a key that is not registered.
            return BTreeMap::new();
        }
        let (now, chain) = (Instant::now(), directory.chain);
        let waits = |peer: &PeerIndex| self.backoff.get(peer).is_some_and(|b| b.until > now);
        directory
            .peers
            .iter()
            .filter(|(key, _)| **key != me)
            .filter(|(_, entry)| !entry.endpoint.is_empty())
            .map(|(key, entry)| (PeerIndex(entry.id.0), (*key, entry.endpoint.clone())))
            .filter(|(peer, _)| !waits(peer))
            .filter_map(|(peer, (key, endpoint))| {
                Some((peer, Callee { key, endpoint, chain: chain? }))
            })
            .take(PEERS_MAX as usize)
            .collect()
    }

    /// Asks `peers` the questions; the answers arrive in the inbox, as what `notice` makes of them.
    /// Gives who was asked, in the order of the answers. With `keep`, gradients may follow.
    pub fn ask(
        &self,
        peers: &BTreeMap<PeerIndex, Callee>,
        questions: &[Question],
        keep: bool,
        timeout: Duration,
        notice: impl FnOnce(Vec<Fetched>) -> Notice + Send + 'static,
    ) -> Vec<(PeerIndex, Callee)> {
        let mut calls = Vec::new();
        for Question { peers: asked, tokens } in questions {
            let input = from_tokens(tokens);
            calls.extend(asked.iter().filter_map(|peer| {
                let callee = peers.get(peer)?.clone();
                Some(Call { peer: *peer, callee, input: input.clone() })
            }));
        }
        let callees = calls.iter().map(|call| (call.peer, call.callee.clone())).collect();
        let (caller, exchange) = (self.caller.clone(), self.exchange.clone());
        self.runtime.spawn(async move {
            let answers = fetch(&caller, calls, keep, timeout).await;
            exchange.inbox.notify(notice(answers));
        });
        callees
    }

    /// Notes who answered and who did not, and gives the answers.
    pub fn note(&mut self, fetched: Vec<Fetched>) -> Vec<Option<Activations>> {
        let mut answers = Vec::with_capacity(fetched.len());
        for Fetched { peer, answer, took } in fetched {
            // Those that never came count as well: a busy network is given more time.
            self.latency = self.latency.mul_f64(0.95) + took.mul_f64(0.05);
            match answer {
                Ok((_, answer)) => {
                    self.backoff.remove(&peer);
                    self.answered.insert(peer);
                    answers.push(Some(answer));
                }
                Err(error) => {
                    tracing::debug!(peer = peer.0, %error, "a peer did not answer");
                    self.fail(peer);
                    answers.push(None);
                }
            }
        }
        answers
    }

    /// Leaves a peer alone for a while.
    pub fn fail(&mut self, peer: PeerIndex) {
        let failures = self.backoff.get(&peer).map_or(0, |backoff| backoff.failures);
        let until = Instant::now() + backoff(failures, self.answered.contains(&peer));
        self.backoff.insert(peer, Backoff { failures: failures.saturating_add(1), until });
    }

    /// How long the answers to an own step are waited for.
    pub fn answer_timeout(&self) -> Duration {
        (self.latency * 8).clamp(ANSWER_TIMEOUT_MIN, ANSWER_TIMEOUT_MAX)
    }

    /// Sends a gradient of an earlier answer on its way; nobody waits for it. Where too many are
    /// on their way already, it is not sent.
    pub fn send_gradient(&self, callee: &Callee, id: RequestId, gradient: Activations) {
        let Ok(permit) = self.gradients.clone().try_acquire_owned() else {
            return;
        };
        let (caller, callee) = (self.caller.clone(), callee.clone());
        let gradient = from_activations(gradient);
        self.runtime.spawn(async move {
            let sent = caller.backward(&callee, id, gradient, GRADIENT_TIMEOUT).await;
            if let Err(error) = sent {
                tracing::debug!(peer = %callee.key, %error, "a gradient was not taken");
            }
            drop(permit);
        });
    }
}

/// How long a peer is left alone after so many earlier failures.
fn backoff(failures: u32, answered: bool) -> Duration {
    let most = if answered { BACKOFF_MAX } else { BACKOFF_UNKNOWN_MAX };
    BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(failures)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_answered_is_left_alone_for_longer() {
        assert_eq!(backoff(0, true), BACKOFF_MIN);
        assert_eq!(backoff(0, false), BACKOFF_MIN);
        assert_eq!(backoff(100, true), BACKOFF_MAX);
        assert_eq!(backoff(9, false), Duration::from_secs(256));
        assert_eq!(backoff(100, false), BACKOFF_UNKNOWN_MAX);
    }
}
