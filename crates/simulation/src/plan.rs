//! What goes wrong in a run: a list that the seed makes, so that it can be shortened.

use std::fmt;

use muster_mechanism::random::Stream;

/// When all faults but those of members end, milliseconds.
pub const HEAL_MS: u64 = 16_000;

/// What a dishonest member does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vice {
    /// Votes for two things at once, and tells some this and some that.
    TwoVotes,
    /// Proposes two blocks in one round, each to some, and votes for both.
    TwoBlocks,
    /// Announces blocks and keeps pieces of them.
    Withholds,
    /// Sends other bytes than those announced.
    Junk,
    /// Speaks of rounds far ahead.
    FarRounds,
    /// Votes for blocks that nobody knows.
    Unknown,
    /// Forgets what it is locked on.
    Amnesia,
    /// Says nothing at all.
    Silence,
    /// Gives other blocks than the decided ones to those who are behind.
    FalseHistory,
    /// Proposes blocks that break a rule.
    InvalidBlocks,
    /// Sends votes in the name of others.
    Forgery,
}

impl Vice {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::TwoVotes,
        Self::TwoBlocks,
        Self::Withholds,
        Self::Junk,
        Self::FarRounds,
        Self::Unknown,
        Self::Amnesia,
        Self::Silence,
        Self::FalseHistory,
        Self::InvalidBlocks,
        Self::Forgery,
    ];
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A member has a vice.
    Member(usize, Vice),
    /// From a time to another nothing passes between those of the mask and the others.
    Partition(u64, u64, u64),
    /// From a time to another, so many of a hundred packets are lost.
    Loss(u64, u64, u64),
    /// From a time to another, packets take up to so many milliseconds.
    Slow(u64, u64, u64),
    /// From a time to another, so many of a hundred packets arrive twice.
    Twice(u64, u64, u64),
    /// At a time a node loses power, after so many operations of its disk, for so long.
    Crash(u64, usize, u64, u64),
    /// At a time all nodes lose power, each after up to so many operations of its disk, for so
    /// long.
    Blackout(u64, u64, u64),
    /// A node's clock is ahead by so many milliseconds (behind, if negative), and gains so many
    /// millionths.
    Clock(usize, i64, i64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(node, vice) => write!(f, "node {node} is dishonest: {vice:?}"),
            Self::Partition(from, to, mask) => {
                write!(f, "{from}..{to} ms: the nodes of mask {mask:b} are cut off")
            }
            Self::Loss(from, to, percent) => write!(f, "{from}..{to} ms: {percent}% lost"),
            Self::Slow(from, to, most) => write!(f, "{from}..{to} ms: up to {most} ms under way"),
            Self::Twice(from, to, percent) => write!(f, "{from}..{to} ms: {percent}% twice"),
            Self::Crash(at, node, operations, down) => write!(
                f,
                "{at} ms: node {node} loses power after {operations} operations, for {down} ms"
            ),
            Self::Blackout(at, operations, down) => {
                write!(f, "{at} ms: all lose power within {operations} operations, for {down} ms")
            }
            Self::Clock(node, offset, drift) => {
                write!(f, "node {node}'s clock is off by {offset} ms and gains {drift} ppm")
            }
        }
    }
}

/// The size of a run, and what goes wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed of everything.
    pub seed: u64,
    /// How many validators there are.
    pub validators: usize,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64) -> Self {
        let stream = &mut Stream::new(seed, 1);
        let validators = if stream.below(4) == 0 { 7 } else { 4 };
        let mut faults = members(validators, stream);
        for _ in 0..stream.below(4) {
            let (from, to) = span(stream);
            let all = (1 << validators) - 1;
            faults.push(Fault::Partition(from, to, 1 + stream.below(all - 1)));
        }
        for _ in 0..stream.below(3) {
            let (from, to) = span(stream);
            faults.push(match stream.below(3) {
                0 => Fault::Loss(from, to, 1 + stream.below(40)),
                1 => Fault::Slow(from, to, 100 + stream.below(2_000)),
                _ => Fault::Twice(from, to, 1 + stream.below(50)),
            });
        }
        for _ in 0..stream.below(6) {
            let node = stream.below(validators as u64) as usize;
            let at = stream.below(HEAL_MS);
            // Within a commit, or somewhere in the seconds after.
            let most = [1, 12, 60, 300][stream.below(4) as usize];
            let operations = stream.below(most);
            faults.push(Fault::Crash(at, node, operations, 50 + stream.below(4_000)));
        }
        if stream.below(4) == 0 {
            let at = stream.below(HEAL_MS);
            faults.push(Fault::Blackout(at, 1 + stream.below(40), 50 + stream.below(2_000)));
        }
        for _ in 0..stream.below(3) {
            let node = stream.below(validators as u64) as usize;
            let most = if stream.below(3) == 0 { 12_000 } else { 1_500 };
            let offset = i64::try_from(stream.below(2 * most)).unwrap_or(0) - most as i64;
            let drift = i64::try_from(stream.below(2_000)).unwrap_or(0) - 1_000;
            faults.push(Fault::Clock(node, offset, drift));
        }
        Self { seed, validators, faults }
    }

    /// The plan with only some of its faults, by their place.
    pub fn keep(&self, places: &[usize]) -> Self {
        let kept = places.iter().filter_map(|place| self.faults.get(*place)).cloned();
        Self { faults: kept.collect(), ..self.clone() }
    }

    /// Whether a node has a vice.
    pub fn is_dishonest(&self, node: usize) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::Member(member, _) if *member == node))
    }

    /// A node's vices.
    pub fn vices(&self, node: usize) -> Vec<Vice> {
        let vice = |fault: &Fault| match fault {
            Fault::Member(member, vice) if *member == node => Some(*vice),
            _ => None,
        };
        self.faults.iter().filter_map(vice).collect()
    }
}

/// Up to a third of the members are dishonest, with a few vices each.
fn members(validators: usize, stream: &mut Stream) -> Vec<Fault> {
    let most = (validators as u64 - 1) / 3;
    let dishonest = stream.below(most + 1) + u64::from(stream.below(2) == 0);
    let first = stream.below(validators as u64) as usize;
    let mut faults = Vec::new();
    for index in 0..dishonest.min(most) as usize {
        let node = (first + index) % validators;
        for _ in 0..=stream.below(4) {
            let vice = Vice::ALL[stream.below(Vice::ALL.len() as u64) as usize];
            if !faults.contains(&Fault::Member(node, vice)) {
                faults.push(Fault::Member(node, vice));
            }
        }
    }
    faults
}

fn span(stream: &mut Stream) -> (u64, u64) {
    let from = stream.below(HEAL_MS - 1_000);
    (from, (from + 500 + stream.below(8_000)).min(HEAL_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_plan_and_never_too_many_dishonest_members() {
        let mut vices = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let plan = Plan::new(seed);
            assert_eq!(plan, Plan::new(seed));
            let dishonest = (0..plan.validators).filter(|node| plan.is_dishonest(*node)).count();
            assert!(3 * dishonest < plan.validators, "seed {seed}: {dishonest}");
            vices.extend((0..plan.validators).flat_map(|node| plan.vices(node)));
        }
        assert_eq!(vices.len(), Vice::ALL.len());
    }

    #[test]
    fn a_plan_can_be_shortened() {
        let plan = Plan::new(3);
        assert!(plan.keep(&[]).faults.is_empty());
        assert_eq!(plan.keep(&[0, 1_000]).faults, plan.faults[..1]);
    }
}
