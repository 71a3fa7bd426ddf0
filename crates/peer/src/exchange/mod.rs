//! The exchange: requests and answers between peers, from the wire inwards.
//!
//! - [`listen`] and [`client`]: TLS 1.3 connections bound to hot keys ([`identity`]), in bounded
//!   numbers ([`limits`]), with the bytes in flight metered ([`admission`]);
//! - [`server`]: requests ([`proto`], [`mod@message`]) are authenticated ([`envelope`],
//!   [`replay`]), checked ([`mod@tensor`]), and queued by their sender's standing ([`queue`],
//!   [`inbox`]); answers are signed, counted ([`counters`]) and remembered ([`evidence`]);
//! - [`shared`]: the state that all of them share;
//! - [`notice`]: what the model's thread hears besides requests.

pub mod admission;
pub mod client;
pub mod counters;
pub mod envelope;
pub mod evidence;
pub(crate) mod fetch;
pub mod identity;
pub mod inbox;
pub mod limits;
pub mod listen;
pub mod message;
pub mod notice;
pub mod proto;
pub mod queue;
pub mod replay;
pub mod server;
pub mod shared;
pub mod tensor;
