//! Events as they go over the wire: each piece of a block's events is written once, and shared by
//! all streams that come to it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use muster_api::{Event, EventBody, chain};
use tokio::sync::Mutex;

use muster_chain::store::{Decided, Outcome, Store, StoreError};

/// Events of one piece: a stream holds no more at once.
const PIECE: usize = 512;
/// Pieces that are kept.
const PIECES_KEPT: usize = 16;

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

#[derive(Debug, Default)]
struct Kept {
    newest: Option<(u64, Arc<Source>)>,
    pieces: VecDeque<((u64, usize), Arc<Piece>)>,
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
        if let Some((_, piece)) = kept.pieces.iter().find(|(known, _)| *known == name) {
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
        if kept.pieces.len() == PIECES_KEPT {
            kept.pieces.pop_front();
        }
        kept.pieces.push_back((name, piece.clone()));
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
