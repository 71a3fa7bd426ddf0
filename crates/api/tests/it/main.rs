//! Integration tests of the API types and the client.

mod client;
mod forms;
