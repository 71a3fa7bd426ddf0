//! Bytes in flight, bounded before they are held.
//!
//! A gRPC message begins with its length. [`Admission`] reads that length from the first five bytes
//! of a request and checks it against what its caller may send. The bytes themselves are reserved
//! from the budget of the caller's tier as they arrive, in blocks: what was announced and never
//! comes costs nothing, and what comes too slowly ends. The reservation lives as long as the
//! request does, in the queue too, and with its answer until that was read.

use crate::exchange::budget::{Budget, Spent};
use crate::exchange::counters::{Counters, Reason, Refusal};
use crate::exchange::limits::Limits;
use crate::exchange::places::{Busy, Place};
use crate::exchange::tier::{Claim, Tier};
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use muster_ledger::crypto::PublicKey;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

/// Length of what precedes a gRPC message: a compression flag and the message's length.
const PREFIX_BYTES: usize = 5;
/// Bytes of a message are reserved in blocks of this size as they arrive.
const BLOCK_BYTES: usize = 64 << 10;

/// Who is at the other end of a connection.
#[derive(Clone)]
pub struct Remote {
    /// Key of its certificate, which it proved to hold.
    pub key: PublicKey,
    /// The connection.
    pub(crate) place: Arc<Place>,
}

/// The budget of bytes in flight.
pub struct InFlight {
    held: Mutex<Budget>,
}

impl InFlight {
    /// A budget of as many bytes as the limits say for each tier.
    #[must_use]
    pub fn new(limits: &Limits) -> Arc<Self> {
        let budget = Budget::new(limits.shares(|tier| tier.bytes));
        Arc::new(Self { held: Mutex::new(budget) })
    }

    /// Reserves `bytes` for a caller.
    fn take(&self, claim: &Claim, bytes: usize) -> Result<(), Refusal> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.take(claim, bytes).map_err(|spent| {
            let message = match spent {
                Spent::Holder { held, max } => format!(
                    "{held} bytes of yours are in flight; with {bytes} more they would exceed {max}: wait for answers"
                ),
                Spent::Tier { held } => format!(
                    "{held} bytes are in flight here, and {bytes} more of yours would be too many: try later"
                ),
            };
            Refusal::new(Reason::Size, message)
        })
    }

    /// Bytes reserved now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).held()
    }
}

/// Bytes reserved in an [`InFlight`] budget; given back when dropped.
struct Reservation {
    budget: Arc<InFlight>,
    claim: Claim,
    bytes: usize,
}

impl Reservation {
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.budget.take(&self.claim, bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut held = self.budget.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.give(self.claim.tier, &self.claim.holder, self.bytes);
    }
}

/// A request's reservation, shared by all that work on the request.
#[derive(Clone)]
pub struct ReservationSlot(Arc<Mutex<Reservation>>);

impl ReservationSlot {
    /// Nothing is reserved yet, for this caller.
    #[must_use]
    pub fn new(budget: Arc<InFlight>, claim: Claim) -> Self {
        Self(Arc::new(Mutex::new(Reservation { budget, claim, bytes: 0 })))
    }

    /// Reserves further bytes, for as long as anybody works on the request.
    ///
    /// # Errors
    /// A [`Refusal`] saying which budget is spent.
    pub fn grow(&self, bytes: usize) -> Result<(), Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).grow(bytes)
    }
}

/// What a key on a connection may claim, at this moment.
pub type ClaimOf = Arc<dyn Fn(&Remote) -> Claim + Send + Sync>;

/// Wraps the gRPC service so that every request's bytes are metered.
#[derive(Clone)]
pub struct Admission<S> {
    inner: S,
    in_flight: Arc<InFlight>,
    counters: Arc<Counters>,
    limits: Arc<Limits>,
    claim_of: ClaimOf,
}

impl<S> Admission<S> {
    /// Meters the requests of `inner`.
    pub fn new(
        inner: S,
        in_flight: Arc<InFlight>,
        counters: Arc<Counters>,
        limits: Arc<Limits>,
        claim_of: ClaimOf,
    ) -> Self {
        Self { inner, in_flight, counters, limits, claim_of }
    }
}

