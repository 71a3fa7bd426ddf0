//! Signing and checking messages.
//!
//! A *statement* is the hash that is signed: chain, method, direction, request id, sender,
//! receiver, time, digest of the body, and for a response the statement of its request. So an
//! answer cannot be passed off as the answer to something else, to somebody else, or on another
//! ledger.

use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::identity::Identity;
use crate::exchange::message::Message;
use crate::exchange::proto::Envelope;
use crate::exchange::replay::RequestId;
use bytes::Bytes;
use muster_ledger::crypto::{Hash, PublicKey, Signature, hash, verify};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Domain of the signatures and tag of the statements.
const DOMAIN: &str = "exchange";

/// Why an envelope is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// There is none.
    #[error("the message has no envelope: every message must be signed")]
    Missing,
    /// A field has a wrong length.
    #[error("the envelope's {field} has {got} bytes, expected {expected}")]
    Length {
        /// Which field.
        field: &'static str,
        /// Its length.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// It is addressed to somebody else.
    #[error("the message is addressed to {0}, which is not this peer")]
    Receiver(PublicKey),
    /// Its sender is not who the connection belongs to.
    #[error("the message says it is from {0}, but the connection belongs to another key")]
    Sender(PublicKey),
    /// Its time is too far from ours.
    #[error("the message's time is {off_ms} ms off: set the clock")]
    Clock {
        /// The difference in milliseconds.
        off_ms: u64,
    },
    /// It answers another request.
    #[error("the answer belongs to another request")]
    Request,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
}

impl From<EnvelopeError> for Refusal {
    fn from(error: EnvelopeError) -> Self {
        let reason = match error {
            EnvelopeError::Clock { .. } => Reason::Clock,
            _ => Reason::Signature,
        };
        Refusal::new(reason, error)
    }
}

/// What identifies a request for both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The request's id.
    pub id: RequestId,
    /// Who asks.
    pub asker: PublicKey,
    /// Who is asked.
    pub answerer: PublicKey,
    /// The request's statement.
    pub statement: Hash,
}

/// What a checked response was signed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// The response's statement.
    pub statement: Hash,
    /// The signature over it.
    pub signature: Signature,
    /// Unix time of the response in milliseconds.
    pub time_ms: u64,
}

/// Unix time in milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Fields of an envelope with their lengths checked.
struct Fields {
    id: RequestId,
    sender: PublicKey,
    receiver: PublicKey,
    time_ms: u64,
    signature: Signature,
}

impl Fields {
    fn of(message: &impl Message) -> Result<Self, EnvelopeError> {
        let envelope = message.envelope().ok_or(EnvelopeError::Missing)?;
        Ok(Self {
            id: array("request id", &envelope.request_id)?,
            sender: PublicKey(array("sender", &envelope.sender)?),
            receiver: PublicKey(array("receiver", &envelope.receiver)?),
            time_ms: envelope.time_ms,
            signature: Signature(array("signature", &envelope.signature)?),
        })
    }

    fn check_clock(&self, now_ms: u64, skew: Duration) -> Result<(), EnvelopeError> {
        let off_ms = now_ms.abs_diff(self.time_ms);
        if u128::from(off_ms) > skew.as_millis() {
            return Err(EnvelopeError::Clock { off_ms });
        }
        Ok(())
    }
}

fn array<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], EnvelopeError> {
    bytes.try_into().map_err(|_| EnvelopeError::Length { field, expected: N, got: bytes.len() })
}

fn statement<M: Message>(
    message: &M,
    chain: &Hash,
    id: &RequestId,
    [sender, receiver]: [&PublicKey; 2],
    time_ms: u64,
    request: &[u8],
) -> Hash {
    let direction: &[u8] = if M::RESPONSE { b"response" } else { b"request" };
    hash(
        DOMAIN,
        &[
            &chain.0,
            M::METHOD.as_bytes(),
            direction,
            id,
            &sender.0,
            &receiver.0,
            &time_ms.to_le_bytes(),
            &message.body(),
            request,
        ],
    )
}

