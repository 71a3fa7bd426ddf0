//! This machine's board, which several tasks read and write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use muster_launch::{Board, Message, Offer, Plan, Refusal};
use tokio::sync::Notify;

/// A board that several tasks read and write.
pub struct Desk {
    board: Mutex<Board>,
    /// What this machine says itself, for the boards of others.
    own: Mutex<Vec<Arc<[u8]>>>,
    pub news: Notify,
    /// Which run of the program this is: places in the list of messages are its own.
    pub run: u64,
}

impl Desk {
    /// An empty board, from `now_ms` on.
    pub fn new(plan: Arc<Plan>, now_ms: u64) -> Self {
        Self {
            board: Mutex::new(Board::new(plan)),
            own: Mutex::new(Vec::new()),
            news: Notify::new(),
            run: now_ms,
        }
    }

    /// The board, for a moment.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this machine says itself.
    pub fn own(&self) -> MutexGuard<'_, Vec<Arc<[u8]>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message onto the board, if it is one.
    pub fn offer(&self, bytes: &[u8]) -> Result<Offer, Refusal> {
        let offer = self.board().offer(bytes, now_ms());
        if offer == Ok(Offer::New) {
            self.news.notify_one();
        }
        offer
    }

    /// Puts what this machine says onto its board, for the others to have.
    pub fn say(&self, message: &Message) {
        let bytes = Board::write(message);
        match self.offer(&bytes) {
            Ok(_) => self.own().push(bytes.into()),
            Err(refusal) => tracing::warn!(%refusal, "this machine's own message was refused"),
        }
    }
}

/// This machine's clock, milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
