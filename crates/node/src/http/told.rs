//! Events as they go over the wire: each piece of a block's events is written once, and shared by
//! all streams that come to it.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use muster_api::{Event, EventBody, chain};
use tokio::sync::Mutex;

use muster_chain::store::{Decided, Outcome, Store, StoreError};

/// Events of one piece: a stream holds no more at once.
const PIECE: usize = 512;
/// Bytes of pieces that are kept: hundreds of blocks, so that whoever begins in the past finds what
/// others have just been told.
const BYTES_KEPT: usize = 4 << 20;

/// Some events of a block, in order.
#[derive(Debug)]
pub struct Piece {
    text: Bytes,
    /// Where each event begins in the text.
    starts: Vec<usize>,
    /// Events of the whole block.
    total: usize,
}

impl Piece {
    /// What it takes to keep it.
    fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&self.starts[..]) + size_of::<Self>()
    }

    /// The text of the events of the block from `index` on, which is in this piece, and the index
    /// with which the next piece begins; `None` after the last.
    #[must_use]
    pub fn from(&self, index: usize) -> (Bytes, Option<usize>) {
        let skipped = index % PIECE;
        let start = self.starts.get(skipped).copied().unwrap_or(self.text.len());
        let next = (index - skipped).saturating_add(PIECE);
        (self.text.slice(start..), Some(next).filter(|next| *next < self.total))
    }
}

/// A block as far as its events need it.
#[derive(Debug)]
struct Source {
    decided: Decided,
    outcome: Outcome,
}

/// What was written last. Who needs another piece waits for whoever is writing one.
#[derive(Debug, Default)]
pub struct Told {
    kept: Mutex<Kept>,
}

/// The height of a block, and which piece of its events.
type Name = (u64, usize);

#[derive(Debug, Default)]
struct Kept {
    newest: Option<(u64, Arc<Source>)>,
    pieces: HashMap<Name, Arc<Piece>>,
    /// The names of the pieces, the oldest first.
    order: VecDeque<Name>,
    bytes: usize,
}

impl Kept {
    /// Keeps a piece that is not kept yet, and as many of the others as there is room for.
    fn keep(&mut self, name: Name, piece: Arc<Piece>) {
        self.bytes += piece.bytes();
        self.pieces.insert(name, piece);
        self.order.push_back(name);
        while self.bytes > BYTES_KEPT
            && let Some(oldest) = self.order.pop_front()
            && let Some(piece) = self.pieces.remove(&oldest)
        {
            self.bytes -= piece.bytes();
        }
    }
}

impl Told {
    /// The piece with the event at `index` of a decided block, and how long it took to write; none
    /// where the block is not kept.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn piece(
        &self,
        store: &Arc<Store>,
        height: u64,
        index: usize,
    ) -> Result<Option<(Arc<Piece>, Duration)>, StoreError> {
        let name = (height, index / PIECE);
        let mut kept = self.kept.lock().await;
        if let Some(piece) = kept.pieces.get(&name) {
            return Ok(Some((piece.clone(), Duration::ZERO)));
        }
        let known = kept.newest.clone().filter(|(known, _)| *known == height);
        let store = store.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let source = match known {
                Some((_, source)) => source,
                None => match source(&store, height)? {
                    Some(source) => Arc::new(source),
                    None => return Ok(None),
                },
            };
            let piece = Arc::new(write(&source, name.1));
            Ok::<_, StoreError>(Some((source, piece, begun.elapsed())))
        });
        let written = writing.await.expect("writing events does not panic")?;
        let Some((source, piece, time)) = written else { return Ok(None) };
        kept.newest = Some((height, source));
        kept.keep(name, piece.clone());
        Ok(Some((piece, time)))
    }
}

fn source(store: &Store, height: u64) -> Result<Option<Source>, StoreError> {
    let (Some(decided), Some(outcome)) = (store.decided(height)?, store.outcome(height)?) else {
        return Ok(None);
    };
    Ok(Some(Source { decided, outcome }))
}

/// A piece of a block's events, the block itself first.
fn write(source: &Source, piece: usize) -> Piece {
    let Source { decided, outcome } = source;
    let block = EventBody::Chain(chain::Event::Block {
        hash: decided.hash.into(),
        time_ms: decided.header.time_ms,
        state_root: decided.header.state_root.into(),
        proposer: decided.header.proposer.into(),
        transactions: decided.transactions,
        round: decided.certificate.round,
    });
    let bodies = std::iter::once(block).chain(outcome.events.iter().map(EventBody::from));
    let height = decided.header.height.0;
    let mut text = String::new();
    let mut starts = Vec::new();
    for (index, body) in bodies.enumerate().skip(piece * PIECE).take(PIECE) {
        starts.push(text.len());
        let event = Event::new(height, index, body);
        let json = serde_json::to_string(&event).expect("strings and numbers serialise");
        let _ = write!(text, "id: {}\nevent: {}\ndata: {json}\n\n", event.id, event.kind());
    }
    Piece { text: text.into(), starts, total: outcome.events.len() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_the_newest_and_bounded() {
        let mut kept = Kept::default();
        let piece =
            Arc::new(Piece { text: vec![b'x'; 64 << 10].into(), starts: vec![0], total: 1 });
        for height in 0..1_000 {
            kept.keep((height, 0), piece.clone());
            assert!(kept.bytes <= BYTES_KEPT);
            assert!(kept.pieces.contains_key(&(height, 0)));
        }
        let held: usize = kept.pieces.values().map(|piece| piece.bytes()).sum();
        assert_eq!((kept.bytes, kept.order.len()), (held, kept.pieces.len()));
        assert!(kept.pieces.len() > 50);
        assert!(kept.pieces.keys().all(|(height, _)| *height > 900));
    }
}
