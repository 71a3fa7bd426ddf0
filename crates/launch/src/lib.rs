//! A presence round before there is a ledger: a network begins only if enough of it is there.
//!
//! Everybody holds a [`Specification`], and nothing else. When its opening time has come by its own
//! clock, each validator signs that the round is open. Work is bound to such signatures of more
//! than a third of the validators, so that nobody who does not hold so many of their keys can begin
//! before an honest one opened. Solutions go onto a [`Board`] that everybody keeps and passes on.
//! A validator who holds enough of them by the deadline, by its own clock, signs that; when more
//! than two thirds have, the network is launched, and whoever holds their signatures can tell.
//!
//! What is trusted, and what is not: docs/adr/0019-launch.md.
//!
//! Pure: no clock, no network, no random source; `now_ms` is passed in.

mod board;
mod evidence;
mod message;
mod plan;
mod specification;

pub use board::{Board, Offer, Refusal};
pub use evidence::{Evidence, EvidenceError};
pub use message::{MESSAGE_BYTES_MAX, Message, Page, Solved, Statement};
pub use plan::{Plan, PlanError};
pub use specification::{Specification, SpecificationError};
