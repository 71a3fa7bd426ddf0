//! One peer of the market: it learns from its own text and from what other peers answer, answers
//! them, and says on the ledger what they are worth.
//!
//! The rooms, from the wire inwards:
//! - [`exchange`]: TLS 1.3 connections bound to hot keys; requests are authenticated, checked, and
//!   queued by their sender's standing; answers are signed and remembered;
//! - [`model`]: the model's thread; own steps, requests of others, and bought continuations take
//!   turns;
//! - [`sale`]: continuations for money;
//! - [`ledger`]: the ledger, through the HTTP interface of its nodes;
//! - [`duties`]: what the peer owes the ledger;
//! - [`presence`]: presence rounds, in which it shows that it is there;
//! - [`behaviour`]: honest conduct, and the simulated attacks.
//!
//! [`run`] is a whole peer; [`ask()`] buys a continuation from one.

pub mod behaviour;
pub mod config;
pub mod duties;
pub mod exchange;
pub mod ledger;
pub mod model;
pub mod presence;
mod run;
pub mod sale;

pub use behaviour::Behaviour;
pub use config::{ConfigError, PeerConfig};
pub use run::{PeerError, run};
pub use sale::buy::{Ask, AskError, Continuation, ask};
