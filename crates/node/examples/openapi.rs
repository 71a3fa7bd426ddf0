#![allow(clippy::print_stdout, reason = "the document is the result")]
//! Prints the description of the HTTP interface, as every node serves it at `/openapi.json`.
//!
//! `cargo run --release -p muster-node --example openapi > docs/openapi.json`

fn main() {
    println!("{}", muster_node::http::openapi_json());
}
