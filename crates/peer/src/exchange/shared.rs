//! What the parts of a peer share: its identity, its bounds, its view of the ledger, what it
//! remembers, and the inbox in front of its model.

use crate::exchange::address::Network;
use crate::exchange::admission::{InFlight, Remote, ReservationSlot};
use crate::exchange::client::Caller;
use crate::exchange::counters::{Counters, Reason, Refusal};
use crate::exchange::envelope::{self, Tag, now_ms};
use crate::exchange::evidence::{Evidence, EvidenceRing};
use crate::exchange::identity::Identity;
use crate::exchange::inbox::{Answer, Inbox, Job, Work};
use crate::exchange::limits::Limits;
use crate::exchange::message::Message;
use crate::exchange::places::Places;
use crate::exchange::replay::{ReplayError, ReplayWindow, RequestId};
use crate::exchange::tier::{Claim, Tier};
use crate::ledger::directory::Directory;
use crate::sale::till::Till;
use muster_ledger::crypto::{Hash, PublicKey};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tonic::Request;

/// What this peer offers, as told by `Describe` and enforced by the checks.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Name for people.
    pub name: String,
    /// Most tokens in a sequence.
    pub context: usize,
    /// Values at each position of an answer.
    pub width: usize,
    /// Most sequences in one request.
    pub batch_max: usize,
    /// Price of one byte of a continuation, in grains.
    pub price_per_byte: u64,
    /// Longest text that Ask accepts, in bytes.
    pub ask_text_max: usize,
    /// Longest continuation that Ask sells, in bytes.
    pub ask_bytes_max: usize,
}

/// What the parts of a peer share: its identity, its view of the ledger, and its counters.
pub struct Exchange {
    /// Hot key and certificate.
    pub identity: Arc<Identity>,
    /// Bounds.
    pub limits: Limits,
    /// What is offered.
    pub offer: Offer,
    /// What happened.
    pub counters: Arc<Counters>,
    /// Requests and notices for the model's thread.
    pub inbox: Inbox,
    /// Takes payments for bought continuations.
    pub till: Till,
    /// Connections of others.
    pub places: Arc<Places>,
    pub(crate) in_flight: Arc<InFlight>,
    directory: RwLock<Arc<Directory>>,
    steps: AtomicU64,
    replay: Mutex<ReplayWindow>,
    evidence: Arc<Mutex<EvidenceRing>>,
}

/// A request that was authenticated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    /// What identifies it.
    pub tag: Tag,
    /// What its sender may claim here.
    pub claim: Claim,
}

/// Whose connection a request came on, and what its claim is.
fn caller<M>(request: &Request<M>) -> Result<(PublicKey, Claim), Refusal> {
    let extensions = request.extensions();
    let remote = extensions.get::<Remote>().zip(extensions.get::<Claim>());
    let (remote, claim) =
        remote.ok_or_else(|| Refusal::new(Reason::Signature, "the connection carries no key"))?;
    Ok((remote.key, *claim))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exchange {
    /// A peer's shared state with an empty directory.
    #[must_use]
    pub fn new(identity: Identity, limits: Limits, offer: Offer, till: Till) -> Self {
        let shares = limits.shares(|tier| tier.replay);
        let replay = ReplayWindow::new(limits.clock_skew_max, shares, Instant::now());
        Self {
            counters: Arc::default(),
            inbox: Inbox::new(&limits),
            places: Places::new(&limits),
            in_flight: InFlight::new(&limits),
            directory: RwLock::default(),
            steps: 0.into(),
            replay: Mutex::new(replay),
            evidence: Arc::new(Mutex::new(EvidenceRing::new(limits.evidence_max))),
            identity: Arc::new(identity),
            limits,
            offer,
            till,
        }
    }

    /// The latest snapshot of the ledger.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the snapshot of the ledger.
    pub fn set_directory(&self, directory: Directory) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }

    /// What a key on a connection from this network may claim now.
    #[must_use]
    pub fn claim(&self, key: &PublicKey, network: Network) -> Claim {
        self.directory().claim(&self.identity.public(), key, network)
    }

    /// Says how many steps were made, for `Describe`.
    pub fn set_steps(&self, steps: u64) {
        self.steps.store(steps, Ordering::Relaxed);
    }

    /// How many steps were made.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Bytes of requests in flight.
    #[must_use]
    pub fn bytes_in_flight(&self) -> usize {
        self.in_flight.held()
    }

    /// Remembers an answer, given or received.
    pub fn remember(&self, tag: &Tag, sealed: envelope::Sealed) {
        lock(&self.evidence).push(Evidence::new(tag, &sealed));
    }

    /// The remembered answers to a request.
    #[must_use]
    pub fn evidence(&self, request_id: RequestId) -> Vec<Evidence> {
        lock(&self.evidence).find(request_id).cloned().collect()
    }

    /// Calls other peers with this identity; counted and remembered here.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let (counters, evidence) = (self.counters.clone(), self.evidence.clone());
        Caller::new(self.identity.clone(), self.limits.clone(), counters, evidence)
    }

    pub(crate) fn chain(&self) -> Result<Hash, Refusal> {
        self.directory().chain.ok_or_else(|| {
            Refusal::new(Reason::Unavailable, "this peer has not reached its ledger yet: try later")
        })
    }

    /// Authenticates a request: registered where it must be, signed by the connection's key for
    /// this peer, in time, and never seen.
    pub(crate) fn open<M: Message>(
        &self,
        request: &Request<M>,
        registered: bool,
    ) -> Result<Opened, Refusal> {
        let (key, claim) = caller(request)?;
        let chain = self.chain()?;
        if registered && claim.tier == Tier::Stranger {
            let message = format!("{key} is not registered on the ledger: register first");
            return Err(Refusal::new(Reason::Stranger, message));
        }
        let me = self.identity.public();
        let skew = self.limits.clock_skew_max;
        let read = envelope::read_request(request.get_ref(), me, key, now_ms(), skew)?;
        // The id is taken before the signature is looked at: so a flood of wrong ones costs no
        // more than the ids of who sends it.
        lock(&self.replay).insert(key, &claim, read.id(), Instant::now()).map_err(|error| {
            let reason = match error {
                ReplayError::Seen => Reason::Replay,
                ReplayError::Full { .. } => Reason::Load,
            };
            Refusal::new(reason, error)
        })?;
        Ok(Opened { tag: read.verify(&chain)?, claim })
    }

    /// Signs the answer to `tag` and remembers it.
    pub(crate) fn seal<M: Message>(&self, mut message: M, tag: &Tag) -> Result<M, Refusal> {
        let chain = self.chain()?;
        let sealed = envelope::seal_response(&mut message, &self.identity, &chain, tag, now_ms());
        self.remember(tag, sealed);
        Ok(message)
    }

    /// Queues work and waits for its answer until the deadline.
    pub(crate) async fn work(
        &self,
        opened: Opened,
        work: Work,
        reservation: ReservationSlot,
        timeout: Duration,
    ) -> Result<Answer, Refusal> {
        let Opened { tag, claim } = opened;
        let me = self.identity.public();
        let gradient_standing = self.directory().gradient_standing(&me, &tag.asker);
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + timeout;
        let job = Job { tag, claim, work, gradient_standing, reply, reservation };
        self.inbox.push(job, deadline)?;
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refusal::new(Reason::Unavailable, "this peer is stopping")),
            Err(_) => Err(Refusal::new(Reason::Deadline, "the deadline passed")),
        }
    }
}