impl<S: NamedService> NamedService for Admission<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<tonic::body::Body>> for Admission<S>
where
    S: Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = Infallible,
        >,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let Some(remote) = parts.extensions.get::<Remote>().cloned() else {
            let refusal = Refusal::new(Reason::Signature, "the connection carries no key");
            self.counters.count_refused(refusal.reason);
            return Box::pin(async { Ok(Status::from(refusal).into_http()) });
        };
        let busy = remote.place.begin();
        let claim = (self.claim_of)(&remote);
        let slot = ReservationSlot::new(self.in_flight.clone(), claim);
        parts.extensions.insert(slot.clone());
        parts.extensions.insert(claim);
        let metered = Metered {
            inner: body,
            prefix: BytesMut::new(),
            remaining: None,
            slot: slot.clone(),
            unreserved: 0,
            bytes_max: bytes_max(&self.limits, claim.tier),
            counters: self.counters.clone(),
            pace: Pace::new(&self.limits),
        };
        let body = tonic::body::Body::new(metered);
        let answer = self.inner.call(http::Request::from_parts(parts, body));
        Box::pin(async move {
            let (parts, body) = answer.await?.into_parts();
            busy.answer();
            let answered = Answered { inner: body, held: Some((busy, slot)) };
            Ok(http::Response::from_parts(parts, tonic::body::Body::new(answered)))
        })
    }
}

/// The largest message that a caller of this tier may send.
fn bytes_max(limits: &Limits, tier: Tier) -> usize {
    let tier = match tier {
        Tier::Stranger => &limits.strangers,
        Tier::Stakeless => &limits.stakeless,
        Tier::Staked => &limits.staked,
    };
    tier.message_bytes_max
}

/// How long a message may keep its reader waiting: a while, and what its bytes take at the least
/// rate.
struct Pace {
    began: Instant,
    patience: Duration,
    rate_min: usize,
    /// Bytes that came.
    came: usize,
    /// Set once something was waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        Self {
            began: Instant::now(),
            patience: limits.body_timeout,
            rate_min: limits.body_rate_min.max(1),
            came: 0,
            timer: None,
        }
    }

    fn until(&self) -> Instant {
        let travel = Duration::from_secs_f64(self.came as f64 / self.rate_min as f64);
        self.began + self.patience + travel
    }

    /// Ready when it has become too slow.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let until = self.until();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(context)
    }
}

/// A request body of one gRPC message whose bytes are reserved before they are passed on.
struct Metered {
    inner: tonic::body::Body,
    prefix: BytesMut,
    /// Bytes of the message still to come; `None` until its length is known.
    remaining: Option<usize>,
    slot: ReservationSlot,
    /// Bytes of the last block that have not come yet.
    unreserved: usize,
    bytes_max: usize,
    counters: Arc<Counters>,
    pace: Pace,
}

impl Metered {
    fn too_many(&self) -> Refusal {
        Refusal::new(Reason::Size, "a request is one message; more bytes followed")
    }

    /// Reserves what came, in blocks, never beyond the message's end.
    fn reserve(&mut self, came: usize, remaining: usize) -> Result<(), Refusal> {
        if came > self.unreserved {
            let missing = came - self.unreserved;
            let blocks = missing.next_multiple_of(BLOCK_BYTES).min(missing + remaining);
            self.slot.grow(blocks)?;
            self.unreserved += blocks;
        }
        self.unreserved -= came;
        Ok(())
    }

    /// Passes on what may be passed on of the next bytes.
    fn take(&mut self, data: Bytes) -> Result<Bytes, Refusal> {
        self.pace.came += data.len();
        if let Some(remaining) = self.remaining {
            let rest = remaining.checked_sub(data.len()).ok_or_else(|| self.too_many())?;
            self.reserve(data.len(), rest)?;
            self.remaining = Some(rest);
            return Ok(data);
        }
        if self.prefix.len() + data.len() < PREFIX_BYTES {
            self.prefix.extend_from_slice(&data);
            return Ok(Bytes::new());
        }
        let mut start = [0_u8; PREFIX_BYTES];
        (&self.prefix[..]).chain(&data[..]).copy_to_slice(&mut start);
        let length = u32::from_be_bytes([start[1], start[2], start[3], start[4]]) as usize;
        if length > self.bytes_max {
            let message = format!(
                "the message has {length} bytes, but at most {} are accepted from you: split the tensor",
                self.bytes_max
            );
            return Err(Refusal::new(Reason::Size, message));
        }
        let came = self.prefix.len() + data.len() - PREFIX_BYTES;
        let rest = length.checked_sub(came).ok_or_else(|| self.too_many())?;
        self.reserve(came, rest)?;
        self.remaining = Some(rest);
        if self.prefix.is_empty() {
            return Ok(data);
        }
        self.prefix.extend_from_slice(&data);
        Ok(self.prefix.split().freeze())
    }

