//! Generated messages and services of `proto/muster/peer/v1/peer.proto`; the documentation of each
//! field stands there.
#![allow(missing_docs, clippy::all, unused_qualifications)]

tonic::include_proto!("muster.peer.v1");
