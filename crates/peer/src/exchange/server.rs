//! Answering other peers: authentication, checks, and the queue in front of the model.

use crate::exchange::admission::{Admission, InFlight, Remote, ReservationSlot};
use crate::exchange::client::Caller;
use crate::exchange::counters::{Counters, Reason, Refusal};
use crate::exchange::envelope::{self, Tag, now_ms};
use crate::exchange::evidence::{Evidence, EvidenceRing};
use crate::exchange::identity::Identity;
use crate::exchange::inbox::{Answer, Inbox, Job, Work};
use crate::exchange::limits::Limits;
use crate::exchange::message::Message;
use crate::exchange::proto::peer_server::{Peer, PeerServer};
use crate::exchange::proto::{
    AskRequest, BackwardRequest, BackwardResponse, DescribeRequest, DescribeResponse,
    ForwardRequest, ForwardResponse,
};
use crate::exchange::replay::ReplayWindow;
use crate::exchange::tensor::{from_activations, to_activations, to_tokens};
use crate::ledger::directory::Directory;
use crate::model::worker::Event;
use crate::sale::till::Till;
use muster_ledger::crypto::{Hash, PublicKey};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

/// Room for everything in a message but its tensor.
const ENVELOPE_BYTES: usize = 1024;

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
    /// Requests and events for the model's thread.
    pub inbox: Inbox<Event>,
    /// Takes payments for bought continuations.
    pub till: Till,
    in_flight: Arc<InFlight>,
    directory: RwLock<Arc<Directory>>,
    steps: std::sync::atomic::AtomicU64,
    replay: Mutex<ReplayWindow>,
    evidence: Arc<Mutex<EvidenceRing>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exchange {
    /// A peer's shared state with an empty directory.
    #[must_use]
    pub fn new(identity: Identity, limits: Limits, offer: Offer, till: Till) -> Self {
        let replay = ReplayWindow::new(
            limits.clock_skew_max,
            limits.replay_max,
            limits.sender_replay_max,
            Instant::now(),
        );
        Self {
            counters: Arc::default(),
            inbox: Inbox::new(&limits),
            in_flight: InFlight::new(limits.in_flight_bytes_max, limits.sender_in_flight_bytes_max),
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

    /// Says how many steps were made, for `Describe`.
    pub fn set_steps(&self, steps: u64) {
        self.steps.store(steps, std::sync::atomic::Ordering::Relaxed);
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
    pub fn evidence(&self, request_id: crate::exchange::replay::RequestId) -> Vec<Evidence> {
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
    fn open<M: Message>(&self, request: &Request<M>, registered: bool) -> Result<Tag, Refusal> {
        let caller = request
            .extensions()
            .get::<Remote>()
            .copied()
            .ok_or_else(|| Refusal::new(Reason::Signature, "the connection carries no key"))?;
        let chain = self.chain()?;
        if registered && self.directory().get(&caller.key).is_none() {
            let message = format!("{} is not registered on the ledger: register first", caller.key);
            return Err(Refusal::new(Reason::Stranger, message));
        }
        let me = self.identity.public();
        let skew = self.limits.clock_skew_max;
        let tag =
            envelope::open_request(request.get_ref(), me, caller.key, &chain, now_ms(), skew)?;
        lock(&self.replay).insert(caller.key, tag.id, Instant::now()).map_err(|error| {
            let reason = match error {
                crate::exchange::replay::ReplayError::Seen => Reason::Replay,
                crate::exchange::replay::ReplayError::Full { .. } => Reason::Load,
            };
            Refusal::new(reason, error)
        })?;
        Ok(tag)
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
        tag: Tag,
        work: Work,
        reservation: ReservationSlot,
        timeout: Duration,
    ) -> Result<Answer, Refusal> {
        let (me, directory) = (self.identity.public(), self.directory());
        let standing = directory.standing(&me, &tag.asker);
        let gradient_standing = directory.gradient_standing(&me, &tag.asker);
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + timeout;
        self.inbox.push(
            Job { tag, work, gradient_standing, reply, reservation },
            standing,
            deadline,
        )?;
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refusal::new(Reason::Unavailable, "this peer is stopping")),
            Err(_) => Err(Refusal::new(Reason::Deadline, "the deadline passed")),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Status {
        self.counters.count_refused(refusal.reason);
        refusal.into()
    }

    fn describe(&self, request: &Request<DescribeRequest>) -> Result<DescribeResponse, Refusal> {
        let tag = self.open(request, false)?;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let offer = &self.offer;
        let response = DescribeResponse {
            envelope: None,
            name: offer.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            modality: "text".into(),
            context: number(offer.context),
            width: number(offer.width),
            vocabulary: number(muster_learning::VOCABULARY),
            batch_max: number(offer.batch_max),
            message_bytes_max: self.limits.message_bytes_max as u64,
            price_per_byte: offer.price_per_byte,
            steps: self.steps.load(std::sync::atomic::Ordering::Relaxed),
            ask_text_max: number(offer.ask_text_max),
            ask_bytes_max: number(offer.ask_bytes_max),
        };
        self.seal(response, &tag)
    }

    async fn forward(&self, request: Request<ForwardRequest>) -> Result<ForwardResponse, Refusal> {
        let tag = self.open(&request, true)?;
        let (timeout, slot) = (self.timeout(&request), slot(&request));
        let ForwardRequest { input, keep, .. } = request.into_inner();
        let bad = |error: &dyn std::fmt::Display| Refusal::new(Reason::Tensor, error);
        let tokens = to_tokens(input).map_err(|error| bad(&error))?;
        tokens.check(self.offer.batch_max, self.offer.context).map_err(|error| bad(&error))?;
        let answer_bytes = tokens.ids.len().saturating_mul(self.offer.width).saturating_mul(4);
        if answer_bytes.saturating_add(ENVELOPE_BYTES) > self.limits.message_bytes_max {
            let message = format!(
                "the answer would have {answer_bytes} bytes, more than one message holds: send fewer sequences"
            );
            return Err(Refusal::new(Reason::Size, message));
        }
        match self.work(tag, Work::Forward { tokens, keep }, slot, timeout).await? {
            Answer::Output(output) => {
                let output = Some(from_activations(output));
                self.seal(ForwardResponse { envelope: None, output }, &tag)
            }
            _ => Err(Refusal::new(Reason::Unavailable, "this peer does not answer")),
        }
    }

    async fn backward(
        &self,
        request: Request<BackwardRequest>,
    ) -> Result<BackwardResponse, Refusal> {
        let tag = self.open(&request, true)?;
        let (timeout, slot) = (self.timeout(&request), slot(&request));
        let BackwardRequest { forward_id, gradient, .. } = request.into_inner();
        let forward_id = forward_id
            .as_ref()
            .try_into()
            .map_err(|_| Refusal::new(Reason::UnknownRequest, "forward_id must have 16 bytes"))?;
        let gradient =
            to_activations(gradient).map_err(|error| Refusal::new(Reason::Tensor, error))?;
        match self.work(tag, Work::Backward { forward_id, gradient }, slot, timeout).await? {
            Answer::Applied(applied) => {
                self.seal(BackwardResponse { envelope: None, applied }, &tag)
            }
            _ => Err(Refusal::new(Reason::Unavailable, "this peer does not answer")),
        }
    }

    /// The caller's deadline, bounded by ours.
    fn timeout<M>(&self, request: &Request<M>) -> Duration {
        let header = request.metadata().get("grpc-timeout").and_then(|v| v.to_str().ok());
        header
            .and_then(parse_timeout)
            .map_or(self.limits.request_timeout, |t| t.min(self.limits.request_timeout))
    }
}

fn slot<M>(request: &Request<M>) -> ReservationSlot {
    request.extensions().get::<ReservationSlot>().cloned().unwrap_or_default()
}

/// Reads a `grpc-timeout`: up to eight digits and a unit.
fn parse_timeout(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The gRPC service over an [`Exchange`].
pub struct PeerService(pub Arc<Exchange>);

impl PeerService {
    fn finish<M>(&self, result: Result<M, Refusal>) -> Result<Response<M>, Status> {
        match result {
            Ok(message) => {
                self.0.counters.count_answered();
                Ok(Response::new(message))
            }
            Err(refusal) => Err(self.0.refuse(refusal)),
        }
    }
}

#[tonic::async_trait]
impl Peer for PeerService {
    type AskStream = crate::sale::ask::Answers;

    async fn describe(
        &self,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        self.finish(self.0.describe(&request))
    }

    async fn forward(
        &self,
        request: Request<ForwardRequest>,
    ) -> Result<Response<ForwardResponse>, Status> {
        self.finish(self.0.forward(request).await)
    }

    async fn backward(
        &self,
        request: Request<BackwardRequest>,
    ) -> Result<Response<BackwardResponse>, Status> {
        self.finish(self.0.backward(request).await)
    }

    async fn ask(&self, request: Request<AskRequest>) -> Result<Response<Self::AskStream>, Status> {
        let tag = self.0.open(&request, false).map_err(|refusal| self.0.refuse(refusal))?;
        let slot = slot(&request);
        let stream =
            crate::sale::ask::answer(self.0.clone(), tag, request.into_inner(), slot).await;
        self.finish(stream)
    }
}

/// The metered gRPC service, ready to be served.
#[must_use]
pub fn service(exchange: Arc<Exchange>) -> Admission<PeerServer<PeerService>> {
    let (in_flight, counters) = (exchange.in_flight.clone(), exchange.counters.clone());
    let max = exchange.limits.message_bytes_max;
    let view = exchange.clone();
    let message_bytes_max = Arc::new(move |key: &PublicKey| {
        let registered = view.directory().get(key).is_some();
        if registered { max } else { view.limits.stranger_message_bytes_max }
    });
    let server = PeerServer::new(PeerService(exchange))
        .max_decoding_message_size(max)
        .max_encoding_message_size(max);
    Admission::new(server, in_flight, counters, message_bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_grpc_writes_them() {
        let cases = [
            ("5S", Some(Duration::from_secs(5))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("", None),
            ("S", None),
            ("5", None),
            ("123456789S", None),
            ("-5S", None),
            ("5é", None),
        ];
        for (header, expected) in cases {
            assert_eq!(parse_timeout(header), expected, "{header:?}");
        }
    }
}