    fn refuse(&self, refusal: Refusal) -> Status {
        self.counters.count_refused(refusal.reason);
        refusal.into()
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            ready!(this.pace.poll_late(context));
            let message = "the message did not arrive in time: send it at once and faster";
            let refusal = Refusal::new(Reason::Deadline, message);
            return Poll::Ready(Some(Err(this.refuse(refusal))));
        };
        let Some(frame) = frame.transpose()? else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match frame.into_data() {
            Ok(data) => this.take(data).map(Frame::data).map_err(|refusal| this.refuse(refusal)),
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body: its connection is busy, and the request's bytes stay reserved, until all of
/// it was handed to the connection or nobody wants it any more.
struct Answered {
    inner: tonic::body::Body,
    held: Option<(Busy, ReservationSlot)>,
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        // Nothing but trailers and the end come after the last of the data.
        if !matches!(&frame, Some(Ok(frame)) if frame.is_data()) {
            this.held = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::address::Network;
    use std::net::Ipv4Addr;

    fn metered(message: Vec<Vec<u8>>, limits: &Limits) -> (Metered, Arc<InFlight>) {
        let in_flight = InFlight::new(limits);
        let claim = Claim::of_stranger(Network::of(Ipv4Addr::LOCALHOST.into()));
        let parts = message.into_iter().map(|part| Ok::<_, Status>(Frame::data(Bytes::from(part))));
        let stream = futures::stream::StreamExt::chain(
            futures::stream::iter(parts),
            futures::stream::pending(),
        );
        let body = Metered {
            inner: tonic::body::Body::new(Parts(Box::pin(stream))),
            prefix: BytesMut::new(),
            remaining: None,
            slot: ReservationSlot::new(in_flight.clone(), claim),
            unreserved: 0,
            bytes_max: limits.strangers.message_bytes_max,
            counters: Arc::default(),
            pace: Pace::new(limits),
        };
        (body, in_flight)
    }

    /// A body of prepared frames, which never ends.
    struct Parts(Pin<Box<dyn futures::Stream<Item = Result<Frame<Bytes>, Status>> + Send>>);

    impl Body for Parts {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            self.0.as_mut().poll_next(context)
        }
    }

    async fn next(body: &mut Metered) -> Result<Bytes, Status> {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        frame.expect("it never ends").map(|frame| frame.into_data().expect("data"))
    }

    #[tokio::test]
    async fn bytes_are_reserved_as_they_come_and_never_before() {
        let length = 3 * BLOCK_BYTES as u32 + 10;
        let mut limits = Limits::default();
        limits.strangers.message_bytes_max = length as usize;
        let mut start = vec![0];
        start.extend(length.to_be_bytes());
        let message = vec![
            start[..3].to_vec(),
            start[3..].to_vec(),
            vec![1; 10],
            vec![2; BLOCK_BYTES],
            vec![3; 2 * BLOCK_BYTES],
        ];
        let (mut body, in_flight) = metered(message, &limits);
        let mut held = Vec::new();
        for _ in 0..5 {
            next(&mut body).await.expect("within all bounds");
            held.push(in_flight.held());
        }
        assert_eq!(held, [0, 0, BLOCK_BYTES, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES + 10]);
        drop(body);
        assert_eq!(in_flight.held(), 0);
    }

    #[tokio::test]
    async fn a_message_that_stays_away_ends_in_words_and_one_that_keeps_coming_does_not() {
        let limits = Limits { body_timeout: Duration::from_millis(20), ..Limits::default() };
        let (mut body, _) = metered(vec![vec![0, 0, 0, 1, 0]], &limits);
        next(&mut body).await.expect("the announcement");
        let status = next(&mut body).await.expect_err("nothing followed");
        assert!(status.message().contains("did not arrive in time"), "{status}");
        assert_eq!(body.counters.refused(Reason::Deadline), 1);

        let mut pace = Pace::new(&limits);
        pace.came = 10 * limits.body_rate_min;
        let until = pace.until() - pace.began;
        assert_eq!(until, limits.body_timeout + Duration::from_secs(10));
    }
}
