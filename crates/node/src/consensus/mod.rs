//! Consensus: Malachite behind one module. Nothing outside this module names the engine's types.
//!
//! The engine agrees on the hash of a block; the block travels as proposal parts ([`streams`]), is
//! executed before anybody votes for it, and is durable before the engine is told that it may.

mod application;
mod codec;
mod context;
mod engine;
mod signing;
pub mod streams;

pub use application::{Application, Equivocations};
pub use codec::StoredCertificate;
pub use engine::{Engine, EngineSettings, EngineStopper, start};

/// Appends the engine's own counters, in the text format of Prometheus.
pub fn engine_metrics(text: &mut String) {
    malachitebft_app_channel::app::metrics::export(text);
}
