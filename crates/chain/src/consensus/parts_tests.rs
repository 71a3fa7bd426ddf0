use std::sync::Arc;

use malachitebft_core_types::Round;
use muster_ledger::crypto::SecretKey;
use proptest::prelude::*;

use super::super::context::{Height, Origin};
use super::super::signing::ValidatorSigner;
use super::*;

const CHAIN: Hash = Hash([9; 32]);
const BLOCK_BYTES_MAX: usize = 1 << 20;
const MEMBERS: u8 = 4;

fn member(index: u8) -> SecretKey {
    SecretKey::from_seed([index + 1; 32])
}

fn committee() -> ValidatorSet {
    ValidatorSet::new((0..MEMBERS).map(|index| member(index).public()))
}

fn present(height: u64, round: u32) -> Present {
    Present { height, round, committee: committee(), block_bytes_max: BLOCK_BYTES_MAX }
}

fn assembler(height: u64, round: u32) -> Assembler {
    Assembler::new(ChainVerifier { chain: CHAIN }, present(height, round))
}

/// The key of whoever has a turn.
fn proposer(height: u64, round: u32) -> SecretKey {
    let address = committee().proposer(height, round).address;
    let keys = (0..MEMBERS).map(member);
    keys.into_iter().find(|key| key.public() == address.0).expect("a member")
}

fn sign(key: SecretKey, mut announcement: Announcement) -> Announcement {
    announcement.proposer = Address(key.public());
    ValidatorSigner::new(CHAIN, Arc::new(key)).sign_announcement(&mut announcement);
    announcement
}

fn body(bytes: usize, seed: u8) -> Bytes {
    (0..bytes).map(|index| (index % 251) as u8 ^ seed).collect()
}

fn unsigned(height: u64, round: u32, pieces: &Pieces) -> Announcement {
    let proposer = committee().proposer(height, round).address;
    let block = hash("test body", &[pieces.block()]);
    pieces.announcement(Height(height), Round::new(round), proposer, block)
}

/// A block of whoever has the turn.
fn proposal(height: u64, round: u32, bytes: usize, seed: u8) -> Vec<Part> {
    let pieces = Pieces::of(body(bytes, seed));
    let announcement = sign(proposer(height, round), unsigned(height, round, &pieces));
    pieces.parts(&announcement).collect()
}

/// Sends all parts; what came of the last.
fn send(assembler: &mut Assembler, parts: Vec<Part>) -> Outcome {
    parts.into_iter().map(|part| assembler.insert(part)).last().expect("there are parts")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_order_of_parts_gives_the_block(bytes in 1usize..700_000, seed in any::<u64>()) {
        let mut parts = proposal(1, 0, bytes, 0);
        let mut state = seed;
        for index in (1..parts.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            parts.swap(index, (state >> 33) as usize % (index + 1));
        }
        let mut assembler = assembler(1, 0);
        let count = parts.len();
        for (sent, part) in parts.into_iter().enumerate() {
            let again = part.clone();
            let expected = if sent + 1 == count { Outcome::Complete } else { Outcome::Pending };
            prop_assert_eq!(assembler.insert(part), expected);
            prop_assert_eq!(assembler.insert(again), Outcome::Pending, "needless, not wrong");
        }
        let (_, taken) = assembler.take().expect("complete");
        prop_assert_eq!(&taken[..], &body(bytes, 0)[..]);
        prop_assert_eq!((assembler.bytes(), assembler.take()), (0, None));
    }

    #[test]
    fn whatever_members_send_memory_is_bounded_and_the_present_round_completes(
        messages in prop::collection::vec(
            (1u64..5, 0u32..30, 1usize..BLOCK_BYTES_MAX, 0u8..2, any::<u8>()),
            1..40,
        ),
        round in 0u32..12,
    ) {
        let mut assembler = assembler(2, round);
        for (height, other, bytes, seed, kept) in messages {
            if (height, other) == (2, round) {
                continue;
            }
            // Some never send all.
            for part in proposal(height, other, bytes, seed) {
                if part.index != u32::from(kept) {
                    assembler.insert(part);
                }
            }
            prop_assert!(assembler.bytes() <= assembler.bytes_max());
            prop_assert!(assembler.proposals() <= 2 * 10 + 1 + 2 * 11);
        }
        let outcome = send(&mut assembler, proposal(2, round, BLOCK_BYTES_MAX, 7));
        prop_assert_eq!(outcome, Outcome::Complete);
        let (announcement, _) = assembler.take().expect("the latest round first");
        prop_assert_eq!(announcement.round, Round::new(round));
        prop_assert!(assembler.bytes() <= assembler.bytes_max());
    }
}

