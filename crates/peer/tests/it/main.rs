//! Integration tests of the peer: real connections between peers in one process.

mod common;
mod crowd;
mod decoders;
mod exchange;
mod generated;
mod hostile;
mod learning;
mod payment;
