//! Consensus: Malachite behind one module. Nothing outside this module names the engine's types.
//!
//! The engine agrees on the hash of a block; the block travels as proposal parts ([`parts`]), is
//! executed before anybody votes for it, and is durable before the engine is told that it may.

mod application;
pub mod codec;
pub mod context;
mod doorkeeper;
mod engine;
pub mod host;
mod inlet;
pub mod log;
pub mod parts;
pub mod signing;

pub use application::Application;
pub use codec::StoredCertificate;
pub use context::Announcement;
pub use engine::{Engine, EngineSettings, EngineStopper, meet, start};
pub use host::{Equivocations, Host};
pub use inlet::Inlet;

/// Appends the engine's own counters, in the text format of Prometheus.
pub fn engine_metrics(text: &mut String) {
    malachitebft_app_channel::app::metrics::export(text);
}
