//! The exchange: requests and answers between peers over gRPC, from the wire inwards.

pub mod admission;
pub mod client;
pub mod counters;
pub mod envelope;
pub mod evidence;
pub mod identity;
pub mod inbox;
pub mod limits;
pub mod listen;
pub mod message;
pub mod proto;
pub mod queue;
pub mod replay;
pub mod server;
pub mod tensor;
