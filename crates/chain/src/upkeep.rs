//! What a node does beside consensus, on a thread of its own: makes snapshots of the state for
//! those who join, and removes blocks that are older than it keeps.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use crate::chain::Tip;
use crate::snapshots::Snapshots;
use crate::store::Store;

/// How many times as long as a step the thread rests after it, when there is much to remove: what
/// consensus writes waits for one step at most, and the disk is free between them.
const REST: u32 = 4;

/// The thread's work.
pub struct Upkeep {
    /// The database.
    pub store: Arc<Store>,
    /// The newest block; the work ends when nobody says it any more.
    pub tip: watch::Receiver<Arc<Tip>>,
    /// The blocks after which a snapshot is made.
    pub marks: mpsc::Receiver<Arc<Tip>>,
    /// Where snapshots go.
    pub snapshots: Arc<Snapshots>,
    /// How many of the newest blocks are kept; all unless said.
    pub keep_blocks: Option<u64>,
}

/// What there is to do.
enum Work {
    Snapshot(Arc<Tip>),
    Prune(u64),
    End,
}

impl Upkeep {
    /// Begins the work.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(mut self) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("upkeep".to_string());
        thread.spawn(move || {
            loop {
                match futures::executor::block_on(self.next()) {
                    Work::Snapshot(tip) => self.snapshot(&tip),
                    Work::Prune(newest) => self.prune(newest),
                    Work::End => return,
                }
            }
        })?;
        Ok(())
    }

    async fn next(&mut self) -> Work {
        tokio::select! {
            biased;
            Some(tip) = self.marks.recv() => Work::Snapshot(tip),
            changed = self.tip.changed() => match changed {
                Ok(()) => Work::Prune(self.tip.borrow_and_update().height()),
                Err(_) => Work::End,
            },
        }
    }

    /// Whether the node goes on: there is nobody to work for where it ends.
    fn wanted(&self) -> bool {
        self.tip.has_changed().is_ok()
    }

    fn snapshot(&self, tip: &Tip) {
        let (begun, height) = (Instant::now(), tip.height());
        let decided = match self.store.decided(height) {
            Ok(Some(decided)) => decided,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, height, "no snapshot can be made"),
        };
        let certificate = &decided.certificate;
        let made = self.snapshots.make(&tip.header, certificate, &tip.state, || self.wanted());
        match made {
            Ok(false) => {}
            Ok(true) => tracing::info!(height, elapsed = ?begun.elapsed(), "made a snapshot"),
            Err(error) => tracing::error!(%error, height, "no snapshot can be made"),
        }
    }

    /// Removes the blocks that are not kept when one of a height is the newest.
    fn prune(&self, newest: u64) {
        let Some(keep) = self.keep_blocks else { return };
        let before = (newest + 1).saturating_sub(keep);
        // Whoever fetches a snapshot now needs the blocks after it.
        let oldest = self.snapshots.all().first().map(|oldest| oldest.header().height.0 + 1);
        let before = oldest.map_or(before, |oldest| before.min(oldest));
        while self.wanted() {
            let begun = Instant::now();
            match self.store.prune(before) {
                Ok(true) => std::thread::sleep(REST * begun.elapsed()),
                Ok(false) => return,
                Err(error) => return tracing::error!(%error, "old blocks cannot be removed"),
            }
        }
    }
}
