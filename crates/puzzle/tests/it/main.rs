//! Puzzles from outside: what is found is a solution, what is refused is none, and a search ends
//! when it is told to.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_puzzle::{
    MESSAGE_BYTES, Pace, Puzzle, Refusal, Searcher, Solution, Work, search_on_cores,
};
use proptest::prelude::*;

const DOMAIN: [u8; 32] = *b"the tests of puzzles, version 1.";

fn work(puzzle: Puzzle, difficulty: u64, seed: u8) -> Work {
    Work::new(puzzle, difficulty, DOMAIN, [seed; 32], [!seed; 32]).expect("a difficulty")
}

fn never() -> bool {
    false
}

/// The digest by another implementation.
fn head(message: &[u8]) -> u128 {
    let digest = ring::digest::digest(&ring::digest::SHA256, message);
    u128::from_be_bytes(digest.as_ref()[..16].try_into().expect("sixteen bytes"))
}

#[test]
fn a_search_finds_the_first_number_whose_digest_is_small_enough() {
    for (difficulty, seed) in [(1, 0), (2, 1), (100, 2), (20_000, 3), (100_000, 4)] {
        let work = work(Puzzle::Sha256, difficulty, seed);
        let solves =
            |nonce: &u64| head(&work.message(*nonce)) <= u128::MAX / u128::from(difficulty);
        let start = 1_000 * u64::from(seed);
        let expected = (start..).find(solves).expect("one of so many");
        let trial = Searcher::new(Puzzle::Sha256).search(&work, start..u64::MAX, &never);
        assert_eq!(trial.tries, expected - start + 1);
        let solution = trial.solution.expect("there is one");
        assert_eq!(solution, Solution { nonce: expected, proof: Vec::new() });
        assert_eq!(work.check(&solution), Ok(()));
        let none = Searcher::new(Puzzle::Sha256).search(&work, start..expected, &never);
        assert_eq!((none.solution, none.tries), (None, expected - start));
    }
}

#[test]
fn what_equihash_finds_is_what_its_own_crate_takes() {
    let (mut searcher, mut found) = (Searcher::new(Puzzle::Equihash), 0);
    let work = work(Puzzle::Equihash, 1, 7);
    for nonce in 0..10 {
        // Of several for one number the search gives the first.
        let trial = searcher.search(&work, nonce..nonce + 1, &never);
        let Some(solution) = trial.solution else { continue };
        let message = work.message(nonce);
        equihash::is_valid_solution(120, 5, &message, &[], &solution.proof).expect("a solution");
        assert_eq!(work.check(&solution), Ok(()));
        found += 1;
    }
    // A run has none with a probability of e^-2: of ten all but one in half a billion times.
    assert!(found > 0, "no run found anything");
}

#[test]
fn a_run_finds_two_solutions_on_average() {
    // With a difficulty that nothing meets every solution is a try.
    let work = work(Puzzle::Equihash, u64::MAX, 9);
    let trial = Searcher::new(Puzzle::Equihash).search(&work, 0..8, &never);
    // Poisson of mean 15: outside with a probability below 1e-3; the numbers are always the same.
    assert!((5..=29).contains(&trial.tries), "{} solutions in 8 runs", trial.tries);
}

#[test]
fn junk_is_refused_for_what_it_is() {
    let work = work(Puzzle::Equihash, 1, 3);
    let trial = Searcher::new(Puzzle::Equihash).search(&work, 0..20, &never);
    let solution = trial.solution.expect("one in twenty runs");
    let with = |change: &dyn Fn(&mut Solution)| {
        let mut other = solution.clone();
        change(&mut other);
        work.check(&other)
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&|other| other.nonce += 1), Err(Refusal::Proof));
    let short = Err(Refusal::Length { found: 83, wanted: 84 });
    assert_eq!(with(&|other| other.proof.truncate(83)), short);
    for at in 0..84 {
        assert_eq!(with(&|other| other.proof[at] ^= 1), Err(Refusal::Proof));
    }
    // The same numbers in another order: left and right exchanged at the root.
    let exchanged = |other: &mut Solution| other.proof.rotate_left(42);
    assert_eq!(with(&exchanged), Err(Refusal::Proof));
    assert_eq!(with(&|other| other.proof.fill(0)), Err(Refusal::Proof));
    let harder = Work::new(Puzzle::Equihash, 1 << 40, DOMAIN, [3; 32], [!3; 32]);
    let refusal = Refusal::Difficulty { difficulty: 1 << 40 };
    assert_eq!(harder.expect("a difficulty").check(&solution), Err(refusal));
    let other = Work::new(Puzzle::Equihash, 1, DOMAIN, [3; 32], [3; 32]).expect("a difficulty");
    assert_eq!(other.check(&solution), Err(Refusal::Proof), "another solver's");
    let wanted = Err(Refusal::Length { found: 84, wanted: 0 });
    assert_eq!(cheap().check(&solution), wanted);
    let none = Work::new(Puzzle::Sha256, 0, DOMAIN, [0; 32], [0; 32]);
    assert_eq!(none, Err(Refusal::NoDifficulty));
}

fn cheap() -> Work {
    work(Puzzle::Sha256, 1, 3)
}

