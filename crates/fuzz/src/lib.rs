//! Every decoder of bytes from outside as a function that a fuzzer calls: what is refused is
//! refused without a panic, what is accepted is what would have been sent, and neither takes more
//! memory than [`MEMORY_MAX`].
//!
//! - [`TARGETS`]: the functions, each with its seeds: real encodings, made when they are needed,
//!   so that they never grow old.
//! - [`memory`]: what an input makes the program hold.
//! - `src/main.rs`: the program of libFuzzer over them, which `cargo xtask fuzz` builds and runs.
//! - `corpus/`: the smallest inputs that together reach what hours of fuzzing reached;
//!   `regressions/`: inputs that once showed a fault. `cargo test` runs both through their targets.
//!
//! Where a signature, a hash or a checksum would end every change of the fuzzer's, a target builds
//! the message from the input and signs or seals it itself.

mod list;
pub mod memory;
mod node;
mod target;
mod targets;

// The list of all actions and the chain that has every kind of entry are those of the ledger's
// tests: whoever adds an action there has it fuzzed here.
#[allow(dead_code, reason = "the tests that it serves there use the rest")]
#[path = "../../ledger/tests/it/actions.rs"]
mod actions;
#[allow(dead_code, reason = "the tests that it serves there use the rest")]
#[path = "../../ledger/tests/it/samples.rs"]
mod samples;
#[allow(dead_code, reason = "the tests that it serves there use the rest")]
#[path = "../../ledger/tests/it/support.rs"]
mod support;

// The command line keeps its modules to itself; of them, this is what reads scenarios.
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../cli/src/output.rs"]
mod output;
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../cli/src/up"]
mod up {
    pub mod reader;
    pub mod scenario;
}

pub use list::{TARGETS, named};
pub use target::{MEMORY_MAX, Target};
