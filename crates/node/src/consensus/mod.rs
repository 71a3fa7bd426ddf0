//! The engine, started with the chain's types and answered by its host. Only this module and the
//! chain's `consensus` name Malachite.
//!
//! The engine's actors and network are generic, so that they are compiled here: most of what this
//! crate is to the compiler.

mod application;
mod doorkeeper;
mod engine;

pub use application::Application;
pub use engine::{Engine, EngineSettings, EngineStopper, meet, start};

/// Appends the engine's own counters, in the text format of Prometheus.
pub fn engine_metrics(text: &mut String) {
    malachitebft_app_channel::app::metrics::export(text);
}
