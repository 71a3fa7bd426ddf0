//! Where parts of proposals come in: checked where they are decoded, beside the thread that
//! executes blocks and in front of the queues to it, so that what anybody sends neither waits there
//! nor makes others wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::context::Part;
use super::parts::{Assembler, Outcome};
/// The proposals that are coming in, shared by who decodes parts and who executes blocks.
#[derive(Debug)]
pub struct Inlet {
    assembler: Mutex<Assembler>,
    refused: AtomicU64,
    sent_away: AtomicU64,
}

impl Inlet {
    /// An inlet into an assembler.
    pub fn new(assembler: Assembler) -> Self {
        Self { assembler: Mutex::new(assembler), refused: 0.into(), sent_away: 0.into() }
    }

    /// Parts refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Strangers sent away so far.
    pub fn sent_away(&self) -> u64 {
        self.sent_away.load(Ordering::Relaxed)
    }

    /// A stranger is sent away.
    pub fn count_sent_away(&self) {
        self.sent_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Something came that is no part.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a part, whoever sent it.
    pub fn insert(&self, part: Part) {
        if let Outcome::Refused(refusal) = self.lock().insert(part) {
            self.refuse();
            tracing::debug!(%refusal, "a part of a proposal is refused");
        }
    }

    /// The assembler, for a moment: whoever decodes parts waits for it.
    pub fn lock(&self) -> MutexGuard<'_, Assembler> {
        self.assembler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
