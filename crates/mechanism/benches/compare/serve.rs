//! How contestants in Rust are told to run, and where their graphs come from.

use std::fs;
use std::hint::black_box;
use std::io::BufRead;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// Runs `work` on demand. `version`: of whom it belongs to, empty for ours. `built`: processor
/// seconds it took to make the structures it works on.
pub fn serve<T>(
    result: &str,
    version: &str,
    built: f64,
    mut work: impl FnMut() -> T,
    flat: impl Fn(T) -> Vec<f64>,
) {
    say(&format!("{{\"built\": {built}, \"version\": \"{version}\"}}"));
    reset_peak();
    let mut last = None;
    for _ in std::io::stdin().lock().lines() {
        let (processor, clock, mut runs) = (ProcessTime::now(), Instant::now(), 0);
        while runs == 0 || processor.elapsed() < Duration::from_millis(100) {
            last = Some(black_box(work()));
            runs += 1;
        }
        let each = |time: Duration| time.as_secs_f64() / f64::from(runs);
        let (processor, clock) = (each(processor.elapsed()), each(clock.elapsed()));
        let memory = memory("VmHWM");
        say(&format!("{{\"processor\": {processor}, \"wall\": {clock}, \"memory\": {memory}}}"));
    }
    let numbers = flat(last.expect("at least one run"));
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(result, bytes).expect("the result can be written");
}

#[allow(clippy::print_stdout, reason = "standard output is how the contestants talk")]
fn say(line: &str) {
    println!("{line}");
}

/// Kibibytes, of this process.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The peak counts from here on.
fn reset_peak() {
    fs::write("/proc/self/clear_refs", "5").ok();
}

/// Users and servers of a graph that was generated before, and (source, target, weight) of each of
/// its edges.
pub fn edges(graph: &str) -> (usize, usize, Vec<(u32, u32, f32)>) {
    let words = |ending: &str| -> Vec<[u8; 4]> {
        let bytes = fs::read(format!("{graph}.{ending}")).expect("generated before");
        bytes.as_chunks().0.to_vec()
    };
    let sizes = fs::read_to_string(format!("{graph}.sizes")).expect("generated before");
    let (users, servers) = sizes.trim().split_once(' ').expect("two sizes");
    let (sources, targets, weights) = (words("source"), words("target"), words("weight"));
    let edge = |e: usize| {
        let (source, target) = (u32::from_le_bytes(sources[e]), u32::from_le_bytes(targets[e]));
        (source, target, f32::from_le_bytes(weights[e]))
    };
    (number(users), number(servers), (0..sources.len()).map(edge).collect())
}

pub fn number(word: &str) -> usize {
    word.parse().expect("a whole number")
}