#[test]
fn strangers_take_no_byte_and_the_honest_proposal_completes() {
    let mut assembler = assembler(36, 0);
    let honest = proposal(36, 0, BLOCK_BYTES_MAX, 0);
    for stranger in 100u8..116 {
        let key = SecretKey::from_seed([stranger; 32]);
        let pieces = Pieces::of(body(BLOCK_BYTES_MAX, stranger));
        // In their own name, in the proposer's, and with the honest announcement to other pieces.
        let own = sign(key.clone(), unsigned(36, 0, &pieces));
        for part in pieces.parts(&own) {
            assert_eq!(assembler.insert(part), Outcome::Refused(Refusal::Turn));
        }
        for part in pieces.parts(&unsigned(36, 0, &pieces)).take(1) {
            assert_eq!(assembler.insert(part), Outcome::Refused(Refusal::Signature));
        }
        let borrowed = honest[0].announcement.clone();
        for part in pieces.parts(&borrowed).take(1) {
            assert_eq!(assembler.insert(part), Outcome::Refused(Refusal::Form));
        }
        assert_eq!((assembler.bytes(), assembler.proposals()), (0, 0));
    }
    // One part is here: the rest of it can be neither replaced nor damaged.
    assert_eq!(assembler.insert(honest[0].clone()), Outcome::Pending);
    let junk = Part { index: 1, piece: body(PART_BYTES, 1), ..honest[1].clone() };
    assert_eq!(assembler.insert(junk), Outcome::Refused(Refusal::Piece));
    let junk = Part { index: 1_000, ..honest[1].clone() };
    assert_eq!(assembler.insert(junk), Outcome::Refused(Refusal::Piece));
    assert_eq!(send(&mut assembler, honest[1..].to_vec()), Outcome::Complete);
}

#[test]
fn parts_are_refused_for_a_reason() {
    let mut assembler = assembler(5, 20);
    let mut check = |height: u64, round: u32, change: fn(&mut Announcement), expected: Refusal| {
        let pieces = Pieces::of(body(10, 0));
        let mut announcement = unsigned(height, round, &pieces);
        change(&mut announcement);
        let signed = sign(proposer(height, round), announcement.clone());
        let signed = Announcement { proposer: announcement.proposer, ..signed };
        let part = pieces.parts(&signed).next().expect("one");
        assert_eq!(assembler.insert(part), Outcome::Refused(expected), "{height} {round}");
    };
    check(4, 0, |_| (), Refusal::Round);
    check(8, 0, |_| (), Refusal::Round);
    check(5, 9, |_| (), Refusal::Round);
    check(5, 31, |_| (), Refusal::Round);
    check(6, 11, |_| (), Refusal::Round);
    check(5, 20, |one| one.round = Round::Nil, Refusal::Round);
    check(5, 20, |one| one.proposer = committee().proposer(5, 21).address, Refusal::Turn);
    check(5, 20, |one| one.bytes = 0, Refusal::Form);
    check(5, 20, |one| one.bytes = 2 << 20, Refusal::Form);
    check(5, 20, |one| one.pieces = Hash([0; 32]), Refusal::Form);
    check(5, 20, |one| one.valid_round = Round::new(3), Refusal::Form);
}

#[test]
fn a_block_proposed_again_names_who_built_it() {
    let pieces = Pieces::of(body(10, 0));
    let first = sign(proposer(1, 0), unsigned(1, 0, &pieces));
    let again = |origin: Origin, valid_round: u32| {
        let valid_round = Round::new(valid_round);
        let again = Announcement { valid_round, origin: Some(origin), ..unsigned(1, 2, &pieces) };
        let announcement = sign(proposer(1, 2), again);
        assembler(1, 2).insert(pieces.parts(&announcement).next().expect("one"))
    };
    let origin = Origin { round: Round::new(0), signature: first.signature };
    assert_eq!(again(origin.clone(), 1), Outcome::Complete);
    assert_eq!(again(origin.clone(), 0), Outcome::Complete);
    assert_eq!(again(origin.clone(), 2), Outcome::Refused(Refusal::Form));
    let other_round = Origin { round: Round::new(1), ..origin.clone() };
    assert_eq!(again(other_round, 1), Outcome::Refused(Refusal::Signature));
    let later = Origin { round: Round::new(1), ..origin };
    assert_eq!(again(later, 0), Outcome::Refused(Refusal::Form));
    assert_eq!(builder(&committee(), &first), Address(proposer(1, 0).public()));
}

