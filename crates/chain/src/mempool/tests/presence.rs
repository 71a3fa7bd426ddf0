//! Solutions of presence rounds, which nobody pays for and no account signs.

use muster_ledger::crypto::SecretKey;
use muster_ledger::money::Grains;
use muster_ledger::outcome::{Rejection, presence as outcome};
use muster_ledger::parameters::Parameters;
use muster_ledger::presence::{Belief, Design, Payoff, Puzzle, Solution};
use muster_ledger::state::presence::Phase;
use muster_ledger::transaction::presence::Action;
use muster_ledger::transaction::{SignedTransaction, Transaction};
use muster_ledger::types::{Height, Real, RoundId};
use muster_puzzle::Searcher;

use super::market::{Market, genesis, key, pay, place};
use crate::mempool::{MempoolLimits, Refusal};

const FIRST: RoundId = RoundId(0);

/// A key that no account has.
fn stranger(index: u64) -> SecretKey {
    let mut seed = [200; 32];
    seed[..8].copy_from_slice(&index.to_le_bytes());
    SecretKey::from_seed(seed)
}

fn design(solutions: u8) -> Design {
    let real = |number| Real::new(number).expect("finite");
    let listed = |numbers: &[f64]| numbers.iter().map(|number| real(*number)).collect();
    Design {
        players: Belief::Listed(listed(&[0.2, 0.3, 0.5])),
        malicious: Belief::Listed(listed(&[0.6, 0.3, 0.1])),
        payoff: Payoff::Listed(listed(&[0.0, 1.0, 3.0])),
        null_payoff: real(1.9),
        puzzle: Puzzle::Sha256,
        difficulty: 1_000,
        tries_per_second: real(50.0),
        solutions,
        deadline_ms: None,
    }
}

/// A market in which a round has begun that asks for so many solutions.
fn begun(limits: MempoolLimits, solutions: u8) -> Market {
    let mut market = Market::with(limits, &genesis(Grains::MST, Parameters::default()));
    let open = Action::Open {
        design: Box::new(design(solutions)),
        unlocks: None,
        prize: Grains::MST,
        deposit_max: Grains::MST,
    };
    market.submit(market.sign(0, 0, 0, open)).expect("taken");
    market.block();
    market.block();
    market
}

fn sign(market: &Market, by: &SecretKey, expires: u64, action: Action) -> SignedTransaction {
    let transaction = Transaction {
        chain: market.state.chain(),
        signer: by.public(),
        nonce: 0,
        expires: Height(expires),
        tip: Grains::ZERO,
        action: action.into(),
    };
    SignedTransaction::sign(transaction, by)
}

/// What first solves the round for a key, from a number on.
fn solved(market: &Market, by: &SecretKey, from: u64) -> Solution {
    let (round, design) = market.state.round(FIRST).expect("it is there");
    let work = round.work(design, &by.public()).expect("it has begun");
    let found = Searcher::new(design.puzzle).search(&work, from..u64::MAX, &|| false);
    found.solution.expect("a number is found")
}

fn solution(market: &Market, index: u64) -> SignedTransaction {
    let by = stranger(index);
    let solution = solved(market, &by, 0);
    sign(market, &by, 100, Action::Solve { round: FIRST, solution })
}

