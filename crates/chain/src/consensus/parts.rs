//! Puts proposals together from their parts, within bounds.
//!
//! Anybody can send parts, in any order, through anybody. Each carries the announcement of its
//! proposal, which only the proposer of the round can sign, and the announcement binds the hash of
//! every piece: nothing is held that the proposer has not signed, so that nobody else takes a place
//! or a byte. There is one proposal a round, and only rounds near the present one are taken. What
//! is held beyond the present round shares a budget, from which the farthest goes first: the
//! proposal whose turn it is always has room.

use std::collections::BTreeMap;

use bytes::Bytes;
use malachitebft_core_consensus::MAX_FUTURE_ROUND_LOOKAHEAD;
use malachitebft_core_types::Round;
use muster_ledger::crypto::{Hash, PublicKey, hash};

use super::context::{Address, Announcement, Height, Part, ValidatorSet};
use super::signing::{ChainVerifier, ValidatorSigner};

/// Length of every piece of a block but the last, bytes.
pub const PART_BYTES: usize = 128 * 1024;
/// Rounds before and after the present one whose proposals are taken: as far as the engine looks
/// ahead.
pub const ROUNDS_AROUND: u32 = MAX_FUTURE_ROUND_LOOKAHEAD;
/// How many heights ahead of this node a proposal may be for: others are a little faster.
pub const HEIGHTS_AHEAD: u64 = 2;
/// Bytes of proposals that are held, in blocks of the greatest length.
const BLOCKS_HELD_MAX: usize = 4;
/// Announcements whose signature is checked although one is known for their round: forged ones are
/// refused unread after so many.
const DOUBTS_MAX: u32 = 8;

/// The longest encoding of a part that carries a piece of a block of `block_bytes`, bytes.
pub const fn part_bytes_max(block_bytes: usize) -> usize {
    PART_BYTES + 32 * block_bytes.div_ceil(PART_BYTES) + 1_024
}

/// Where a node is, and by whose turns.
#[derive(Clone, Debug)]
pub struct Present {
    /// The height that is to be decided.
    pub height: u64,
    /// Its round.
    pub round: u32,
    /// The committee of the height; it stands for those of the next heights until they come.
    pub committee: ValidatorSet,
    /// Longest encoded block, bytes.
    pub block_bytes_max: usize,
}

/// Why a part is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not near the present round.
    #[error("its round is not near the present one")]
    Round,
    /// Not from whoever has the turn.
    #[error("it is not announced by whose turn it is")]
    Turn,
    /// It contradicts itself.
    #[error("its announcement contradicts itself, or is for a block that is too long")]
    Form,
    /// A signature does not match.
    #[error("a signature of its announcement does not match")]
    Signature,
    /// Another proposal of the round is known.
    #[error("another proposal is known for its round")]
    Second,
    /// The piece is not the one announced.
    #[error("its piece is not the one announced")]
    Piece,
    /// Nearer rounds take all the room.
    #[error("nearer rounds take all the room")]
    Room,
}

/// What came of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// More parts are needed, or this one is not.
    Pending,
    /// A proposal is complete and its round has come: [`Assembler::take`] has it.
    Complete,
    /// The part is refused.
    Refused(Refusal),
    /// The proposer announced two blocks for one round; both announcements are signed. The first
    /// stays, the second is refused; [`Assembler::take_conflict`] has both.
    Conflict,
}

#[derive(Debug)]
struct Slot {
    announcement: Announcement,
    /// Hashes of the pieces; none once it is handed out.
    hashes: Vec<Hash>,
    /// The pieces by index; as many as hashes.
    pieces: Vec<Option<Bytes>>,
    /// Length of the pieces that are here.
    bytes: usize,
    /// Other announcements that were checked and are not the proposer's.
    doubts: u32,
    /// Whether the proposer was caught announcing a second block.
    conflict: bool,
}

impl Slot {
    fn new(announcement: Announcement, hashes: Vec<Hash>) -> Self {
        let pieces = vec![None; hashes.len()];
        Self { announcement, hashes, pieces, bytes: 0, doubts: 0, conflict: false }
    }

    fn is_complete(&self) -> bool {
        self.bytes == self.announcement.bytes as usize
    }

    /// Drops what it holds; the announcement stays, and the pieces may be sent again.
    fn clear(&mut self) -> usize {
        self.pieces.fill(None);
        std::mem::take(&mut self.bytes)
    }
}

/// Height and round.
type Place = (u64, u32);

/// Proposals by height and round, at most one each.
#[derive(Debug)]
pub struct Assembler {
    verifier: ChainVerifier,
    present: Present,
    slots: BTreeMap<Place, Slot>,
    bytes: usize,
    /// Two signed announcements of one round; one pair a round at most, until they are taken.
    conflicts: Vec<[Announcement; 2]>,
}

impl Assembler {
    /// An assembler without proposals.
    pub fn new(verifier: ChainVerifier, present: Present) -> Self {
        Self { verifier, present, slots: BTreeMap::new(), bytes: 0, conflicts: Vec::new() }
    }

