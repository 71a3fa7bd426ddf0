//! Bytes in flight, bounded before they are held.
//!
//! A gRPC message begins with its length. [`Admission`] reads that length from the first five bytes
//! of a request, checks it against what its caller may send, and reserves it from the caller's and
//! everybody's budget *before* the decoder allocates room for it. The reservation lives as long as
//! the request does, in the queue too.

use crate::exchange::counters::{Counters, Reason, Refusal};
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use muster_ledger::crypto::PublicKey;
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tonic::Status;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

/// Length of what precedes a gRPC message: a compression flag and the message's length.
const PREFIX_BYTES: usize = 5;

/// Who is at the other end of a connection: the key it proved to hold, and how much it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// Key of its certificate.
    pub key: PublicKey,
}

#[derive(Default)]
struct Held {
    total: usize,
    per_sender: HashMap<PublicKey, usize>,
}

/// The budget of bytes in flight.
pub struct InFlight {
    held: Mutex<Held>,
    max: usize,
    sender_max: usize,
}

impl InFlight {
    /// A budget of `max` bytes, `sender_max` for each caller.
    #[must_use]
    pub fn new(max: usize, sender_max: usize) -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), max, sender_max })
    }

    /// Reserves `bytes` for `sender` until the reservation is dropped.
    ///
    /// # Errors
    /// A [`Refusal`] saying which budget is spent.
    pub fn reserve(
        self: &Arc<Self>,
        sender: PublicKey,
        bytes: usize,
    ) -> Result<Reservation, Refusal> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let sender_held = held.per_sender.get(&sender).copied().unwrap_or(0);
        if sender_held + bytes > self.sender_max {
            let message = format!(
                "{sender_held} bytes of your requests are in flight; with {bytes} more they would exceed {}: wait for answers",
                self.sender_max
            );
            return Err(Refusal::new(Reason::Size, message));
        }
        if held.total + bytes > self.max {
            let message = format!(
                "{} bytes of requests are in flight here; with {bytes} more they would exceed {}: try later",
                held.total, self.max
            );
            return Err(Refusal::new(Reason::Size, message));
        }
        held.total += bytes;
        held.per_sender.insert(sender, sender_held + bytes);
        Ok(Reservation { budget: self.clone(), sender, bytes })
    }

    /// Bytes reserved now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

/// Bytes reserved in an [`InFlight`] budget; given back when dropped.
pub struct Reservation {
    budget: Arc<InFlight>,
    sender: PublicKey,
    bytes: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut held = self.budget.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total -= self.bytes;
        if let Some(sender_held) = held.per_sender.get_mut(&self.sender) {
            *sender_held -= self.bytes;
            if *sender_held == 0 {
                held.per_sender.remove(&self.sender);
            }
        }
    }
}

/// Where a request's reservation is put once its length is known.
#[derive(Clone, Default)]
pub struct ReservationSlot(Arc<Mutex<Option<Reservation>>>);

impl ReservationSlot {
    fn put(&self, reservation: Reservation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reservation);
    }
}

/// The largest message that a caller may send.
pub type MessageBytesMax = Arc<dyn Fn(&PublicKey) -> usize + Send + Sync>;

/// Wraps the gRPC service so that every request's bytes are metered.
#[derive(Clone)]
pub struct Admission<S> {
    inner: S,
    in_flight: Arc<InFlight>,
    counters: Arc<Counters>,
    message_bytes_max: MessageBytesMax,
}

impl<S> Admission<S> {
    /// Meters the requests of `inner`.
    pub fn new(
        inner: S,
        in_flight: Arc<InFlight>,
        counters: Arc<Counters>,
        message_bytes_max: MessageBytesMax,
    ) -> Self {
        Self { inner, in_flight, counters, message_bytes_max }
    }
}

impl<S: NamedService> NamedService for Admission<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<tonic::body::Body>> for Admission<S>
where
    S: Service<http::Request<tonic::body::Body>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> S::Future {
        let (mut parts, body) = request.into_parts();
        let slot = ReservationSlot::default();
        parts.extensions.insert(slot.clone());
        let caller = parts.extensions.get::<Remote>().copied();
        let metered = Metered {
            inner: body,
            prefix: BytesMut::new(),
            remaining: None,
            caller,
            slot,
            in_flight: self.in_flight.clone(),
            counters: self.counters.clone(),
            bytes_max: caller.map_or(0, |caller| (self.message_bytes_max)(&caller.key)),
        };
        self.inner.call(http::Request::from_parts(parts, tonic::body::Body::new(metered)))
    }
}

/// A request body of one gRPC message whose bytes are reserved before they are passed on.
struct Metered {
    inner: tonic::body::Body,
    prefix: BytesMut,
    /// Bytes of the message still to come; `None` until its length is known.
    remaining: Option<usize>,
    caller: Option<Remote>,
    slot: ReservationSlot,
    in_flight: Arc<InFlight>,
    counters: Arc<Counters>,
    bytes_max: usize,
}

impl Metered {
    fn refuse(&self, message: String) -> Refusal {
        Refusal::new(Reason::Size, message)
    }

    /// Passes on what may be passed on of the next bytes.
    fn take(&mut self, data: Bytes) -> Result<Bytes, Refusal> {
        if let Some(remaining) = self.remaining {
            if data.len() > remaining {
                return Err(self.refuse("a request is one message; more bytes followed".into()));
            }
            self.remaining = Some(remaining - data.len());
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
            return Err(self.refuse(format!(
                "the message has {length} bytes, but at most {} are accepted from you: split the tensor",
                self.bytes_max
            )));
        }
        let Some(caller) = self.caller else {
            return Err(self.refuse("the connection carries no key".into()));
        };
        self.slot.put(self.in_flight.reserve(caller.key, length)?);
        let came = self.prefix.len() + data.len() - PREFIX_BYTES;
        if came > length {
            return Err(self.refuse("a request is one message; more bytes followed".into()));
        }
        self.remaining = Some(length - came);
        if self.prefix.is_empty() {
            return Ok(data);
        }
        self.prefix.extend_from_slice(&data);
        Ok(self.prefix.split().freeze())
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
        let frame = match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return other,
        };
        Poll::Ready(Some(match frame.into_data() {
            Ok(data) => this.take(data).map(Frame::data).map_err(|refusal| {
                this.counters.count_refused(refusal.reason);
                Status::from(refusal)
            }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reservations_never_exceed_the_budgets_and_all_come_back(
            steps in proptest::collection::vec((0_u8..4, 0_usize..60, any::<bool>()), 1..100),
        ) {
            let budget = InFlight::new(100, 40);
            let mut held: Vec<Reservation> = Vec::new();
            for (sender, bytes, release) in steps {
                let sender = PublicKey([sender; 32]);
                let total: usize = held.iter().map(|r| r.bytes).sum();
                let own: usize =
                    held.iter().filter(|r| r.sender == sender).map(|r| r.bytes).sum();
                let fits = total + bytes <= 100 && own + bytes <= 40;
                match budget.reserve(sender, bytes) {
                    Ok(reservation) => {
                        prop_assert!(fits);
                        held.push(reservation);
                    }
                    Err(refusal) => {
                        prop_assert!(!fits);
                        prop_assert_eq!(refusal.reason, Reason::Size);
                    }
                }
                if release && !held.is_empty() {
                    held.swap_remove(0);
                }
            }
            held.clear();
            prop_assert_eq!(budget.held(), 0);
            prop_assert!(budget.held.lock().expect("not poisoned").per_sender.is_empty());
        }
    }
}
