use malachitebft_core_types::Round;
use muster_ledger::crypto::{Hash, PublicKey, Signature};
use proptest::prelude::*;

use super::super::context::{Address, Height};
use super::*;

const LIMITS: StreamLimits = StreamLimits {
    block_bytes_max: 1 << 20,
    streams_per_publisher_max: 4,
    streams_max: 16,
    bytes_max: 4 << 20,
};

fn key(publisher: u8, stream: u8) -> StreamKey {
    StreamKey { publisher: vec![publisher], stream: Bytes::copy_from_slice(&[stream]) }
}

fn announcement(bytes: usize) -> Announcement {
    Announcement {
        height: Height(1),
        round: Round::new(0),
        valid_round: Round::Nil,
        proposer: Address(PublicKey([1; 32])),
        block: Hash([2; 32]),
        bytes: bytes as u32,
        signature: Signature([0; 64]),
    }
}

fn body(bytes: usize) -> Bytes {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

proptest! {
    #[test]
    fn any_order_of_parts_gives_the_block(bytes in 1usize..700_000, seed in any::<u64>()) {
        let block = body(bytes);
        let mut parts: Vec<_> = cut(announcement(bytes), &block).enumerate().collect();
        let mut state = seed;
        for index in (1..parts.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            parts.swap(index, (state >> 33) as usize % (index + 1));
        }
        let mut assembler = Assembler::new(LIMITS);
        let mut complete = None;
        for (sequence, part) in parts {
            match assembler.insert(key(1, 1), sequence as u64, part, 1, |_| true) {
                Outcome::Complete(_, block) => complete = Some(block),
                Outcome::Pending => {}
                Outcome::Refused(refusal) => prop_assert!(false, "refused: {refusal}"),
            }
        }
        prop_assert_eq!(complete.as_deref(), Some(&block[..]));
        prop_assert_eq!(assembler.bytes(), 0);
    }

    #[test]
    fn whatever_is_sent_memory_is_bounded(
        messages in prop::collection::vec(
            (0u8..8, 0u8..8, prop_oneof![0u64..12, any::<u64>()], any::<bool>(), 0usize..200_000),
            1..200,
        ),
    ) {
        let mut assembler = Assembler::new(LIMITS);
        for (publisher, stream, sequence, announce, bytes) in messages {
            let part = if announce {
                Part::Announcement(announcement(bytes * 8))
            } else {
                Part::Data(body(bytes))
            };
            assembler.insert(key(publisher, stream), sequence, part, 1, |_| true);
            prop_assert!(assembler.bytes() <= LIMITS.bytes_max);
            prop_assert!(assembler.streams() <= LIMITS.streams_max);
        }
        assembler.forget_before(2);
        prop_assert_eq!((assembler.bytes(), assembler.streams()), (0, 0));
    }
}

#[test]
fn streams_are_refused_for_a_reason() {
    let mut assembler = Assembler::new(LIMITS);
    let mut send = |stream: u8, sequence: u64, part: Part| {
        assembler.insert(key(stream, stream), sequence, part, 1, |a| a.height == Height(1))
    };
    let other_height = Announcement { height: Height(9), ..announcement(10) };
    assert_eq!(
        send(1, 0, Part::Announcement(other_height)),
        Outcome::Refused(Refusal::Announcement)
    );
    assert_eq!(
        send(2, 0, Part::Announcement(announcement(2 << 20))),
        Outcome::Refused(Refusal::Announcement)
    );
    assert_eq!(
        send(3, 1, Part::Announcement(announcement(10))),
        Outcome::Refused(Refusal::Position)
    );
    assert_eq!(send(4, 0, Part::Announcement(announcement(10))), Outcome::Pending);
    assert_eq!(send(4, 2, Part::Data(body(10))), Outcome::Refused(Refusal::Position));
    assert_eq!(send(4, 1, Part::Data(body(10))), Outcome::Pending, "closed streams are ignored");
    assert_eq!(
        send(5, 3, Part::Data(body(PART_BYTES + 1))),
        Outcome::Refused(Refusal::Unannounced)
    );
    assert_eq!(send(6, 7, Part::Data(body(1))), Outcome::Pending);
    assert_eq!(send(6, 7, Part::Data(body(1))), Outcome::Refused(Refusal::Duplicate));
}

#[test]
fn a_publisher_beyond_its_share_loses_its_own_oldest_stream() {
    let mut assembler = Assembler::new(LIMITS);
    let block = body(10);
    let other = assembler.insert(key(9, 0), 1, Part::Data(body(1)), 1, |_| true);
    assert_eq!(other, Outcome::Pending);
    for stream in 0..100 {
        let parts: Vec<_> = cut(announcement(10), &block).collect();
        let first = assembler.insert(key(1, stream), 0, parts[0].clone(), 1, |_| true);
        assert_eq!(first, Outcome::Pending);
        let second = assembler.insert(key(1, stream), 1, parts[1].clone(), 1, |_| true);
        assert!(matches!(second, Outcome::Complete(..)), "many rounds at one height go on");
    }
    assert_eq!(assembler.streams(), 1 + LIMITS.streams_per_publisher_max);
}

#[test]
fn announced_streams_are_not_displaced_by_strangers() {
    let mut assembler = Assembler::new(LIMITS);
    for publisher in 0..16 {
        let part = Part::Announcement(announcement(10));
        assert_eq!(assembler.insert(key(publisher, 0), 0, part, 1, |_| true), Outcome::Pending);
    }
    let stranger = assembler.insert(key(99, 0), 1, Part::Data(body(1)), 1, |_| true);
    assert_eq!(stranger, Outcome::Refused(Refusal::TooManyStreams));
}
