//! What happened on the exchange, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a request was refused; each has its own counter and its own sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Reason {
    /// The envelope is missing, malformed, or wrongly signed.
    Signature,
    /// The request id was seen before.
    Replay,
    /// The message's time is too far from this clock.
    Clock,
    /// The key is not registered on the ledger.
    Stranger,
    /// The message is too large, or too much is in flight.
    Size,
    /// The queue is full.
    Load,
    /// The tensor is malformed, of a wrong shape, or has values that are not finite.
    Tensor,
    /// The gradient belongs to no answer that is kept.
    UnknownRequest,
    /// The sender's gradients did harm and are no longer taken.
    Dropped,
    /// The deadline passed.
    Deadline,
    /// A payment is missing or bad.
    Payment,
    /// This peer cannot answer now.
    Unavailable,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Reason; 12] = [
        Reason::Signature,
        Reason::Replay,
        Reason::Clock,
        Reason::Stranger,
        Reason::Size,
        Reason::Load,
        Reason::Tensor,
        Reason::UnknownRequest,
        Reason::Dropped,
        Reason::Deadline,
        Reason::Payment,
        Reason::Unavailable,
    ];

    /// The gRPC status code that goes with it.
    #[must_use]
    pub fn code(self) -> tonic::Code {
        use tonic::Code;
        match self {
            Reason::Signature => Code::Unauthenticated,
            Reason::Replay => Code::AlreadyExists,
            Reason::Clock => Code::FailedPrecondition,
            Reason::Stranger | Reason::Dropped => Code::PermissionDenied,
            Reason::Size | Reason::Load => Code::ResourceExhausted,
            Reason::Tensor | Reason::Payment => Code::InvalidArgument,
            Reason::UnknownRequest => Code::NotFound,
            Reason::Deadline => Code::DeadlineExceeded,
            Reason::Unavailable => Code::Unavailable,
        }
    }
}

/// A refusal in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The kind.
    pub reason: Reason,
    /// One sentence for the caller.
    pub message: String,
}

impl Refusal {
    /// A refusal of this kind with this sentence.
    pub fn new(reason: Reason, message: impl ToString) -> Self {
        Self { reason, message: message.to_string() }
    }
}

impl From<Refusal> for tonic::Status {
    fn from(refusal: Refusal) -> Self {
        tonic::Status::new(refusal.reason.code(), refusal.message)
    }
}

/// Counters of one peer, safe to read at any time.
#[derive(Debug, Default)]
pub struct Counters {
    answered: AtomicU64,
    asked: AtomicU64,
    unanswered: AtomicU64,
    handshakes_failed: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
}

impl Counters {
    /// Counts an answered request.
    pub fn count_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request made to another peer.
    pub fn count_asked(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request to another peer that brought no usable answer.
    pub fn count_unanswered(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that did not authenticate.
    pub fn count_handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal.
    pub fn count_refused(&self, reason: Reason) {
        self.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Requests answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Requests made to other peers.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Requests to other peers that brought no usable answer.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Connections that did not authenticate.
    #[must_use]
    pub fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Ordering::Relaxed)
    }

    /// Refusals of one kind.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused[reason as usize].load(Ordering::Relaxed)
    }

    /// Refusals of every kind.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        Reason::ALL.iter().map(|&reason| self.refused(reason)).sum()
    }
}
