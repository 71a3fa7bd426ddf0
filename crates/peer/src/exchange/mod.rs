//! The exchange: requests and answers between peers, from the wire inwards.
//!
//! - [`listen`] and [`client`]: TLS 1.3 connections bound to hot keys ([`identity`]), in bounded
//!   numbers ([`places`], [`address`]), with the bytes in flight metered ([`admission`]); who may
//!   hold how much follows from what it has at stake ([`tier`], [`limits`], [`budget`]);
//! - [`server`]: requests ([`proto`], [`mod@message`]) are authenticated ([`envelope`],
//!   [`replay`]), checked ([`mod@tensor`]), and queued by their sender's standing ([`queue`],
//!   [`inbox`]); answers are signed, counted ([`counters`]) and remembered ([`evidence`]);
//! - [`shared`]: the state that all of them share;
//! - [`notice`]: what the model's thread hears besides requests.

pub mod address;
pub mod admission;
pub mod budget;
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
pub mod places;
pub mod proto;
pub mod queue;
pub mod replay;
pub mod server;
pub mod shared;
pub mod tensor;
pub mod tier;
