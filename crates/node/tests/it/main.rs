//! Integration tests of the node: networks of real processes, crashes, bad input.

mod child;
mod flood;
mod grown;
mod host;
mod hostile;
mod inlet;
mod joining;
mod namespaces;
mod network;
mod openapi;
mod ports;
mod presence;
mod processes;
mod pruned;
mod refusals;
mod strangers;
mod upgrade;