#[test]
fn several_cores_find_a_solution_and_end() {
    for (puzzle, difficulty) in [(Puzzle::Sha256, 50_000), (Puzzle::Equihash, 2)] {
        let work = work(puzzle, difficulty, 5);
        let cores = NonZeroUsize::new(3).expect("three");
        let trial = search_on_cores(&work, 0..u64::MAX, cores, &never);
        assert_eq!(work.check(&trial.solution.expect("there is one")), Ok(()));
        assert!(trial.tries > 0);
        let none = search_on_cores(&work, 5..5, cores, &never);
        assert_eq!((none.solution, none.tries), (None, 0));
    }
}

#[test]
fn a_search_ends_when_it_is_told_to() {
    for puzzle in Puzzle::ALL {
        let work = work(puzzle, u64::MAX, 6);
        for looks in [1, 2, 100] {
            // How often it is asked, not how long it takes, is what a busy machine cannot change.
            let asked = AtomicU64::new(0);
            let stop = || asked.fetch_add(1, Ordering::Relaxed) + 1 >= looks;
            let trial = Searcher::new(puzzle).search(&work, 0..u64::MAX, &stop);
            assert_eq!(trial.solution, None);
            assert_eq!(asked.load(Ordering::Relaxed), looks, "it went on");
        }
        let cores = NonZeroUsize::new(2).expect("two");
        let trial = search_on_cores(&work, 0..u64::MAX, cores, &|| true);
        assert_eq!((trial.solution, trial.tries), (None, 0));
    }
}

#[test]
fn numbers_at_the_end_are_tried_and_no_others() {
    let work = work(Puzzle::Sha256, u64::MAX, 8);
    let trial = Searcher::new(Puzzle::Sha256).search(&work, u64::MAX - 10_000..u64::MAX, &never);
    assert_eq!((trial.solution, trial.tries), (None, 10_000));
    let reversed = std::ops::Range { start: 9, end: 3 };
    let trial = Searcher::new(Puzzle::Sha256).search(&work, reversed, &never);
    assert_eq!((trial.solution, trial.tries), (None, 0));
}

#[test]
fn names_are_those_of_the_puzzles() {
    for puzzle in Puzzle::ALL {
        assert_eq!(Puzzle::named(puzzle.name()), Some(puzzle));
        assert_eq!(
            borsh::from_slice::<Puzzle>(&borsh::to_vec(&puzzle).expect("no disk")).ok(),
            Some(puzzle)
        );
    }
    assert_eq!(Puzzle::named("scrypt"), None);
}

proptest! {
    #[test]
    fn nothing_from_outside_makes_a_check_panic(
        nonce in any::<u64>(),
        proof in proptest::collection::vec(any::<u8>(), 0..200),
        difficulty in 1..1_000u64,
    ) {
        for puzzle in Puzzle::ALL {
            let solution = Solution { nonce, proof: proof.clone() };
            let work = work(puzzle, difficulty, 1);
            let expected = puzzle == Puzzle::Sha256
                && proof.is_empty()
                && head(&work.message(nonce)) <= u128::MAX / u128::from(difficulty);
            prop_assert_eq!(work.check(&solution).is_ok(), expected);
        }
    }

    #[test]
    fn a_message_tells_all_that_it_is_made_of(
        challenge in any::<[u8; 32]>(), solver in any::<[u8; 32]>(), nonce in any::<u64>(),
    ) {
        let work = Work::new(Puzzle::Sha256, 1, DOMAIN, challenge, solver).expect("a difficulty");
        let message: [u8; MESSAGE_BYTES] = work.message(nonce);
        let parts = [&DOMAIN[..], &challenge, &solver, &nonce.to_le_bytes()].concat();
        prop_assert_eq!(&message[..], &parts[..]);
    }
}

#[test]
fn a_search_keeps_to_its_rate_and_does_not_make_up_for_what_it_lost() {
    let mut pace = Pace::new(Puzzle::Sha256, 3_000.0);
    // Looked at every seven milliseconds for ten seconds by a machine that is fast enough.
    let (mut made, mut now) = (0, Duration::ZERO);
    while now < Duration::from_secs(10) {
        now += Duration::from_millis(7);
        loop {
            match pace.due(now) {
                0 => break,
                tries => {
                    assert_eq!(tries, 30);
                    pace.made(tries);
                    made += tries;
                }
            }
        }
        let due = 3_000.0 * now.as_secs_f64();
        assert!((made as f64) <= due && (made as f64) > due - 30.0, "{made} at {now:?}");
    }
    assert_eq!(pace.lost(), 0.0);
    // It stood still for a minute: that is lost, and it goes on as before.
    now += Duration::from_secs(60);
    assert_eq!(pace.due(now), 30);
    assert!((pace.lost() - 180_000.0).abs() < 100.0, "{}", pace.lost());
    pace.made(30);
    assert_eq!(pace.due(now), 0);
    // The slowest rate, and a puzzle of which each try takes long, one by one.
    for puzzle in Puzzle::ALL {
        let mut slow = Pace::new(puzzle, 0.1);
        assert_eq!(slow.due(Duration::from_secs(9)), 0, "a try takes ten seconds");
        assert_eq!(slow.due(Duration::from_secs(11)), 1);
        slow.made(1);
        assert_eq!(slow.due(Duration::from_secs(19)), 0);
        assert_eq!(slow.due(Duration::from_secs(21)), 1);
        assert_eq!(slow.lost(), 0.0);
    }
    assert_eq!(Pace::new(Puzzle::Equihash, 1e9).due(Duration::from_millis(1)), 1);
    assert_eq!(Pace::new(Puzzle::Sha256, 1e12).due(Duration::from_millis(1)), 65_536);
}
