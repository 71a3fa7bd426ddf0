//! The door between the network and the model: requests in order of standing, and notices.
//!
//! The model lives on one thread of its own; requests arrive on others. The inbox is bounded, and
//! whoever waits for an answer hears in words when there will be none.

use crate::exchange::admission::ReservationSlot;
use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::envelope::Tag;
use crate::exchange::limits::Limits;
use crate::exchange::notice::Notice;
use crate::exchange::queue::{Popped, Queue, Shed};
use crate::exchange::replay::RequestId;
use crate::exchange::tier::{Claim, Tier};
use muster_learning::{Activations, Tokens};
use muster_ledger::crypto::PublicKey;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What a caller wants of the model.
#[derive(Debug)]
pub enum Work {
    /// A forward pass; `keep` if a gradient may follow.
    Forward {
        /// Checked token ids.
        tokens: Tokens,
        /// Whether to keep what a later gradient needs.
        keep: bool,
    },
    /// The gradient of an earlier answer.
    Backward {
        /// Request id of that answer.
        forward_id: RequestId,
        /// dL/d(output), every value finite.
        gradient: Activations,
    },
    /// A continuation of a text.
    Ask {
        /// The text.
        text: Vec<u8>,
        /// Bytes to generate.
        bytes: usize,
        /// Seed of the sampling, 0 for the most likely byte.
        seed: u64,
        /// Whether something was paid for it.
        paid: bool,
        /// Where the pieces go.
        pieces: mpsc::Sender<Result<Piece, Refusal>>,
    },
}

/// A piece of a continuation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// Next bytes of the network's continuation.
    pub network: Vec<u8>,
    /// Next bytes of the student's continuation.
    pub student: Vec<u8>,
    /// Keys of the peers asked for this piece.
    pub asked: Vec<PublicKey>,
    /// Requests made for this piece.
    pub requests: u32,
}

/// What the model answers.
#[derive(Debug)]
pub enum Answer {
    /// To a forward pass.
    Output(Activations),
    /// To a gradient: whether it was trained on.
    Applied(bool),
    /// To a bought continuation, which went out in pieces.
    Told,
}

/// One request that waits for the model.
pub struct Job {
    /// Who asks, and the request's id.
    pub tag: Tag,
    /// What for.
    pub work: Work,
    /// What the asker may claim here.
    pub claim: Claim,
    /// How much the asker's gradients count here, in [0, 1].
    pub gradient_standing: f64,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Answer, Refusal>>,
    /// Keeps the request's bytes reserved until it is done with.
    pub reservation: ReservationSlot,
}

impl Job {
    /// Whether the asker has something at stake, or has paid.
    #[must_use]
    pub fn is_backed(&self) -> bool {
        self.claim.tier == Tier::Staked || matches!(self.work, Work::Ask { paid: true, .. })
    }
}

/// Which requests may come out of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// None.
    None,
    /// Those behind which there is stake or a payment.
    Backed,
    /// All.
    All,
}

struct Inner {
    queue: Queue<Job>,
    notices: VecDeque<Notice>,
    closed: bool,
}

/// Requests and notices for the model's thread.
pub struct Inbox {
    inner: Mutex<Inner>,
    arrived: Condvar,
}

/// What comes out of the inbox.
pub enum Received {
    /// A request to answer.
    Job(Box<Job>),
    /// A notice.
    Notice(Notice),
    /// Nothing within the time.
    Nothing,
    /// The peer is stopping.
    Closed,
}

impl Inbox {
    /// An empty inbox.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let queue = Queue::new(limits.shares(|tier| tier.queue), limits.floor_every);
        Self {
            inner: Mutex::new(Inner { queue, notices: VecDeque::new(), closed: false }),
            arrived: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a request by its standing.
    ///
    /// # Errors
    /// A [`Refusal`] if there is no room, or if the peer is stopping.
    pub fn push(&self, job: Job, deadline: Instant) -> Result<(), Refusal> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refusal::new(Reason::Unavailable, "this peer is stopping"));
        }
        match inner.queue.push(job.claim, deadline, job) {
            Ok(displaced) => {
                drop(inner);
                self.arrived.notify_one();
                if let Some(job) = displaced {
                    let shed = Shed::Displaced;
                    let _ = job.reply.send(Err(Refusal::new(Reason::Load, shed)));
                }
                Ok(())
            }
            Err((_, shed)) => Err(Refusal::new(Reason::Load, shed)),
        }
    }

    /// Delivers a notice. Notices are our own and few; they are never shed.
    pub fn notify(&self, notice: Notice) {
        self.lock().notices.push_back(notice);
        self.arrived.notify_one();
    }

    /// Lets nothing more in and wakes the model's thread.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Waits up to `timeout` for a notice or one of the `jobs`; notices come first.
    pub fn receive(&self, timeout: Duration, jobs: Jobs) -> Received {
        let until = Instant::now() + timeout;
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return Received::Closed;
            }
            if let Some(notice) = inner.notices.pop_front() {
                return Received::Notice(notice);
            }
            let now = Instant::now();
            let may = |job: &Job| jobs == Jobs::All || job.is_backed();
            while jobs != Jobs::None
                && let Some(popped) = inner.queue.pop(now, may)
            {
                match popped {
                    // Nobody waits for it any more.
                    Popped::Item(job) if job.reply.is_closed() => {}
                    Popped::Item(job) => return Received::Job(Box::new(job)),
                    Popped::Expired(job) => {
                        let message = "the deadline passed while the request waited";
                        let _ = job.reply.send(Err(Refusal::new(Reason::Deadline, message)));
                    }
                }
            }
            if now >= until {
                return Received::Nothing;
            }
            inner = self
                .arrived
                .wait_timeout(inner, until - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().queue.len()
    }
}
