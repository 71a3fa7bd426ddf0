//! The program of libFuzzer: one for all targets, chosen by the environment, because the arguments
//! are libFuzzer's. `cargo xtask fuzz` builds it with coverage and runs it.
//!
//! - `MUSTER_FUZZ_TARGET`: the target; unset, the list of them is printed.
//! - `MUSTER_FUZZ_SEEDS`: a folder into which the target's seeds are written first.

#![no_main]
#![expect(unsafe_code, reason = "libFuzzer calls by name, with a pointer and a length")]

use std::ffi::{c_char, c_int};
use std::panic;
use std::path::Path;
use std::sync::OnceLock;

use muster_fuzz::memory::Counted;
use muster_fuzz::{TARGETS, Target, named};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

static CHOSEN: OnceLock<Target> = OnceLock::new();

/// Called once, before the first input.
// SAFETY: no other item has this name, and libFuzzer declares it so.
#[unsafe(no_mangle)]
extern "C" fn LLVMFuzzerInitialize(_: *mut c_int, _: *mut *mut *mut c_char) -> c_int {
    let Ok(name) = std::env::var("MUSTER_FUZZ_TARGET") else {
        for target in TARGETS {
            eprintln!("{} {} {}", target.name, target.bytes_max, target.about);
        }
        std::process::exit(0);
    };
    let Some(target) = named(&name) else {
        eprintln!("fuzz: there is no target `{name}`");
        std::process::exit(2);
    };
    if let Some(folder) = std::env::var_os("MUSTER_FUZZ_SEEDS")
        && let Err(error) = target.write_seeds(Path::new(&folder))
    {
        eprintln!("fuzz: the seeds cannot be written to {}: {error}", folder.display());
        std::process::exit(2);
    }
    // A panic is a finding, also where something would catch it.
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        say(what);
        std::process::abort();
    }));
    // What the target makes once is made before an input is counted.
    target.check(&[]);
    CHOSEN.get_or_init(|| target);
    0
}

/// Called with every input.
///
/// # Safety
/// `data` points to `size` bytes that nobody changes meanwhile.
// SAFETY: no other item has this name, and libFuzzer declares it so.
#[unsafe(no_mangle)]
unsafe extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> c_int {
    // SAFETY: libFuzzer keeps the contract above; of no bytes it may give no address.
    let bytes = if size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, size) } };
    CHOSEN.get().expect("chosen before the first input").check(bytes);
    0
}
