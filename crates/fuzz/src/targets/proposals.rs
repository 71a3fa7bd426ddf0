//! Parts of proposals in any order, from whoever has the turn and from whoever has not, with
//! announcements that are signed and ones that are not, while heights and rounds go by.

use std::sync::{Arc, OnceLock};

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use malachitebft_core_types::Round;
use muster_chain::consensus::Announcement;
use muster_chain::consensus::context::{Address, Height, Origin, Part, ValidatorSet};
use muster_chain::consensus::parts::{
    Assembler, HEIGHTS_AHEAD, PART_BYTES, Pieces, Present, ROUNDS_AROUND,
};
use muster_chain::consensus::signing::{ChainVerifier, ValidatorSigner};
use muster_ledger::crypto::{Hash, SecretKey, hash};

use crate::Target;

/// The assembler of proposals.
pub const TARGET: Target = Target {
    name: "proposals",
    about: "parts of proposals, signed by who has the turn or not, into the assembler",
    bytes_max: 4 << 10,
    run,
    seeds,
};

const CHAIN: Hash = Hash([9; 32]);
const BLOCK_BYTES_MAX: usize = 300_000;
const MEMBERS: u8 = 4;
/// Steps of an input.
const STEPS_MAX: usize = 64;

/// What all inputs share.
struct World {
    committee: ValidatorSet,
    /// By the order of the committee; the last is a stranger.
    signers: Vec<ValidatorSigner>,
    /// Blocks of one piece, of one full piece, of two, and of the greatest length.
    blocks: Vec<Pieces>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let keys: Vec<_> =
            (0..=MEMBERS).map(|seed| Arc::new(SecretKey::from_seed([seed; 32]))).collect();
        let members = keys[..usize::from(MEMBERS)].iter().map(|key| key.public());
        let committee = ValidatorSet::new(members);
        let mut ordered = keys;
        // The stranger stays last.
        ordered[..usize::from(MEMBERS)].sort_by_key(|key| key.public());
        let signers = ordered.into_iter().map(|key| ValidatorSigner::new(CHAIN, key)).collect();
        let lengths = [100, PART_BYTES, PART_BYTES + 1, BLOCK_BYTES_MAX];
        let blocks = lengths.map(|length| Pieces::of(Bytes::from(vec![length as u8; length])));
        World { committee, signers, blocks: blocks.to_vec() }
    })
}

fn present(height: u64, round: u32) -> Present {
    let committee = world().committee.clone();
    Present { height, round, committee, block_bytes_max: BLOCK_BYTES_MAX }
}

fn name(block: &Bytes) -> Hash {
    hash("fuzzed block", &[block])
}

fn run(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let (mut height, mut round) = (5, 1);
    let mut assembler = Assembler::new(ChainVerifier { chain: CHAIN }, present(height, round));
    let mut step = |assembler: &mut Assembler| -> Result<()> {
        match u8::arbitrary(&mut input)? % 8 {
            0 => {
                height += u64::arbitrary(&mut input)? % 3;
                round = u32::arbitrary(&mut input)? % (2 * ROUNDS_AROUND);
                assembler.move_on(present(height, round));
            }
            1 => {
                // Only what is here already is remembered, which says its own length.
                let (announcement, pieces) = announcement(&mut input, height, round)?;
                if announcement.bytes == pieces.bytes() {
                    assembler.remember(announcement);
                }
            }
            2 => {
                if let Some((announcement, body)) = assembler.take() {
                    assert_eq!(announcement.height.0, height, "of another height");
                    assert_eq!(announcement.bytes as usize, body.len());
                    let known = world().blocks.iter().any(|pieces| *pieces.block() == body);
                    assert!(known, "a body that nobody announced");
                }
            }
            3 => {
                if let Some([one, other]) = assembler.take_conflict() {
                    assert_ne!(one.block, other.block);
                    assert_eq!((one.height, one.round), (other.height, other.round));
                }
            }
            _ => {
                let part = damaged(&mut input, height, round)?;
                let _ = assembler.insert(part);
            }
        }
        Ok(())
    };
    for _ in 0..STEPS_MAX {
        if step(&mut assembler).is_err() {
            return;
        }
        assert!(assembler.bytes() <= assembler.bytes_max(), "more is held than may be");
        let rounds = (2 * ROUNDS_AROUND + 1) as usize * (HEIGHTS_AHEAD + 1) as usize;
        assert!(assembler.proposals() <= rounds, "more proposals than rounds");
    }
}

