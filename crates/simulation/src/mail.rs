//! What reaches the engine of a node, and what a node does: the seam between one node and the
//! world around it.

use malachitebft_app::consensus::{LocallyProposedValue, ProposedValue};
use malachitebft_core_types::{HeightParams, Timeout, ValueOrigin, ValueResponse};
use muster_chain::consensus::context::{Height, MusterContext};
use muster_ledger::crypto::Hash;

use crate::message::Message;

/// A message in the mailbox of the engine's consensus actor.
#[derive(Debug)]
pub enum Mail {
    /// The node is up.
    Up,
    /// A height begins.
    Start(Height, HeightParams<MusterContext>),
    /// The host has built a block.
    Propose(LocallyProposedValue<MusterContext>),
    /// The host knows what to think of a block.
    Value(ProposedValue<MusterContext>, ValueOrigin),
    /// A decided block from another node.
    Synced(ValueResponse<MusterContext>),
    /// A timer ran out; timers are told apart by their generation.
    Elapsed(Timeout, u64),
    /// Something came over the network: from which node.
    Network(usize, Message),
}

/// Something that a node does, in order.
#[derive(Debug)]
pub enum Deed {
    /// Sends a message to every other node.
    Broadcast(Message),
    /// Puts mail into its own mailbox after so many milliseconds.
    Remind(u64, Mail),
    /// Has work for its host's thread.
    Work,
    /// Started a height, with so many entries of its log.
    Started(u64, usize),
    /// Made a block of a height durable.
    Applied(u64, Hash),
    /// Found a decided block of another node useless: its height, and whether that node is at
    /// fault.
    Useless(u64, bool),
}

/// Why a node stops.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The power went in the middle of something.
    #[error("the power is gone")]
    Power,
    /// The engine's log has a damaged end; it stops rather than sign, and is started again.
    #[error("the log is damaged: {0}")]
    Log(String),
    /// Something that must never happen.
    #[error("{0}")]
    Fault(String),
}
