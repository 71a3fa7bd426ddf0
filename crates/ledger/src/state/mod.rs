//! The state: a persistent ordered map from keys to values, with typed reads.
//!
//! Cloning is O(1) and shares structure. Every entry stands in the authenticated tree
//! ([`crate::tree`]) under the same key, so what can be read here can be proved there.
//! The invariant of money, checked in every block: `genesis + minted - burned` is what all
//! entries hold ([`Value::money`]).
//!
//! Each mechanism declares its entries in a file of its own, as a table; [`State::entry`] reads
//! one by the place that the table gives it:
//!
//! ```
//! # use muster_ledger::state::{State, chain, stake::{self, Delegation}};
//! # use muster_ledger::types::PeerId;
//! # fn example(state: &State, owner: muster_ledger::crypto::PublicKey) {
//! let height = state.the(chain::clock()).height;
//! let stake: Option<&Delegation> = state.entry(stake::delegation(PeerId(7), owner));
//! # }
//! ```

pub mod account;
pub mod chain;
pub mod governance;
pub mod market;
pub mod presence;
pub mod stake;

mod entry;
mod map;
mod reads;
mod slot;

pub use entry::{Key, Part, Value};
pub use map::{State, StateError};
pub(crate) use reads::Read;
pub use reads::Unbonding;
pub use slot::{Singleton, Slot};
