//! Consensus as the engine needs it: our types, their encoding and signatures, the parts of blocks,
//! the host that answers. Nothing else of this crate names the engine's types.
//!
//! The engine agrees on the hash of a block; the block travels as proposal parts ([`parts`]), is
//! executed before anybody votes for it, and is durable before the engine is told that it may.

pub mod codec;
pub mod context;
pub mod host;
mod inlet;
pub mod log;
pub mod parts;
pub mod signing;

pub use codec::StoredCertificate;
pub use context::Announcement;
pub use host::{Equivocation, Equivocations, Host};
pub use inlet::Inlet;
