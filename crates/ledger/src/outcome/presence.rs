//! What comes of presence rounds.

use borsh::{BorshDeserialize, BorshSerialize};
use muster_puzzle::Refusal;

use crate::crypto::{Hash, PublicKey};
use crate::money::Grains;
use crate::presence::{Deadlines, DesignError};
use crate::types::RoundId;

/// Something that happened to rounds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// A round was opened; `held` is for what it unlocks.
    Opened {
        round: RoundId,
        opener: PublicKey,
        deadlines: Deadlines,
        held: Grains,
        prize: Grains,
        deposit: Grains,
    },
    /// A round began: its puzzle is known, its clock runs. Milliseconds since 1970.
    Begun { round: RoundId, challenge: Hash, time_ms: u64, until_ms: u64 },
    /// A solution came in, so many milliseconds after the beginning; `missing` more are needed.
    Solved { round: RoundId, solver: PublicKey, after_ms: u64, missing: u8 },
    /// A round was solved in time: those who are present act.
    Acted { round: RoundId },
    /// What a round unlocks was carried out.
    Unlocked { round: RoundId },
    /// A round's deadline passed before it was solved.
    Lapsed { round: RoundId, solutions: u8 },
    /// The first solver took the prize.
    Claimed { round: RoundId, solver: PublicKey, to: PublicKey, amount: Grains },
    /// A round was forgotten; what nobody had claimed went back to its opener.
    Forgotten { round: RoundId, returned: Grains },
    /// What a round unlocks was refused when it was solved, and left nothing.
    NotUnlocked { round: RoundId, reason: String },
}

/// Why something about a round is refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum Rejection {
    #[error("the design of the round is not possible: {reason}")]
    Design { reason: String },
    #[error("{count} rounds are open, as many as may be: wait until one is over")]
    Full { count: u64 },
    #[error("the signer's round {round} is open: each may have one at a time")]
    Own { round: RoundId },
    #[error("a round takes a deposit of {needed} now, at most {deposit_max} was offered")]
    Deposit { needed: Grains, deposit_max: Grains },
    #[error("a prize of {prize} could open no account: give none, or at least {deposit}")]
    Prize { prize: Grains, deposit: Grains },
    #[error("the deadline of {chosen_ms} ms is beyond the {largest_ms} ms that a round may take")]
    Deadline { chosen_ms: u64, largest_ms: u64 },
    #[error("there is no round {round}")]
    NoRound { round: RoundId },
    #[error("round {round} is over")]
    Over { round: RoundId },
    #[error("round {round} begins with the next block: its puzzle is not known yet")]
    NotBegun { round: RoundId },
    #[error(
        "the number does not solve round {round} for this key: it takes {difficulty} tries on average"
    )]
    Work { round: RoundId, difficulty: u64 },
    #[error("this key has solved round {round} already")]
    SolvedBefore { round: RoundId },
    #[error("this key was not the first to solve round {round}: the prize is another's")]
    NotFirst { round: RoundId },
    #[error("round {round} has no prize, or it was claimed")]
    NoPrize { round: RoundId },
    #[error("a proof of {bytes} bytes is one of no puzzle")]
    ProofOfNone { bytes: u64 },
    #[error("the proof has {bytes} bytes, those of the puzzle of round {round} have {wanted}")]
    ProofLength { round: RoundId, bytes: u64, wanted: u64 },
    #[error("the proof does not solve the puzzle of round {round} for this key and number")]
    Proof { round: RoundId },
    #[error(
        "a round unlocks what its opener's account pays for and money can be held for: not the end \
         of that account, nothing that a hot key does, nothing that work pays for"
    )]
    Unlocks,
    #[error("it takes {needed} by now, {held} were held for it when the round was opened")]
    Dearer { needed: Grains, held: Grains },
}

impl Rejection {
    /// A design is refused.
    pub(crate) fn design(error: &DesignError) -> Self {
        Self::Design { reason: error.to_string() }
    }

    /// A solution of a round is refused.
    pub(crate) fn solution(round: RoundId, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Difficulty { difficulty } => Self::Work { round, difficulty },
            // No round of it can have been opened.
            Refusal::NoDifficulty => Self::Work { round, difficulty: 0 },
            Refusal::Length { found, wanted } => {
                Self::ProofLength { round, bytes: found as u64, wanted: wanted as u64 }
            }
            Refusal::Proof => Self::Proof { round },
        }
    }
}
