//! The ledger's state machine: pure and deterministic, without clock, randomness, disk or async.
//!
//! A [`state::State`] and a [`block::Block`] give the next state ([`execute::execute`]), the same
//! on every machine. The authenticated tree over it is [`tree`]; what the market of peers decides
//! comes from `muster-mechanism` at the end of every epoch.
//!
//! Not in this version, and nowhere pretended: a beacon, presence rounds, verification of work,
//! reputation and the chains that build on it.

pub mod address;
pub mod block;
pub mod crypto;
pub mod encoding;
pub mod event;
pub mod execute;
pub mod genesis;
pub mod keys;
pub mod money;
pub mod parameters;
pub mod state;
pub mod transaction;
pub mod tree;

mod actions;
mod epoch;
mod governance;
mod payout;
mod pools;
mod registration;
mod transition;
mod weights;
