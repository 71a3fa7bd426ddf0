//! Generated messages and services of `proto/muster/peer/v1/peer.proto`; the documentation of each
//! field stands there. A test generates them again and compares.
#![allow(missing_docs, clippy::all, unused_qualifications)]

include!("muster.peer.v1.rs");