#[test]
fn a_second_block_for_a_round_is_evidence_and_nothing_more() {
    let mut assembler = assembler(1, 0);
    let (first, second) = (proposal(1, 0, 300_000, 0), proposal(1, 0, 300_000, 1));
    assert_eq!(assembler.insert(first[0].clone()), Outcome::Pending);
    let both = [first[0].announcement.clone(), second[0].announcement.clone()];
    assert_eq!(assembler.insert(second[0].clone()), Outcome::Conflict);
    assert_eq!((assembler.take_conflict(), assembler.take_conflict()), (Some(both), None));
    for part in &second {
        assert_eq!(assembler.insert(part.clone()), Outcome::Refused(Refusal::Second), "said once");
    }
    assert_eq!(send(&mut assembler, first), Outcome::Complete);
    let taken = assembler.take().map(|(_, taken)| taken);
    assert_eq!(taken.as_deref(), Some(&body(300_000, 0)[..]));
    assert_eq!(send(&mut assembler, second), Outcome::Refused(Refusal::Second));
}

#[test]
fn forged_second_announcements_are_no_evidence_and_soon_not_even_read() {
    let mut assembler = assembler(1, 0);
    let first = proposal(1, 0, 10, 0);
    assembler.remember(first[0].announcement.clone());
    for forged in 0..DOUBTS_MAX as u8 + 3 {
        let pieces = Pieces::of(body(10, 1 + forged));
        let part = pieces.parts(&unsigned(1, 0, &pieces)).next().expect("one");
        let late = u32::from(forged) >= DOUBTS_MAX;
        let refusal = if late { Refusal::Second } else { Refusal::Signature };
        assert_eq!(assembler.insert(part), Outcome::Refused(refusal));
    }
    assert_eq!(send(&mut assembler, first), Outcome::Pending, "it is here already");
    assert_eq!(assembler.take(), None);
}

#[test]
fn a_proposal_is_handed_out_when_its_round_comes() {
    let mut assembler = assembler(1, 0);
    assert_eq!(send(&mut assembler, proposal(1, 3, 200_000, 0)), Outcome::Pending);
    assert_eq!(send(&mut assembler, proposal(2, 0, 200_000, 0)), Outcome::Pending);
    assert_eq!((assembler.take(), assembler.bytes()), (None, 400_000));
    assembler.move_on(present(1, 2));
    assert_eq!(assembler.take(), None);
    assembler.move_on(present(1, 3));
    assert!(assembler.take().is_some());
    assembler.move_on(present(2, 0));
    assert!(assembler.take().is_some());
    assert_eq!(assembler.bytes(), 0);
    assert_eq!(assembler.proposals(), 1, "what was decided is forgotten");
    assembler.move_on(present(9, 0));
    assert_eq!(assembler.proposals(), 0);
}

#[test]
fn the_farthest_makes_room_and_may_be_sent_again() {
    let mut assembler = assembler(1, 0);
    for round in 1..=4 {
        assert_eq!(send(&mut assembler, proposal(1, round, BLOCK_BYTES_MAX, 0)), Outcome::Pending);
    }
    assert_eq!(assembler.bytes(), assembler.bytes_max());
    let farthest = send(&mut assembler, proposal(2, 0, BLOCK_BYTES_MAX, 0));
    assert_eq!(farthest, Outcome::Refused(Refusal::Room));
    assert_eq!(send(&mut assembler, proposal(1, 0, BLOCK_BYTES_MAX, 0)), Outcome::Complete);
    assert!(assembler.take().is_some());
    assert_eq!(send(&mut assembler, proposal(1, 4, BLOCK_BYTES_MAX, 0)), Outcome::Pending);
    assembler.move_on(present(1, 4));
    let rounds = std::iter::from_fn(|| assembler.take()).map(|(one, _)| one.round.as_i64());
    assert_eq!(rounds.collect::<Vec<_>>(), [4, 3, 2, 1]);
}

#[test]
fn another_committee_forgets_what_came_from_those_without_the_turn() {
    let mut assembler = assembler(1, 0);
    assert_eq!(send(&mut assembler, proposal(2, 0, 10, 0)), Outcome::Pending);
    let other = committee().proposer(2, 1).address.0;
    let committee = ValidatorSet::new([other]);
    assembler.move_on(Present { committee, ..present(2, 0) });
    assert_eq!((assembler.proposals(), assembler.bytes(), assembler.take()), (0, 0, None));
}
