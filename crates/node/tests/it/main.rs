//! Integration tests of the node: networks of real processes, crashes, bad input.

mod child;
mod flood;
mod host;
mod hostile;
mod inlet;
mod namespaces;
mod network;
mod openapi;
mod ports;
mod processes;
mod refusals;
mod strangers;
mod upgrade;
