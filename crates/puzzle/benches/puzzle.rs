//! What a try costs, and what a check; in processor time of one core, so that other work on the
//! machine counts as little as can be.
//!
//! `sha256` is set beside the best that crates give for the same digests: the whole message hashed
//! by `sha2` and by `ring`, each from a copy of the state after the first block.

use std::hint::black_box;

use cpu_time::ThreadTime;
use muster_puzzle::{Puzzle, Searcher, Solution, Work};
use sha2_blocks::Digest;

const ROUNDS: usize = 9;
const DIGESTS: u64 = 400_000;

fn work(puzzle: Puzzle, difficulty: u64) -> Work {
    Work::new(puzzle, difficulty, [1; 32], [2; 32], [3; 32]).expect("a difficulty")
}

/// Seconds of processor time of one call.
fn seconds(call: impl FnOnce()) -> f64 {
    let start = ThreadTime::now();
    call();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn say(text: &str) {
    println!("{text}");
}

fn sha256() {
    let work = work(Puzzle::Sha256, u64::MAX);
    let tail = |nonce: u64| -> [u8; 40] { work.message(nonce)[64..].try_into().expect("forty") };
    let first = &work.message(0)[..64];
    let ours = || {
        let trial = Searcher::new(Puzzle::Sha256).search(&work, 0..DIGESTS, &|| false);
        assert_eq!(trial.tries, DIGESTS);
    };
    let sha2 = || {
        let middle = sha2_blocks::Sha256::new_with_prefix(first);
        for nonce in 0..DIGESTS {
            black_box(middle.clone().chain_update(tail(nonce)).finalize());
        }
    };
    let ring = || {
        let mut middle = ring::digest::Context::new(&ring::digest::SHA256);
        middle.update(first);
        for nonce in 0..DIGESTS {
            let mut whole = middle.clone();
            whole.update(&tail(nonce));
            black_box(whole.finish());
        }
    };
    let blocks = || {
        let mut block = [[0u8; 64]];
        for nonce in 0..DIGESTS {
            let mut state = [1; 8];
            block[0][..8].copy_from_slice(&nonce.to_le_bytes());
            sha2_blocks::block_api::compress256(&mut state, &block);
            black_box(state);
        }
    };
    // In turn, so that what else the machine does strikes all alike.
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        times[0].push(seconds(ours));
        times[1].push(seconds(sha2));
        times[2].push(seconds(ring));
        times[3].push(seconds(blocks));
    }
    let nanoseconds = times.map(|times| 1e9 * median(times) / DIGESTS as f64);
    let [ours, sha2, ring, blocks] = nanoseconds;
    say(&format!("sha256: {ours:.1} ns a try, {:.2} million a second", 1e3 / ours));
    say(&format!("  sha2 from a copied state {sha2:.1} ns: ours takes {:.2} of it", ours / sha2));
    say(&format!("  ring from a copied state {ring:.1} ns: ours takes {:.2} of it", ours / ring));
    say(&format!(
        "  sha2's bare compression {blocks:.1} ns: ours takes {:.2} of it",
        ours / blocks
    ));
}

fn equihash() {
    const RUNS: u64 = 20;
    let work = work(Puzzle::Equihash, u64::MAX);
    let mut searcher = Searcher::new(Puzzle::Equihash);
    let mut tries = 0;
    let taken = seconds(|| tries = searcher.search(&work, 0..RUNS, &|| false).tries);
    say(&format!(
        "equihash: {:.0} ms a run, {:.2} tries a second, {:.0} MB",
        1e3 * taken / RUNS as f64,
        tries as f64 / taken,
        Puzzle::Equihash.memory_bytes() as f64 / 1e6,
    ));
}

fn checks() {
    const CHECKS: usize = 20_000;
    for puzzle in Puzzle::ALL {
        let easy = work(puzzle, 1);
        let trial = Searcher::new(puzzle).search(&easy, 0..100, &|| false);
        let good = trial.solution.expect("one in so many");
        let mut bad = good.clone();
        bad.nonce += 1;
        let hard = work(puzzle, u64::MAX);
        let micros = |work: &Work, solution: &Solution| {
            let check = || {
                (0..CHECKS).for_each(|_| {
                    black_box(work.check(solution)).ok();
                })
            };
            median((0..ROUNDS).map(|_| 1e6 * seconds(check) / CHECKS as f64).collect())
        };
        say(&format!(
            "check of {}: a solution {:.2} us, junk that met the difficulty {:.2} us, junk {:.2} us",
            puzzle.name(),
            micros(&easy, &good),
            micros(&easy, &bad),
            micros(&hard, &bad),
        ));
    }
}

fn main() {
    sha256();
    equihash();
    checks();
}
