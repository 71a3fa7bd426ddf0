//! How much may wait, and why a transaction is not taken.

use muster_ledger::money::Grains;
use muster_ledger::outcome::Rejection;
use muster_ledger::types::RoundId;

/// Bounds of the pool.
#[derive(Clone, Copy, Debug)]
pub struct MempoolLimits {
    /// Most transactions that can be executed.
    pub transactions_max: usize,
    /// Most bytes of encoded transactions, those behind gaps included.
    pub bytes_max: usize,
    /// Most transactions of one sender that can be executed, and how far ahead its nonces may be.
    pub per_sender_max: u64,
    /// Most bytes of one sender, those behind gaps included.
    pub sender_bytes_max: usize,
    /// Most transactions of one sender that wait behind a gap.
    pub parked_max: usize,
    /// Blocks for which a transaction waits behind a gap.
    pub parked_blocks: u64,
    /// Most solutions of one round: twice what any round asks for.
    pub solutions_max: usize,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self {
            transactions_max: 60_000,
            bytes_max: 24 << 20,
            per_sender_max: 1_024,
            sender_bytes_max: 1 << 20,
            parked_max: 16,
            parked_blocks: 16,
            solutions_max: 64,
        }
    }
}

impl MempoolLimits {
    /// Most bytes of all that waits behind gaps: a twentieth, which the others never get.
    #[must_use]
    pub fn parked_bytes_max(&self) -> usize {
        self.bytes_max / 20
    }

    /// Most bytes of all that can be executed.
    #[must_use]
    pub fn queued_bytes_max(&self) -> usize {
        self.bytes_max - self.parked_bytes_max()
    }
}

/// Why a transaction is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It waits here already.
    #[error("the transaction waits already")]
    Known,
    /// The ledger would not take it.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// The sender has too much waiting.
    #[error(
        "a sender may have {count_max} transactions of {bytes_max} bytes in all waiting: wait for \
         some to be decided"
    )]
    SenderFull {
        /// Most transactions.
        count_max: u64,
        /// Most bytes.
        bytes_max: usize,
    },
    /// It is paid for with work, and others of its sender wait before it.
    #[error(
        "what is paid for with work must be the sender's next: wait for the others to be decided"
    )]
    NotFirst,
    /// The account may not be able to pay for it after what waits before it.
    #[error(
        "this and what waits before it may take {needed} grains, the account has {available}: \
         wait for some to be decided"
    )]
    Uncovered {
        /// What they may take.
        needed: u128,
        /// What there is.
        available: Grains,
    },
    /// It waits for others, and there is no room for that.
    #[error(
        "nonce {found} cannot be decided before nonce {expected}, and no more may wait behind \
         that gap: hand in nonce {expected} first"
    )]
    Gap {
        /// The first nonce that is missing.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// Another with this nonce waits, and this one does not pay enough more.
    #[error(
        "a transaction with nonce {nonce} waits; to replace it the tip must be at least {tip_min} grains"
    )]
    Replacement {
        /// The nonce.
        nonce: u64,
        /// The least tip.
        tip_min: u64,
    },
    /// The pool is full of transactions that pay as much.
    #[error("the node has too many transactions waiting: pay a higher tip or try again")]
    Full,
    /// Enough solutions of the round wait.
    #[error("{count} solutions of round {round} wait already, more than it needs")]
    Solved {
        /// The round.
        round: RoundId,
        /// How many wait.
        count: usize,
    },
    /// It came after too many forged ones.
    #[error("too many signatures before this one do not match: it was not looked at")]
    Unread,
}
