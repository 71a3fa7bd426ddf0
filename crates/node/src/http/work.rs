//! How long a request was worked on, which its asker is charged for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

tokio::task_local! {
    /// Microseconds that the request of this task was worked on.
    pub(super) static WORKED: Arc<AtomicU64>;
}

/// Counts time that was worked for the request that is being answered, if one is.
pub fn worked(time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let _ = WORKED.try_with(|worked| worked.fetch_add(micros, Ordering::Relaxed));
}
