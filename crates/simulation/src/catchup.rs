//! How a node that is behind gets decided blocks: a small model of the engine's sync protocol.
//!
//! Real are the answers (the host's history), the check of certificates (the core) and of blocks
//! (the host). Modelled is who is asked for which heights and when: the engine's own code for that
//! depends on the computer's clock and on the order of hash maps, so that no seed could replay it.

use std::collections::{BTreeMap, BTreeSet};

use malachitebft_sync::RawDecidedValue;
use muster_chain::consensus::context::MusterContext;
use muster_mechanism::random::Stream;

/// Heights asked for at once, as the engine's default.
const HEIGHTS: u64 = 5;
/// How long an answer or a decision is waited for, milliseconds.
const PATIENCE_MS: u64 = 3_000;

/// Asks a node: whom, the question's number, the heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The node.
    pub node: usize,
    /// The question's number.
    pub number: u64,
    /// The first height.
    pub first: u64,
    /// The last height.
    pub last: u64,
}

/// What one node knows of the others' heights, and what it got from them.
#[derive(Debug, Default)]
pub struct CatchUp {
    /// The height that the engine is at.
    height: u64,
    tips: BTreeMap<usize, u64>,
    /// Blocks that wait for their height, and from whom they came.
    values: BTreeMap<u64, (usize, RawDecidedValue<MusterContext>)>,
    asked: Option<(Request, u64)>,
    /// The height of the block that the engine was given last, from whom, and until when it may
    /// take.
    given: Option<(u64, usize, u64)>,
    /// Who gave something useless for a height.
    faulty: BTreeSet<(u64, usize)>,
    numbers: u64,
}

impl CatchUp {
    /// The engine started a height.
    pub fn started(&mut self, height: u64) {
        self.height = height;
        self.values.retain(|value, _| *value >= height);
        self.faulty.retain(|(fault, _)| *fault >= height);
    }

    /// Another node says how far it is.
    pub fn heard(&mut self, node: usize, tip: u64) {
        self.tips.insert(node, tip);
    }

    /// An answer came.
    pub fn answered(
        &mut self,
        node: usize,
        number: u64,
        values: Vec<RawDecidedValue<MusterContext>>,
    ) {
        let Some((request, _)) =
            self.asked.take_if(|(request, _)| request.number == number && request.node == node)
        else {
            return;
        };
        if values.is_empty() {
            self.faulty.insert((request.first, node));
        }
        for (height, value) in (request.first..=request.last).zip(values) {
            // Heights out of order are no answer.
            if value.height().0 != height {
                self.faulty.insert((height, node));
                break;
            }
            self.values.insert(height, (node, value));
        }
    }

    /// The block for the height that the engine is at, once: from whom, and what.
    pub fn give(&mut self, now_ms: u64) -> Option<(usize, RawDecidedValue<MusterContext>)> {
        let given = self.values.remove(&self.height)?;
        self.given = Some((self.height, given.0, now_ms + PATIENCE_MS));
        Some(given)
    }

    /// What was given for a height is of no use; `theirs`: who gave it is at fault.
    pub fn useless(&mut self, height: u64, theirs: bool) {
        if let Some((_, node, _)) = self.given.take_if(|(given, ..)| *given == height)
            && theirs
        {
            self.faulty.insert((height, node));
        }
    }

    /// Whom to ask now, if the node is behind somebody and waits for nothing.
    pub fn ask(&mut self, now_ms: u64, stream: &mut Stream) -> Option<Request> {
        let waits = |until_ms: u64| now_ms < until_ms;
        if self.asked.is_some_and(|(_, until)| waits(until))
            || self.given.is_some_and(|(height, _, until)| height == self.height && waits(until))
            || self.values.contains_key(&self.height)
        {
            return None;
        }
        if let Some((request, _)) = self.asked.take() {
            self.faulty.insert((request.first, request.node));
        }
        let first = self.height;
        let ahead: Vec<(usize, u64)> =
            self.tips.iter().filter(|(_, tip)| **tip >= first).map(|(n, t)| (*n, *t)).collect();
        let good: Vec<_> =
            ahead.iter().filter(|(node, _)| !self.faulty.contains(&(first, *node))).collect();
        if good.is_empty() {
            // Everybody failed once: all may try again.
            self.faulty.retain(|(height, _)| *height != first);
            return None;
        }
        let (node, tip) = *good[stream.below(good.len() as u64) as usize];
        self.numbers += 1;
        let last = tip.min(first + HEIGHTS - 1);
        let request = Request { node, number: self.numbers, first, last };
        self.asked = Some((request, now_ms + PATIENCE_MS));
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_gives_nothing_is_not_asked_again_before_the_others() {
        let mut stream = Stream::new(1, 0);
        let mut catch_up = CatchUp::default();
        catch_up.started(4);
        catch_up.heard(1, 3);
        assert_eq!(catch_up.ask(0, &mut stream), None, "nobody is ahead");
        catch_up.heard(1, 20);
        catch_up.heard(2, 20);
        let first = catch_up.ask(0, &mut stream).expect("two are ahead");
        assert_eq!((first.first, first.last), (4, 8));
        assert_eq!(catch_up.ask(1, &mut stream), None, "one question at a time");
        catch_up.answered(first.node, first.number, Vec::new());
        let second = catch_up.ask(2, &mut stream).expect("the other is ahead");
        assert_ne!(first.node, second.node);
        assert_eq!(catch_up.ask(2 + PATIENCE_MS, &mut stream), None, "both failed");
        assert!(catch_up.ask(2 + PATIENCE_MS, &mut stream).is_some(), "both may try again");
    }
}
