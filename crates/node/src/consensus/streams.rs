//! Puts proposals together from their parts, within bounds.
//!
//! Anybody can send parts. Memory is bounded three times: streams per publisher and in all; what a
//! stream may hold before its signed announcement is known; and the bytes of all streams together.
//! A block is only as long as its announcement says, which only the proposer of a round can sign.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::context::{Announcement, Part};

/// Length of every piece of a block but the last, bytes.
pub const PART_BYTES: usize = 128 * 1024;
/// Longest name of a stream, bytes.
const STREAM_ID_BYTES_MAX: usize = 64;
/// Pieces that may arrive before the announcement (a mesh does not keep the order).
const EARLY_PARTS_MAX: usize = 8;

/// Bounds on what is held.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Longest encoded block, bytes.
    pub block_bytes_max: usize,
    /// Open streams per publisher.
    pub streams_per_publisher_max: usize,
    /// Open streams in all.
    pub streams_max: usize,
    /// Bytes of all open streams.
    pub bytes_max: usize,
}

/// Who published a stream, and the stream's name: parts are grouped by these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamKey {
    /// The publisher's network identity (not the neighbour that relayed a part).
    pub publisher: Vec<u8>,
    /// The name that the publisher gave the stream.
    pub stream: Bytes,
}

/// Why a stream is refused; the rest of it is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The stream's name is too long.
    #[error("the stream's name is longer than {STREAM_ID_BYTES_MAX} bytes")]
    Name,
    /// Too many streams are open.
    #[error("too many streams are open")]
    TooManyStreams,
    /// Too many bytes are held.
    #[error("the open streams hold too many bytes")]
    TooManyBytes,
    /// A part at a position where it cannot be.
    #[error("a part stands at a position, or has a length, that its announcement excludes")]
    Position,
    /// A part came twice.
    #[error("a part came twice")]
    Duplicate,
    /// Too much came before the announcement.
    #[error("too much came before the announcement")]
    Unannounced,
    /// The announcement is not admissible: not the proposer's, not signed, not for now, too long.
    #[error("the announcement is not the proposer's, for another height, or too long")]
    Announcement,
}

/// What came of a part.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// More parts are needed, or the stream is refused already.
    Pending,
    /// The block is complete; its bytes are still to be decoded and checked.
    Complete(Announcement, Vec<u8>),
    /// The stream is refused from now on.
    Refused(Refusal),
}

#[derive(Debug)]
enum Stream {
    /// No announcement yet; what came by sequence.
    Early(BTreeMap<u64, Bytes>),
    /// Announced: the pieces by index, and how many came.
    Announced { announcement: Announcement, pieces: Vec<Option<Bytes>>, count: usize },
    /// Complete or refused: nothing is held.
    Closed,
}

#[derive(Debug)]
struct Slot {
    stream: Stream,
    /// Height at which the node was when the stream began.
    born: u64,
    /// Number of streams that were opened before.
    order: u64,
    bytes: usize,
}

/// Streams of parts, by publisher and name.
#[derive(Debug)]
pub struct Assembler {
    limits: StreamLimits,
    streams: BTreeMap<StreamKey, Slot>,
    bytes: usize,
    opened: u64,
}