/// An announcement near a round, mostly by who has the turn, and its block.
fn announcement(
    input: &mut Unstructured<'_>,
    height: u64,
    round: u32,
) -> Result<(Announcement, &'static Pieces)> {
    let world = world();
    let pieces = &world.blocks[input.choose_index(world.blocks.len())?];
    let height = height.wrapping_add_signed(i64::from(i8::arbitrary(input)? % 4));
    let round = round.wrapping_add_signed(i32::from(i8::arbitrary(input)?));
    let twist = u16::arbitrary(input)?;
    let built = u32::from(u8::arbitrary(input)?);
    let turn = |round: u32| {
        let proposer = world.committee.proposer(height, round).address.0;
        world.signers.iter().find(|signer| signer.public() == proposer).expect("a member")
    };
    let signer = if twist & 7 == 1 { &world.signers[usize::from(MEMBERS)] } else { turn(round) };
    let own = Address(signer.public());
    let block = if twist & 24 == 8 { CHAIN } else { name(pieces.block()) };
    let honest = pieces.announcement(Height(height), Round::new(round), own, block);
    let mut announcement = Announcement {
        bytes: if twist & 96 == 32 { built } else { honest.bytes },
        pieces: if twist & 384 == 128 { CHAIN } else { honest.pieces },
        ..honest
    };
    if twist & 1536 == 512 {
        let builder = turn(built);
        let mut original = announcement.clone();
        (original.round, original.proposer) = (Round::new(built), Address(builder.public()));
        builder.sign_announcement(&mut original);
        let origin = Origin { round: original.round, signature: original.signature };
        announcement.origin = Some(origin);
        announcement.valid_round = Round::new(built + u32::from(u8::arbitrary(input)? % 3));
    }
    if twist & 6144 != 2048 {
        signer.sign_announcement(&mut announcement);
    }
    Ok((announcement, pieces))
}

/// A part of an announced block, mostly as it should be.
fn damaged(input: &mut Unstructured<'_>, height: u64, round: u32) -> Result<Part> {
    let (announcement, pieces) = announcement(input, height, round)?;
    let mut parts: Vec<Part> = pieces.parts(&announcement).collect();
    let index = input.choose_index(parts.len())?;
    let mut part = parts.swap_remove(index);
    match u8::arbitrary(input)? {
        0 => part.index = u32::arbitrary(input)?,
        1 => part.hashes.truncate(input.choose_index(part.hashes.len())?),
        2 => part.hashes.push(CHAIN),
        3 => part.piece = part.piece.slice(..input.choose_index(part.piece.len())?),
        4 => part.piece = Bytes::from(vec![7; part.piece.len()]),
        _ => {}
    }
    Ok(part)
}

/// A part as it should be.
pub fn part() -> Part {
    let zeros = [0; 16];
    let mut input = Unstructured::new(&zeros);
    damaged(&mut input, 5, 1).expect("zeros choose the first of everything")
}

fn seeds() -> Vec<Vec<u8>> {
    let insert = |block: u8, index: u8| [7, block, 0, 0, 0, 0, 0, index, 9];
    let pairs = [(0, 0), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)];
    let whole: Vec<u8> = pairs.iter().flat_map(|(block, index)| insert(*block, *index)).collect();
    let mut seeds: Vec<Vec<u8>> = pairs.iter().map(|(b, i)| insert(*b, *i).to_vec()).collect();
    seeds.push([whole.as_slice(), &[2, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]].concat());
    seeds.push([1, 0, 0, 0, 0, 0, 0].to_vec());
    seeds
}
