//! Answers that are remembered: the statement of the request, of the answer, and the signature of
//! who answered. Enough to show later, to anybody, what a peer answered to what.

use crate::exchange::envelope::{Sealed, Tag};
use crate::exchange::replay::RequestId;
use muster_ledger::crypto::{Hash, PublicKey, Signature};
use std::collections::VecDeque;

/// One remembered answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The request's id.
    pub request_id: RequestId,
    /// Who asked.
    pub asker: PublicKey,
    /// Who answered, and signed.
    pub answerer: PublicKey,
    /// Statement of the request (see [`crate::exchange::envelope`]).
    pub request: Hash,
    /// Statement of the answer, which contains that of the request.
    pub answer: Hash,
    /// The answerer's signature over the statement of the answer.
    pub signature: Signature,
    /// Unix time of the answer in milliseconds.
    pub time_ms: u64,
}

impl Evidence {
    /// What is remembered of the answer `sealed` to the request `tag`.
    #[must_use]
    pub fn new(tag: &Tag, sealed: &Sealed) -> Self {
        Self {
            request_id: tag.id,
            asker: tag.asker,
            answerer: tag.answerer,
            request: tag.statement,
            answer: sealed.statement,
            signature: sealed.signature,
            time_ms: sealed.time_ms,
        }
    }
}

/// The latest answers, given and received; the oldest make room.
pub struct EvidenceRing {
    ring: VecDeque<Evidence>,
    max: usize,
}

impl EvidenceRing {
    /// An empty ring for `max` answers.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { ring: VecDeque::new(), max }
    }

    /// Remembers an answer.
    pub fn push(&mut self, evidence: Evidence) {
        if self.ring.len() >= self.max {
            self.ring.pop_front();
        }
        if self.max > 0 {
            self.ring.push_back(evidence);
        }
    }

    /// The answers to a request, latest first.
    pub fn find(&self, request_id: RequestId) -> impl Iterator<Item = &Evidence> {
        self.ring.iter().rev().filter(move |evidence| evidence.request_id == request_id)
    }

    /// How many answers are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }
}
