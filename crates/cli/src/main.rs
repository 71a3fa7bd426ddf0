//! The program: all of it is the library's, which is compiled while others still are.

use std::process::ExitCode;

/// Training touches fresh memory all the time; this allocator keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    muster_cli::run()
}
