//! Consensus and ledger together in a world of its own: virtual time, a seed, and everything that
//! goes wrong. A failure is replayed by its seed, exactly.
//!
//! **Real**, the code that runs in a node: the engine's core (`core-consensus` with its driver,
//! vote keeper and state machine), the host (`consensus::host`), proposals, certificates and
//! signatures, the chain, the ledger and its tree, the mempool, the database (redb) and the
//! engine's log with its format and entries, both on a simulated disk (`disk`); all messages
//! cross the network in the bytes of the real codec.
//!
//! **Modelled**, small and named in their files: the engine's actors around its core
//! (`engine`, `shell`), which entries its log gives back (`log`), whom a node that is behind
//! asks (`catchup`), and the network between the nodes (`weather`).
//!
//! Nothing here reads a clock, a random source or the order of a hash map: the same seed gives the
//! same events, which is tested by their digest.

mod adversary;
mod catchup;
mod disk;
mod engine;
mod law;
mod load;
mod log;
mod mail;
mod message;
pub mod mutation;
mod node;
pub mod plan;
mod rival;
pub mod run;
mod shell;
pub mod trace;
mod weather;
mod world;
