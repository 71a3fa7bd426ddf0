//! The entries of presence: rounds, while they run and for some time afterwards.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use muster_puzzle::Work;

use super::slot::{Slot, entries, nothing};
use crate::crypto::{Hash, PublicKey};
use crate::money::Grains;
use crate::presence::{Deadlines, Design, work};
use crate::transaction::presence::Unlocks;
use crate::types::RoundId;

entries! {
    /// Which rounds are open: one entry, absent before the first round.
    rounds: Rounds(only: ()) => Arc<Rounds>, holds nothing;
    /// A round, with deposit, prize and what it unlocks as long as they are there.
    round: Round(id: RoundId) => Arc<Round>, holds |round| round.held();
    /// What a round was designed for.
    design: Design(id: RoundId) => Arc<Design>, holds nothing;
}

/// Which rounds are open.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Rounds {
    /// The number of the next round.
    pub next: RoundId,
    /// Those that are not over, rising.
    pub open: Vec<RoundId>,
}

/// A round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Round {
    /// Who opened it.
    pub opener: PublicKey,
    /// Its deadlines, after its beginning.
    pub deadlines: Deadlines,
    /// What happens when it is solved in time.
    pub unlocks: Option<Unlocked>,
    /// What the opener gets back when it is over; nothing from then on.
    pub deposit: Grains,
    /// What the first solver can claim; nothing once it went to somebody.
    pub prize: Grains,
    /// How it began; the block after the one that opened it begins it.
    pub beginning: Option<Beginning>,
    /// Who solved it, in this order.
    pub solutions: Vec<Solution>,
    /// How it stands.
    pub phase: Phase,
}

/// What a round unlocks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Unlocked {
    /// What is carried out in the opener's name.
    pub action: Unlocks,
    /// The most that it may spend, while the round is open; nothing from then on.
    pub held: Grains,
    /// Whether it was carried out, once the round has acted.
    pub carried_out: Option<bool>,
}

/// How a round began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Beginning {
    /// What its puzzle is made from.
    pub challenge: Hash,
    /// The block's time, in milliseconds since 1970.
    pub time_ms: u64,
}

/// A solution of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Solution {
    /// The key that it was signed with.
    pub solver: PublicKey,
    /// The block's time, in milliseconds after the beginning.
    pub after_ms: u64,
}

/// How a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Phase {
    /// It is open.
    Open,
    /// It was solved in time.
    Acted,
    /// Its deadline passed.
    Lapsed,
}

/// What falls due about rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Due {
    /// A round is forgotten.
    Forgetting(RoundId),
}

impl Round {
    /// The money that it holds: all taken from one account, so that the sum is a number.
    fn held(&self) -> u128 {
        let locked = self.unlocks.as_ref().map_or(Grains::ZERO, |unlocked| unlocked.held);
        [self.deposit, self.prize, locked].map(u128::from).into_iter().sum()
    }

    /// What a key has to solve, once the round has begun.
    pub fn work(&self, design: &Design, solver: &PublicKey) -> Option<Work> {
        work(design.puzzle, design.difficulty, &self.beginning?.challenge, solver)
    }
}