    /// Whether it is a key of the present committee.
    pub fn is_member(&self, key: &PublicKey) -> bool {
        self.present.committee.contains(key)
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The most bytes that are held.
    pub fn bytes_max(&self) -> usize {
        BLOCKS_HELD_MAX * self.present.block_bytes_max
    }

    /// Proposals known now, handed out ones among them.
    pub fn proposals(&self) -> usize {
        self.slots.len()
    }

    /// Moves on: forgets what is no longer near, or not announced by whose turn it turns out to be.
    pub fn move_on(&mut self, present: Present) {
        self.present = present;
        let present = &self.present;
        self.slots.retain(|_, slot| admissible(present, &slot.announcement).is_ok());
        self.bytes = self.slots.values().map(|slot| slot.bytes).sum();
        self.make_room();
    }

    /// Remembers a proposal that is here already, so that no other is taken for its round.
    pub fn remember(&mut self, announcement: Announcement) {
        if let Ok(place) = admissible(&self.present, &announcement) {
            if self.slots.get(&place).is_some_and(|slot| slot.announcement == announcement) {
                return;
            }
            let before = self.slots.insert(place, Slot::new(announcement, Vec::new()));
            self.bytes -= before.map_or(0, |slot| slot.bytes);
        }
    }

    /// Takes a part. What is cheap to check comes first: place and turn, then what is known of the
    /// round, then signatures, then the piece's hash.
    pub fn insert(&mut self, part: Part) -> Outcome {
        let place = match admissible(&self.present, &part.announcement) {
            Ok(place) => place,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.slots.get_mut(&place) {
            Some(slot) if slot.announcement == part.announcement => {}
            Some(slot) => {
                return match doubt(slot, &self.verifier, &self.present, part.announcement) {
                    Ok(both) => {
                        self.conflicts.push(both);
                        Outcome::Conflict
                    }
                    Err(refusal) => Outcome::Refused(refusal),
                };
            }
            None => match self.open(&part) {
                Ok(slot) => {
                    self.slots.insert(place, slot);
                }
                Err(refusal) => return Outcome::Refused(refusal),
            },
        }
        match self.fill(place, part) {
            Ok(true) if self.has_come(place) => Outcome::Complete,
            Ok(_) => Outcome::Pending,
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// A complete proposal whose round has come, the latest first; each is handed out once.
    pub fn take(&mut self) -> Option<(Announcement, Vec<u8>)> {
        let rounds = (self.present.height, 0)..=(self.present.height, self.present.round);
        let mut here = self.slots.range_mut(rounds).rev().map(|(_, slot)| slot);
        let slot = here.find(|slot| slot.is_complete())?;
        let pieces: Vec<Bytes> = slot.pieces.drain(..).flatten().collect();
        slot.hashes = Vec::new();
        self.bytes -= std::mem::take(&mut slot.bytes);
        Some((slot.announcement.clone(), pieces.concat()))
    }

    /// Two signed announcements of different blocks for one round, if a proposer was caught.
    pub fn take_conflict(&mut self) -> Option<[Announcement; 2]> {
        self.conflicts.pop()
    }

    fn has_come(&self, (height, round): Place) -> bool {
        height == self.present.height && round <= self.present.round
    }

    /// The place for a proposal of which this is the first part seen.
    fn open(&self, part: &Part) -> Result<Slot, Refusal> {
        let announcement = &part.announcement;
        let bytes = announcement.bytes as usize;
        let formed = (1..=self.present.block_bytes_max).contains(&bytes)
            && part.hashes.len() == pieces_of(bytes)
            && announcement.rounds_fit();
        if !formed || hash_of_list(&part.hashes) != announcement.pieces {
            return Err(Refusal::Form);
        }
        if !signed(&self.verifier, &self.present, announcement) {
            return Err(Refusal::Signature);
        }
        Ok(Slot::new(announcement.clone(), part.hashes.clone()))
    }

    /// Takes the piece of a part. `Ok(true)`: the block is complete now.
    fn fill(&mut self, place: Place, part: Part) -> Result<bool, Refusal> {
        let slot = self.slots.get_mut(&place).expect("looked up or opened before");
        if slot.hashes.is_empty() {
            return Ok(false);
        }
        let index = part.index as usize;
        let Some(held) = slot.pieces.get_mut(index) else { return Err(Refusal::Piece) };
        if held.is_some() {
            return Ok(false);
        }
        let length = (slot.announcement.bytes as usize - index * PART_BYTES).min(PART_BYTES);
        if part.piece.len() != length || hash_of_piece(&part.piece) != slot.hashes[index] {
            return Err(Refusal::Piece);
        }
        *held = Some(part.piece);
        slot.bytes += length;
        self.bytes += length;
        self.make_room();
        let slot = &self.slots[&place];
        if slot.bytes == 0 { Err(Refusal::Room) } else { Ok(slot.is_complete()) }
    }

    /// Clears the farthest proposals while too much is held.
    fn make_room(&mut self) {
        while self.bytes > self.bytes_max() {
            let (height, round) = (self.present.height, self.present.round);
            let far = |place: &Place| (place.0 - height, place.1.abs_diff(round), place.1);
            let held = self.slots.iter().filter(|(_, slot)| slot.bytes > 0);
            let Some(place) = held.map(|(place, _)| *place).max_by_key(far) else { return };
            self.bytes -= self.slots.get_mut(&place).map_or(0, Slot::clear);
        }
    }
}

/// Where a proposal belongs, if its round is near and it comes from whose turn it is. For heights
/// after the next the committee may differ: what it then turns out not to be is forgotten.
fn admissible(present: &Present, announcement: &Announcement) -> Result<Place, Refusal> {
    let round = announcement.round.as_u32().ok_or(Refusal::Round)?;
    let height = announcement.height.0;
    let rounds = if height == present.height {
        present.round.saturating_sub(ROUNDS_AROUND)..=present.round.saturating_add(ROUNDS_AROUND)
    } else {
        0..=ROUNDS_AROUND
    };
    let heights = present.height..=present.height.saturating_add(HEIGHTS_AHEAD);
    if !heights.contains(&height) || !rounds.contains(&round) {
        return Err(Refusal::Round);
    }
    if present.committee.proposer(height, round).address != announcement.proposer {
        return Err(Refusal::Turn);
    }
    Ok((height, round))
}

/// Who built the block that is announced.
pub fn builder(committee: &ValidatorSet, announcement: &Announcement) -> Address {
    let round = announcement.built_in().as_u32().unwrap_or(0);
    committee.proposer(announcement.height.0, round).address
}

/// Whether the proposer signed an announcement, and the builder the one with which the block was
/// new.
fn signed(verifier: &ChainVerifier, present: &Present, announcement: &Announcement) -> bool {
    let original = announcement.original(builder(&present.committee, announcement));
    verifier.announcement(announcement)
        && (announcement.origin.is_none() || verifier.announcement(&original))
}

/// What to make of another announcement than the one known for its round: both, where the proposer
/// signed both and for different blocks.
fn doubt(
    slot: &mut Slot,
    verifier: &ChainVerifier,
    present: &Present,
    other: Announcement,
) -> Result<[Announcement; 2], Refusal> {
    if slot.conflict || slot.doubts >= DOUBTS_MAX || slot.announcement.block == other.block {
        return Err(Refusal::Second);
    }
    if !other.rounds_fit() || !signed(verifier, present, &other) {
        slot.doubts += 1;
        return Err(Refusal::Signature);
    }
    slot.conflict = true;
    Ok([slot.announcement.clone(), other])
}

/// Number of pieces of a block of `bytes`.
fn pieces_of(bytes: usize) -> usize {
    bytes.div_ceil(PART_BYTES)
}

fn hash_of_piece(piece: &[u8]) -> Hash {
    hash("block-piece", &[piece])
}

fn hash_of_list(hashes: &[Hash]) -> Hash {
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| hash.0.as_slice()).collect();
    hash("block-pieces", &hashes)
}

fn hashes_of(block: &Bytes) -> Vec<Hash> {
    block.chunks(PART_BYTES).map(hash_of_piece).collect()
}

/// An encoded block in pieces, to be announced and sent.
#[derive(Clone, Debug)]
pub struct Pieces {
    block: Bytes,
    hashes: Vec<Hash>,
}

impl Pieces {
    /// Cuts a block.
    pub fn of(block: Bytes) -> Self {
        let hashes = hashes_of(&block);
        Self { block, hashes }
    }

    /// The block.
    pub fn block(&self) -> &Bytes {
        &self.block
    }

    /// Length of the block, bytes.
    pub fn bytes(&self) -> u32 {
        u32::try_from(self.block.len()).expect("blocks are far shorter than 4 GiB")
    }

    /// What the announcement says of them.
    pub fn hash(&self) -> Hash {
        hash_of_list(&self.hashes)
    }

    /// The announcement of the block by a proposer, not signed yet: of a new block, in a round in
    /// which no other is locked.
    pub fn announcement(
        &self,
        height: Height,
        round: Round,
        proposer: Address,
        block: Hash,
    ) -> Announcement {
        Announcement {
            height,
            round,
            valid_round: Round::Nil,
            proposer,
            block,
            bytes: self.bytes(),
            pieces: self.hash(),
            origin: None,
            signature: ValidatorSigner::unsigned(),
        }
    }

    /// The parts of an announced block, in order.
    pub fn parts(&self, announcement: &Announcement) -> impl Iterator<Item = Part> {
        (0u32..).zip(0..self.hashes.len()).map(move |(index, position)| {
            let start = position * PART_BYTES;
            Part {
                announcement: announcement.clone(),
                hashes: self.hashes.clone(),
                index,
                piece: self.block.slice(start..self.block.len().min(start + PART_BYTES)),
            }
        })
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
