//! What stands on a board.

use borsh::{BorshDeserialize, BorshSerialize};
use muster_ledger::crypto::{Hash, Signature};
use muster_puzzle::Solution;

/// Longest message, bytes: a solution with the openings of as many validators as there can be.
pub const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// A validator's signature under what the place of the statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Statement {
    /// The validator's place in the genesis.
    pub validator: u16,
    /// Its signature.
    pub signature: Signature,
}

/// A solution.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Solved {
    /// The openings that it is bound to, each of another validator, in the order of the genesis.
    pub openings: Vec<Statement>,
    /// Who searched: any number, so that no two search the same.
    pub solver: Hash,
    /// What was found.
    pub solution: Solution,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// A validator says that the round is open.
    Opening(Statement),
    /// Somebody found a solution.
    Solved(Solved),
    /// A validator says that it held enough solutions by the deadline.
    InTime(Statement),
}

/// What a board gives of its messages to whoever asks for what is new.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Page {
    /// Which run of the program gives it; places in its list are its own.
    pub run: u64,
    /// The place of the first message that is given.
    pub from: u64,
    /// The messages from there on, as many as fit.
    pub messages: Vec<Vec<u8>>,
}