fn refusal(answer: Result<muster_ledger::crypto::Hash, Refusal>) -> outcome::Rejection {
    match answer {
        Err(Refusal::Rejected(Rejection::Presence(refused))) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_solution_needs_no_account_and_goes_before_whoever_pays() {
    let mut market = begun(MempoolLimits::default(), 1);
    market.submit(market.transfer(1, 0, 1_000_000)).expect("taken");
    let solution = solution(&market, 0);
    market.submit(solution.clone()).expect("taken");
    assert_eq!(market.candidates()[0], place(&solution));
    assert_eq!(market.submit(solution.clone()), Err(Refusal::Known), "so that it goes on once");
    market.audit();
    assert!(market.block().is_empty());
    assert_eq!(market.state.round(FIRST).expect("kept").0.phase, Phase::Acted);
    assert_eq!(refusal(market.submit(solution)), outcome::Rejection::Over { round: FIRST });
    assert_eq!(market.pool.size(), (0, 0));
    market.audit();
}

#[test]
fn a_flood_of_junk_is_never_stored_and_its_signatures_are_never_looked_at() {
    let market = begun(MempoolLimits::default(), 1);
    let junk = |index: u64| {
        let by = stranger(index % 50);
        let good = solved(&market, &by, 0);
        let solution = Solution { nonce: good.nonce + 1, ..good };
        let solve = Action::Solve { round: FIRST, solution };
        let mut junk = sign(&market, &by, 100, solve.clone());
        // Forged as well: it would be said if it were looked at.
        junk.signature = sign(&market, &stranger(99), 100, solve).signature;
        junk
    };
    let flood: Vec<_> = (0..2_000).map(junk).collect();
    for answer in market.pool.submit(flood) {
        let refused = refusal(answer);
        assert_eq!(refused, outcome::Rejection::Work { round: FIRST, difficulty: 1_000 });
    }
    assert_eq!(market.pool.size(), (0, 0));
    // The work of others does not help a signature that does not match.
    let mut forged = solution(&market, 1);
    forged.signature = solution(&market, 2).signature;
    let refused = market.submit(forged);
    assert_eq!(refused, Err(Refusal::Rejected(Rejection::Signature)));
    market.submit(solution(&market, 1)).expect("taken");
    market.audit();
}

#[test]
fn a_stolen_solution_pays_its_thief_nothing() {
    let mut market = begun(MempoolLimits::default(), 1);
    let (worker, thief) = (stranger(0), key(8));
    let copied = solved(&market, &worker, 0);
    // Seen in the pool, signed again, with a tip: the work is another key's.
    let stolen = market.sign(8, 0, 1_000, Action::Solve { round: FIRST, solution: copied });
    let refused = refusal(market.submit(stolen));
    assert_eq!(refused, outcome::Rejection::Work { round: FIRST, difficulty: 1_000 });
    market.submit(solution(&market, 0)).expect("taken");
    market.block();
    let before = market.state.account(&thief.public()).balance;
    let claim = Action::Claim { round: FIRST, to: thief.public() };
    let refused = refusal(market.submit(market.sign(8, 0, 0, claim)));
    assert_eq!(refused, outcome::Rejection::NotFirst { round: FIRST });
    let claim = Action::Claim { round: FIRST, to: key(9).public() };
    let rich = market.state.account(&key(9).public()).balance;
    market.submit(sign(&market, &worker, 100, claim.clone())).expect("taken");
    market.block();
    assert_eq!(market.state.account(&thief.public()).balance, before);
    assert_eq!(market.state.account(&key(9).public()).balance.0, rich.0 + Grains::MST.0);
    let again = refusal(market.submit(sign(&market, &worker, 99, claim)));
    assert_eq!(again, outcome::Rejection::NoPrize { round: FIRST });
    market.audit();
}

#[test]
fn one_solution_waits_of_each_key_and_a_few_of_each_round() {
    let limits = MempoolLimits { solutions_max: 5, ..MempoolLimits::default() };
    let mut market = begun(limits, 32);
    let worker = stranger(0);
    let found = solved(&market, &worker, 0);
    market.submit(solution(&market, 0)).expect("taken");
    // The same work said otherwise: until another height, or with another number.
    let solve = |solution| Action::Solve { round: FIRST, solution };
    let second = solved(&market, &worker, found.nonce + 1);
    let other = market.submit(sign(&market, &worker, 99, solve(found)));
    assert!(matches!(other, Err(Refusal::Replacement { .. })), "{other:?}");
    let other = market.submit(sign(&market, &worker, 100, solve(second)));
    assert!(matches!(other, Err(Refusal::Replacement { .. })), "{other:?}");
    for index in 1..5 {
        market.submit(solution(&market, index)).expect("taken");
    }
    let refused = market.submit(solution(&market, 5));
    assert_eq!(refused, Err(Refusal::Solved { round: FIRST, count: 5 }));
    market.audit();
    market.block();
    assert_eq!(market.state.round(FIRST).expect("kept").0.solutions.len(), 5);
    market.submit(solution(&market, 5)).expect("there is room again");
    market.audit();
}

#[test]
fn a_full_pool_has_room_for_a_solution_and_what_is_over_leaves() {
    let limits = MempoolLimits { transactions_max: 4, ..MempoolLimits::default() };
    let mut market = begun(limits, 1);
    for from in 1..5 {
        market.submit(market.sign(from, 0, 1_000_000, pay(1))).expect("taken");
    }
    let (first, second) = (solution(&market, 0), solution(&market, 1));
    market.submit(first.clone()).expect("taken");
    market.submit(second).expect("taken");
    assert_eq!(market.pool.size().0, 4);
    // Another proposer took the first alone: the second comes too late.
    market.decide(vec![first]);
    market.audit();
    assert_eq!(market.pool.size().0, 2);
}
