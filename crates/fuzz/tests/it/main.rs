//! Every seed and every input that is kept goes through its decoder, without a fuzzer.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use muster_fuzz::memory::{Counted, most_held};
use muster_fuzz::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Runs an input and names it where it fails.
fn check(target: &Target, name: &str, bytes: &[u8]) {
    let run = catch_unwind(AssertUnwindSafe(|| target.check(bytes)));
    assert!(run.is_ok(), "{} fails on {name}; what it says stands above", target.name);
}

// One test for all: what they hold is counted for the whole program.
#[test]
fn what_is_kept_breaks_no_decoder() {
    assert!(most_held(|| drop(vec![1_u8; 1 << 20])) >= 1 << 20, "nothing is counted");
    for target in TARGETS {
        // What a target makes once is not an input's.
        let seeds = target.seeds();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        target.check(&[]);
        for (index, seed) in seeds.iter().enumerate() {
            assert!(seed.len() <= target.bytes_max, "{} cuts seed {index}", target.name);
            check(&target, &format!("seed {index}"), seed);
        }
        for path in target.kept().expect("the kept inputs are there") {
            let bytes = fs::read(&path).expect("an input is read");
            check(&target, &path.display().to_string(), &bytes);
        }
    }
}