fn seal<M: Message>(
    message: &mut M,
    identity: &Identity,
    id: RequestId,
    receiver: PublicKey,
    time_ms: u64,
    statement: Hash,
) -> Signature {
    let signature = identity.secret().sign(DOMAIN, &statement.0);
    message.set_envelope(Envelope {
        request_id: Bytes::copy_from_slice(&id),
        sender: Bytes::copy_from_slice(&identity.public().0),
        receiver: Bytes::copy_from_slice(&receiver.0),
        time_ms,
        signature: Bytes::copy_from_slice(&signature.0),
    });
    signature
}

/// Signs a request to `receiver` under the given fresh random id.
pub fn seal_request<M: Message>(
    message: &mut M,
    identity: &Identity,
    chain: &Hash,
    receiver: PublicKey,
    id: RequestId,
    time_ms: u64,
) -> Tag {
    let asker = identity.public();
    let statement = statement(message, chain, &id, [&asker, &receiver], time_ms, &[]);
    seal(message, identity, id, receiver, time_ms, statement);
    Tag { id, asker, answerer: receiver, statement }
}

/// A request whose envelope looks right, and whose signature is still to be checked.
pub struct Unverified<'a, M> {
    message: &'a M,
    fields: Fields,
}

/// Checks all of a request but its signature, which is dear. It arrived on a connection of
/// `sender`; replays are the caller's to check.
///
/// # Errors
/// [`EnvelopeError`].
pub fn read_request<M: Message>(
    message: &M,
    me: PublicKey,
    sender: PublicKey,
    now_ms: u64,
    skew: Duration,
) -> Result<Unverified<'_, M>, EnvelopeError> {
    let fields = Fields::of(message)?;
    if fields.receiver != me {
        return Err(EnvelopeError::Receiver(fields.receiver));
    }
    if fields.sender != sender {
        return Err(EnvelopeError::Sender(fields.sender));
    }
    fields.check_clock(now_ms, skew)?;
    Ok(Unverified { message, fields })
}

impl<M: Message> Unverified<'_, M> {
    /// The request's id.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.fields.id
    }

    /// Checks the signature, for this chain.
    ///
    /// # Errors
    /// [`EnvelopeError::Signature`].
    pub fn verify(self, chain: &Hash) -> Result<Tag, EnvelopeError> {
        let Fields { id, sender, receiver, time_ms, signature } = self.fields;
        let statement = statement(self.message, chain, &id, [&sender, &receiver], time_ms, &[]);
        if !verify(&sender, DOMAIN, &statement.0, &signature) {
            return Err(EnvelopeError::Signature);
        }
        Ok(Tag { id, asker: sender, answerer: receiver, statement })
    }
}

/// Signs the response to the request `tag`.
pub fn seal_response<M: Message>(
    message: &mut M,
    identity: &Identity,
    chain: &Hash,
    tag: &Tag,
    time_ms: u64,
) -> Sealed {
    let keys = [&identity.public(), &tag.asker];
    let statement = statement(message, chain, &tag.id, keys, time_ms, &tag.statement.0);
    let signature = seal(message, identity, tag.id, tag.asker, time_ms, statement);
    Sealed { statement, signature, time_ms }
}

/// Checks the response to our request `tag`.
///
/// # Errors
/// [`EnvelopeError`], the cheap checks before the signature.
pub fn open_response<M: Message>(
    message: &M,
    tag: &Tag,
    chain: &Hash,
    now_ms: u64,
    skew: Duration,
) -> Result<Sealed, EnvelopeError> {
    let fields = Fields::of(message)?;
    if fields.id != tag.id {
        return Err(EnvelopeError::Request);
    }
    if fields.receiver != tag.asker {
        return Err(EnvelopeError::Receiver(fields.receiver));
    }
    if fields.sender != tag.answerer {
        return Err(EnvelopeError::Sender(fields.sender));
    }
    fields.check_clock(now_ms, skew)?;
    let keys = [&tag.answerer, &tag.asker];
    let time_ms = fields.time_ms;
    let statement = statement(message, chain, &tag.id, keys, time_ms, &tag.statement.0);
    if !verify(&tag.answerer, DOMAIN, &statement.0, &fields.signature) {
        return Err(EnvelopeError::Signature);
    }
    Ok(Sealed { statement, signature: fields.signature, time_ms })
}
