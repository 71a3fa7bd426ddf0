//! One peer of the market: it learns from its own text and from what other peers answer, answers
//! them, and says on the ledger what they are worth.
//!
//! The parts, from the wire inwards:
//! - [`listen`] and [`client`]: TLS 1.3 connections bound to hot keys ([`identity`]), in bounded
//!   numbers, with the bytes in flight metered ([`admission`]);
//! - [`server`]: requests are authenticated ([`envelope`], [`replay`]), checked ([`mod@tensor`]), and
//!   queued by their sender's standing ([`queue`], [`inbox`]); answers are signed and remembered
//!   ([`evidence`]);
//! - [`worker`]: the model's thread, where the learner lives; own steps, requests of others, and
//!   bought continuations ([`mod@ask`], [`payment`]) take turns; [`behaviour`] holds honest conduct and
//!   the simulated attacks;
//! - [`refresh`], [`clerk`], [`report`]: the ledger, through the HTTP interface of its nodes.
//!
//! [`run`] is a whole peer; [`ask()`] buys a continuation from one.

pub mod admission;
pub mod ask;
pub mod behaviour;
pub mod buy;
pub mod clerk;
pub mod client;
mod clock;
pub mod config;
pub mod counters;
pub mod directory;
pub mod envelope;
pub mod evidence;
mod files;
mod generate;
pub mod identity;
pub mod inbox;
pub mod limits;
pub mod listen;
pub mod message;
pub mod payment;
pub mod proto;
pub mod queue;
pub mod refresh;
pub mod replay;
pub mod report;
mod run;
mod serve;
pub mod server;
pub mod tensor;
pub mod worker;

pub use behaviour::Behaviour;
pub use buy::{Ask, AskError, Continuation, ask};
pub use config::{ConfigError, PeerConfig};
pub use run::{PeerError, run};