impl Assembler {
    /// An assembler without streams.
    pub fn new(limits: StreamLimits) -> Self {
        Self { limits, streams: BTreeMap::new(), bytes: 0, opened: 0 }
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Streams known now, closed ones among them.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Changes the longest block, as parameters change by vote.
    pub fn set_block_bytes_max(&mut self, block_bytes_max: usize) {
        self.limits.block_bytes_max = block_bytes_max;
    }

    /// Takes a part at `sequence` (0 is the announcement). `height` is the height that the node is
    /// at; `admit` says whether an announcement is for now and signed by whom it must be.
    pub fn insert(
        &mut self,
        key: StreamKey,
        sequence: u64,
        part: Part,
        height: u64,
        admit: impl FnOnce(&Announcement) -> bool,
    ) -> Outcome {
        if let Err(refusal) = self.open(&key, height) {
            return Outcome::Refused(refusal);
        }
        let slot = self.streams.get_mut(&key).expect("opened above");
        let before = slot.bytes;
        let limits = &self.limits;
        let result = match part {
            Part::Announcement(announcement) => {
                announce(slot, sequence, announcement, limits, admit)
            }
            Part::Data(bytes) => place(slot, sequence, bytes),
        };
        let after = slot.bytes;
        self.bytes = self.bytes - before + after;
        let complete = match result {
            Ok(complete) if self.bytes <= self.limits.bytes_max => complete,
            Ok(_) => return self.refuse(&key, Refusal::TooManyBytes),
            Err(refusal) => return self.refuse(&key, refusal),
        };
        if !complete {
            return Outcome::Pending;
        }
        match self.close(&key) {
            Stream::Announced { announcement, pieces, .. } => {
                let mut block = Vec::with_capacity(announcement.bytes as usize);
                pieces.iter().flatten().for_each(|piece| block.extend_from_slice(piece));
                Outcome::Complete(announcement, block)
            }
            Stream::Early(_) | Stream::Closed => Outcome::Pending,
        }
    }

    /// Forgets the streams that began before `height`.
    pub fn forget_before(&mut self, height: u64) {
        self.streams.retain(|_, slot| slot.born >= height);
        self.bytes = self.streams.values().map(|slot| slot.bytes).sum();
    }

    fn open(&mut self, key: &StreamKey, height: u64) -> Result<(), Refusal> {
        if self.streams.contains_key(key) {
            return Ok(());
        }
        if key.stream.len() > STREAM_ID_BYTES_MAX {
            return Err(Refusal::Name);
        }
        self.make_room(&key.publisher)?;
        let stream = Stream::Early(BTreeMap::new());
        let slot = Slot { stream, born: height, order: self.opened, bytes: 0 };
        self.opened += 1;
        self.streams.insert(key.clone(), slot);
        Ok(())
    }

    /// A publisher beyond its share loses its own oldest stream, so that a height of many rounds
    /// never locks a proposer out. When all places are taken, what is closed goes first, then what
    /// is not announced; announced streams stay.
    fn make_room(&mut self, publisher: &[u8]) -> Result<(), Refusal> {
        let own = |key: &StreamKey| key.publisher == publisher;
        if self.streams.keys().filter(|key| own(key)).count()
            >= self.limits.streams_per_publisher_max
        {
            self.drop_oldest(|key, _| own(key));
        }
        if self.streams.len() >= self.limits.streams_max
            && !self.drop_oldest(|_, stream| matches!(stream, Stream::Closed))
            && !self.drop_oldest(|_, stream| matches!(stream, Stream::Early(_)))
        {
            return Err(Refusal::TooManyStreams);
        }
        Ok(())
    }

    fn drop_oldest(&mut self, eligible: impl Fn(&StreamKey, &Stream) -> bool) -> bool {
        let oldest = self
            .streams
            .iter()
            .filter(|(key, slot)| eligible(key, &slot.stream))
            .min_by_key(|(_, slot)| slot.order)
            .map(|(key, _)| key.clone());
        let Some(key) = oldest else { return false };
        self.close(&key);
        self.streams.remove(&key).is_some()
    }

    fn refuse(&mut self, key: &StreamKey, refusal: Refusal) -> Outcome {
        self.close(key);
        Outcome::Refused(refusal)
    }

    fn close(&mut self, key: &StreamKey) -> Stream {
        let Some(slot) = self.streams.get_mut(key) else { return Stream::Closed };
        self.bytes -= slot.bytes;
        slot.bytes = 0;
        std::mem::replace(&mut slot.stream, Stream::Closed)
    }
}

/// Number of pieces of a block of `bytes`.
fn pieces_of(bytes: usize) -> usize {
    bytes.div_ceil(PART_BYTES)
}

/// Takes an announcement and the pieces that came before it. `Ok(true)`: the block is complete.
fn announce(
    slot: &mut Slot,
    sequence: u64,
    announcement: Announcement,
    limits: &StreamLimits,
    admit: impl FnOnce(&Announcement) -> bool,
) -> Result<bool, Refusal> {
    let early = match &mut slot.stream {
        Stream::Closed => return Ok(false),
        Stream::Announced { .. } => return Err(Refusal::Duplicate),
        Stream::Early(early) => std::mem::take(early),
    };
    if sequence != 0 {
        return Err(Refusal::Position);
    }
    let bytes = announcement.bytes as usize;
    if bytes == 0 || bytes > limits.block_bytes_max || !admit(&announcement) {
        return Err(Refusal::Announcement);
    }
    slot.bytes = 0;
    slot.stream =
        Stream::Announced { announcement, pieces: vec![None; pieces_of(bytes)], count: 0 };
    let mut complete = false;
    for (sequence, piece) in early {
        complete = place(slot, sequence, piece)?;
    }
    Ok(complete)
}

/// Takes a piece. `Ok(true)`: the block is complete.
fn place(slot: &mut Slot, sequence: u64, piece: Bytes) -> Result<bool, Refusal> {
    let length = piece.len();
    match &mut slot.stream {
        Stream::Closed => Ok(false),
        Stream::Early(early) => {
            if length > PART_BYTES || sequence == 0 || early.len() >= EARLY_PARTS_MAX {
                return Err(Refusal::Unannounced);
            }
            if early.insert(sequence, piece).is_some() {
                return Err(Refusal::Duplicate);
            }
            slot.bytes += length;
            Ok(false)
        }
        Stream::Announced { announcement, pieces, count } => {
            let index = usize::try_from(sequence).ok().and_then(|s| s.checked_sub(1));
            let index = index.filter(|index| *index < pieces.len()).ok_or(Refusal::Position)?;
            let expected = (announcement.bytes as usize - index * PART_BYTES).min(PART_BYTES);
            if length != expected {
                return Err(Refusal::Position);
            }
            if pieces[index].replace(piece).is_some() {
                return Err(Refusal::Duplicate);
            }
            slot.bytes += length;
            *count += 1;
            Ok(*count == pieces.len())
        }
    }
}

/// Cuts an encoded block into the parts of its stream, the announcement first.
pub fn cut(announcement: Announcement, block: &Bytes) -> impl Iterator<Item = Part> + use<> {
    let block = block.clone();
    let pieces = (0..pieces_of(block.len())).map(move |index| {
        let start = index * PART_BYTES;
        Part::Data(block.slice(start..block.len().min(start + PART_BYTES)))
    });
    std::iter::once(Part::Announcement(announcement)).chain(pieces)
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
