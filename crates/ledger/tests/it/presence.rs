//! Presence rounds, and what was tried against them.

use muster_ledger::execute::{Execution, check};
use muster_ledger::genesis::Genesis;
use muster_ledger::light::verify_entry;
use muster_ledger::money::Grains;
use muster_ledger::outcome::presence::{Event as Happened, Rejection as Refused};
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::Parameters;
use muster_ledger::presence::{Belief, Deadlines, Design, DesignError, Payoff, Puzzle, Solution};
use muster_ledger::protocol::Version;
use muster_ledger::state::presence::{Phase, Round, round, rounds};
use muster_ledger::state::{Key, Value, presence as entries};
use muster_ledger::transaction::presence::Action;
use muster_ledger::tree::prove;
use muster_ledger::types::{Real, RoundId};
use muster_mechanism::presence as mechanism;
use proptest::prelude::*;

use crate::support::{Chain, address, design, find, genesis, listed, mst, real, solve};

const FIRST: RoundId = RoundId(0);

fn open(design: Design) -> Action {
    opening(design, mst(2), mst(100))
}

fn opening(design: Design, prize: Grains, deposit_max: Grains) -> Action {
    Action::Open { design: Box::new(design), unlocks: None, prize, deposit_max }
}

/// Which rounds are open.
fn running(chain: &Chain) -> Vec<RoundId> {
    chain.state.entry(rounds(())).map(|all| all.open.clone()).unwrap_or_default()
}

fn refusal(result: Result<(), Rejection>) -> Refused {
    match result {
        Err(Rejection::Presence(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

/// What happened to rounds in a block.
fn happened(execution: &Execution) -> Vec<Happened> {
    let of = |event: &Event| match event {
        Event::Presence(event) => Some(event.clone()),
        _ => None,
    };
    execution.events.iter().filter_map(of).collect()
}

/// Why a transaction that nobody pays a fee for may not stand in a block.
fn turned_away(chain: &Chain, signer: &str, action: Action) -> Refused {
    let signed = chain.sign(signer, 0, action);
    let refused = check(&chain.state, &signed).map(|_| ());
    assert!(chain.propose(vec![signed]).0.is_empty());
    refusal(refused)
}

/// A chain on which alice has opened a round, which has begun.
fn begun(design: Design) -> Chain {
    let mut chain = Chain::with(0, Parameters::default());
    chain.act("alice", open(design)).unwrap();
    chain.block(vec![]);
    chain
}

/// A number that solves nothing, but by chance.
fn guess(round: RoundId, nonce: u64) -> Action {
    Action::Solve { round, solution: Solution { nonce, proof: Vec::new() } }
}

fn first(chain: &Chain) -> Round {
    chain.state.round(FIRST).unwrap().0.clone()
}

#[test]
fn the_ledger_computes_the_deadlines_that_the_mechanism_does() {
    let design = design();
    let game = design.game().unwrap();
    let mechanism::Outcome::Deadline { maximum, best, .. } = game.solve() else {
        panic!("a deadline exists")
    };
    let deadlines = design.deadlines(1_000).unwrap();
    let milliseconds = |seconds: mechanism::Seconds| (seconds.get() * 1_000.0) as u64;
    assert_eq!(deadlines.best_ms, milliseconds(best));
    assert_eq!(deadlines.largest_ms, milliseconds(maximum));
    assert_eq!(deadlines.chosen_ms, deadlines.best_ms);
    let Deadlines { best_ms, largest_ms, .. } = deadlines;
    assert!(3_000 < best_ms && best_ms < largest_ms, "{deadlines:?}");
}

#[test]
fn a_round_is_opened_begins_with_the_next_block_and_is_solved_without_an_account() {
    let mut chain = Chain::with(0, Parameters::default());
    let before = chain.state.account(&address("alice")).balance;
    chain.act("alice", open(design())).unwrap();
    let opened = first(&chain);
    assert_eq!((opened.beginning, opened.phase), (None, Phase::Open));
    assert_eq!((opened.deposit, opened.prize), (mst(1), mst(2)));
    let refused = turned_away(&chain, "nobody", guess(FIRST, 0));
    assert_eq!(refused, Refused::NotBegun { round: FIRST });

    let execution = chain.block(vec![]);
    let beginning = first(&chain).beginning.unwrap();
    assert_eq!(beginning.time_ms, chain.header.time_ms);
    assert!(matches!(happened(&execution)[..], [Happened::Begun { round: FIRST, .. }]));

    // One block later, by a key that no account has.
    let solution = chain.sign("nobody", 0, solve(&chain, FIRST, "nobody"));
    let execution = chain.block(vec![solution]);
    assert_eq!(
        happened(&execution),
        [
            Happened::Solved {
                round: FIRST,
                solver: address("nobody"),
                after_ms: 1_000,
                missing: 0
            },
            Happened::Acted { round: FIRST },
        ]
    );
    let solved = first(&chain);
    assert_eq!((solved.phase, solved.deposit), (Phase::Acted, Grains::ZERO));
    assert!(running(&chain).is_empty());
    assert_eq!(chain.state.accounts().filter(|(key, _)| *key == address("nobody")).count(), 0);

    // The solution stands in a light client's proof.
    let key: Key = entries::Key::Round(FIRST).into();
    let (_, proof) = prove(&chain.tree, chain.state.height(), &key).unwrap();
    let value: Value = chain.state.get(&key).unwrap().clone();
    verify_entry(&chain.header, &key, Some(&value), &proof).unwrap();

    // The prize goes where the solver says, once.
    let claim = |to: &str| Action::Claim { round: FIRST, to: address(to) };
    chain.all(vec![chain.sign("nobody", 0, claim("carol"))]);
    assert_eq!(chain.state.account(&address("carol")).total(), mst(2));
    let refused = turned_away(&chain, "nobody", claim("carol"));
    assert_eq!(refused, Refused::NoPrize { round: FIRST });
    let after = chain.state.account(&address("alice")).balance;
    assert!(before.0 - after.0 - mst(2).0 < 10_000_000, "the deposit came back");
}

#[test]
fn a_copied_solution_earns_its_thief_nothing() {
    let mut chain = begun(design());
    let copied = solve(&chain, FIRST, "worker");
    let refused = turned_away(&chain, "thief", copied);
    assert_eq!(refused, Refused::Work { round: FIRST, difficulty: 100 });
    chain.all(vec![chain.sign("worker", 0, solve(&chain, FIRST, "worker"))]);
    let claim = Action::Claim { round: FIRST, to: address("thief") };
    assert_eq!(turned_away(&chain, "thief", claim), Refused::NotFirst { round: FIRST });
}

#[test]
fn wrong_late_repeated_and_foreign_solutions_are_turned_away() {
    let mut chain = begun(Design { solutions: 2, ..design() });
    let wrong = guess(FIRST, u64::MAX);
    let expected = Refused::Work { round: FIRST, difficulty: 100 };
    assert_eq!(turned_away(&chain, "a", wrong), expected);
    let unknown = guess(RoundId(7), 0);
    assert_eq!(turned_away(&chain, "a", unknown), Refused::NoRound { round: RoundId(7) });

    let execution = chain.block(vec![chain.sign("a", 0, solve(&chain, FIRST, "a"))]);
    assert!(matches!(happened(&execution)[..], [Happened::Solved { missing: 1, .. }]));
    let again = solve(&chain, FIRST, "a");
    assert_eq!(turned_away(&chain, "a", again), Refused::SolvedBefore { round: FIRST });

    // Another round's solution is none of this one.
    chain.act("bob", open(design())).unwrap();
    chain.block(vec![]);
    let Action::Solve { solution, .. } = solve(&chain, RoundId(1), "b") else {
        panic!("it solves")
    };
    assert_eq!(turned_away(&chain, "b", Action::Solve { round: FIRST, solution }), expected);

    // In time to the millisecond, and not a millisecond later.
    let late = solve(&chain, FIRST, "b");
    let until = first(&chain).beginning.unwrap().time_ms + first(&chain).deadlines.chosen_ms;
    let signed = chain.sign("b", 0, late.clone());
    assert_eq!(chain.proposed_at(until, vec![signed.clone()]).0.len(), 1);
    let (included, execution) = chain.proposed_at(until + 1, vec![signed]);
    assert!(included.is_empty());
    assert!(happened(&execution).contains(&Happened::Lapsed { round: FIRST, solutions: 1 }));
}

#[test]
fn a_round_that_takes_memory_is_solved_and_proofs_of_something_else_are_turned_away() {
    let mut chain = begun(Design {
        puzzle: Puzzle::Equihash,
        difficulty: 1,
        tries_per_second: real(0.05),
        ..design()
    });
    let work = |by: &str| {
        let (round, design) = chain.state.round(FIRST).unwrap();
        round.work(design, &address(by)).unwrap()
    };
    let found = find(&work("worker"), 0);
    let with = |proof: Vec<u8>| Action::Solve {
        round: FIRST,
        solution: Solution { nonce: found.nonce, proof },
    };
    // Of the length of no puzzle: it does not even enter a pool. Of another puzzle's: of a round.
    let short = chain.sign("worker", 0, with(found.proof[1..].to_vec()));
    let refused = short.check_form(&chain.state.limits());
    assert_eq!(refusal(refused), Refused::ProofOfNone { bytes: 83 });
    let none = turned_away(&chain, "worker", with(Vec::new()));
    assert_eq!(none, Refused::ProofLength { round: FIRST, bytes: 0, wanted: 84 });
    let mut wrong = found.proof.clone();
    wrong[40] ^= 1;
    let wrong = turned_away(&chain, "worker", with(wrong));
    assert_eq!(wrong, Refused::Proof { round: FIRST });
    let copied = turned_away(&chain, "thief", with(found.proof.clone()));
    assert_eq!(copied, Refused::Proof { round: FIRST });
    // A number of SHA-256's is none of this puzzle, nor the other way about.
    chain.act("bob", open(design())).unwrap();
    chain.block(vec![]);
    let other = Action::Solve { round: RoundId(1), solution: found.clone() };
    let refused = turned_away(&chain, "worker", other);
    assert_eq!(refused, Refused::ProofLength { round: RoundId(1), bytes: 84, wanted: 0 });

    let execution = chain.block(vec![chain.sign("worker", 0, with(found.proof))]);
    assert!(happened(&execution).contains(&Happened::Acted { round: FIRST }));
}

#[test]
fn a_round_that_nobody_solves_lapses_and_is_forgotten_and_nothing_is_lost() {
    let parameters = Parameters { presence_keep_blocks: 10, ..Parameters::default() };
    let mut chain = Chain::with(0, parameters);
    let before = chain.state.account(&address("alice")).balance;
    let receipt = chain.all(vec![chain.sign("alice", 0, open(design()))]).remove(0);
    while first(&chain).phase == Phase::Open {
        chain.block(vec![]);
    }
    let after = chain.state.account(&address("alice")).balance;
    assert_eq!(first(&chain).phase, Phase::Lapsed);
    assert_eq!(before.0 - after.0, receipt.fee.0, "deposit and prize came back");
    for _ in 0..10 {
        assert!(chain.state.round(FIRST).is_some());
        chain.block(vec![]);
    }
    assert!(chain.state.round(FIRST).is_none() && chain.state.rounds().count() == 0);
    let kinds = chain.state.entries().filter(|(key, _)| matches!(key, Key::Presence(_)));
    assert_eq!(kinds.count(), 1, "only the list of open rounds is left");
}

#[test]
fn a_prize_that_nobody_claims_goes_back() {
    let parameters = Parameters { presence_keep_blocks: 10, ..Parameters::default() };
    let mut chain = Chain::with(0, parameters);
    chain.act("alice", open(design())).unwrap();
    chain.block(vec![]);
    chain.all(vec![chain.sign("nobody", 0, solve(&chain, FIRST, "nobody"))]);
    assert_eq!(first(&chain).prize, mst(2));
    let before = chain.state.account(&address("alice")).balance;
    while chain.state.round(FIRST).is_some() {
        chain.block(vec![]);
    }
    assert_eq!(chain.state.account(&address("alice")).balance.0 - before.0, mst(2).0);
}

#[test]
fn designs_that_are_no_mechanism_are_refused_in_words() {
    let mut chain = Chain::with(0, Parameters::default());
    let base = design();
    let largest = base.deadlines(1_000).unwrap().largest_ms;
    let cases = [
        (Design { deadline_ms: Some(largest + 1), ..base.clone() }, "is beyond T*"),
        (Design { deadline_ms: Some(2_999), ..base.clone() }, "shorter than three blocks"),
        (Design { null_payoff: real(2.9), ..base.clone() }, "no deadline makes anybody act"),
        (Design { null_payoff: real(1.0), ..base.clone() }, "everybody acts without a puzzle"),
        (Design { tries_per_second: real(0.0), ..base.clone() }, "rate"),
        (
            Design { malicious: Belief::Listed(listed(&[0.5, 0.25, 0.25])), ..base.clone() },
            "not log-concave at index 1",
        ),
        (
            Design { players: Belief::Listed(listed(&[0.5, 0.25, 0.2])), ..base.clone() },
            "players sums to 0.95",
        ),
        (
            Design { players: Belief::Listed(listed(&[0.5, 0.0, 0.5])), ..base.clone() },
            "players[2] is 0",
        ),
        (
            Design { payoff: Payoff::Listed(listed(&[0.0, 3.0, 3.0])), ..base.clone() },
            "does not rise at 3 players",
        ),
    ];
    for (refused, words) in cases {
        let Refused::Design { reason } = refusal(chain.act("alice", open(refused))) else {
            panic!("{words}")
        };
        assert!(reason.contains(words), "{reason}");
    }
    // What can be seen at a glance does not even enter a block.
    let limits = chain.state.limits();
    let huge = Belief::Poisson { mean: real(9.0), largest: 10_001 };
    for refused in [
        Design { solutions: 0, ..base.clone() },
        Design { solutions: 33, ..base.clone() },
        Design { difficulty: 0, ..base.clone() },
        Design { players: huge, ..base.clone() },
    ] {
        let signed = chain.sign("alice", 0, open(refused));
        assert!(signed.check_form(&limits).is_err());
    }
    // Nobody could solve it: a try a second for a puzzle of 2^60, and a deadline of a minute.
    let hard = Design {
        difficulty: 1 << 60,
        tries_per_second: real(1.0),
        deadline_ms: Some(60_000),
        ..base
    };
    assert_eq!(hard.deadlines(1_000), Err(DesignError::Unsolvable));
}

#[test]
fn open_rounds_make_the_next_dearer_and_have_an_end() {
    let parameters = Parameters { presence_rounds_max: 2, ..Parameters::default() };
    let mut chain = Chain::with(2, parameters);
    chain.act("alice", open(design())).unwrap();
    assert_eq!(refusal(chain.act("alice", open(design()))), Refused::Own { round: FIRST });
    let cheap = opening(design(), mst(0), mst(1));
    let refused = refusal(chain.act("bob", cheap));
    assert_eq!(refused, Refused::Deposit { needed: mst(2), deposit_max: mst(1) });
    let prize = Grains(9_999_999);
    let small = opening(design(), prize, mst(3));
    assert!(matches!(refusal(chain.act("bob", small)), Refused::Prize { .. }));
    chain.act("bob", open(design())).unwrap();
    let full = refusal(chain.act("hot-0", open(design())));
    assert_eq!(full, Refused::Full { count: 2 });
}

#[test]
fn beliefs_of_thousands_take_a_bounded_time_and_agree_with_listed_ones() {
    let wide = Design {
        players: Belief::Poisson { mean: real(4_000.0), largest: 6_000 },
        malicious: Belief::Poisson { mean: real(500.0), largest: 4_000 },
        payoff: Payoff::Linear { alone: real(0.0), step: real(1.0) },
        null_payoff: real(3_999.5),
        difficulty: 1 << 40,
        tries_per_second: real(1e6),
        ..design()
    };
    let deadlines = wide.deadlines(10).unwrap();
    assert!(deadlines.best_ms < deadlines.largest_ms, "{deadlines:?}");
    // The same beliefs as a list, where both can be written.
    let narrow = Design {
        players: Belief::Poisson { mean: real(3.0), largest: 6 },
        malicious: Belief::Poisson { mean: real(0.5), largest: 3 },
        payoff: Payoff::Linear { alone: real(0.0), step: real(1.0) },
        null_payoff: real(3.3),
        ..design()
    };
    let weights = |mean: f64, numbers: std::ops::RangeInclusive<u32>| {
        let weight = |n: u32| mean.powi(n as i32) / (1..=n).map(f64::from).product::<f64>();
        let total: f64 = numbers.clone().map(weight).sum();
        numbers.map(|n| weight(n) / total).collect::<Vec<_>>()
    };
    let by_hand = Design {
        players: Belief::Listed(listed(&weights(3.0, 1..=6))),
        malicious: Belief::Listed(listed(&weights(0.5, 0..=3))),
        payoff: Payoff::Listed(listed(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
        ..narrow.clone()
    };
    let (one, other) = (narrow.game().unwrap(), by_hand.game().unwrap());
    for seconds in [0.1, 1.0, 10.0, 100.0] {
        let at = mechanism::Seconds::new(seconds).unwrap();
        let (one, other) = (one.payoff_at(at), other.payoff_at(at));
        assert!((one - other).abs() < 1e-12 * other, "{one} {other}");
    }
}

#[test]
fn a_round_is_read_as_it_was_written() {
    let chain = begun(design());
    let (found, wanted) = chain.state.round(FIRST).unwrap();
    assert_eq!(*wanted, design());
    assert_eq!(chain.state.entry(round(FIRST)).map(|one| one.as_ref()), Some(found));
}

#[test]
fn a_chain_of_an_earlier_version_knows_no_rounds() {
    let genesis = genesis(0, Parameters::default());
    let chain = Chain::new(&Genesis { version: Version(2), ..genesis });
    let signed = chain.sign("alice", 0, open(design()));
    let refused = Rejection::Version { since: Version(3), version: Version(2) };
    assert_eq!(signed.check_form(&chain.state.limits()), Err(refused));
}

/// Reals as a hostile opener might write them: ends of the range, tiny steps, anything.
fn any_real() -> impl Strategy<Value = Real> {
    const ENDS: [f64; 8] = [0.0, 1.0, -1.0, 1e-300, 1e300, f64::MAX, f64::MIN, 5e-324];
    let any = any::<f64>().prop_map(Real::nearest);
    prop_oneof![proptest::sample::select(&ENDS[..]).prop_map(real), any, (0.0..4.0).prop_map(real)]
}

fn any_belief() -> impl Strategy<Value = Belief> {
    let even = (1_usize..6).prop_map(|count| Belief::Listed(vec![real(1.0 / count as f64); count]));
    let poisson = (any_real(), prop_oneof![0_u32..400, Just(u32::MAX)]);
    prop_oneof![
        even,
        proptest::collection::vec(any_real(), 0..5).prop_map(Belief::Listed),
        Just(design().players),
        Just(design().malicious),
        poisson.prop_map(|(mean, largest)| Belief::Poisson { mean, largest }),
    ]
}

fn any_design() -> impl Strategy<Value = Design> {
    let payoff = prop_oneof![
        proptest::collection::vec(any_real(), 0..5).prop_map(Payoff::Listed),
        Just(design().payoff),
        (any_real(), any_real()).prop_map(|(alone, step)| Payoff::Linear { alone, step }),
    ];
    let numbers = (any::<u64>(), any_real(), 1_u8..34, any::<Option<u64>>());
    let rest = (payoff, any_real(), numbers);
    (any_belief(), any_belief(), rest).prop_map(|(players, malicious, rest)| {
        let (payoff, null_payoff, (difficulty, tries_per_second, solutions, deadline_ms)) = rest;
        Design {
            players,
            malicious,
            payoff,
            null_payoff,
            difficulty,
            tries_per_second,
            solutions,
            deadline_ms,
            ..design()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_design_breaks_the_ledger(design in any_design()) {
        let chain = Chain::with(0, Parameters::default());
        let signed = chain.sign("alice", 0, open(design.clone()));
        prop_assume!(signed.check_form(&chain.state.limits()).is_ok());
        if let Ok(Deadlines { chosen_ms, largest_ms, .. }) = design.deadlines(1_000) {
            prop_assert!(3_000 <= chosen_ms && chosen_ms <= largest_ms);
        }
        let (included, execution) = chain.propose(vec![signed]);
        prop_assert_eq!(included.len(), 1);
        let opened = execution.receipts[0].result.is_ok();
        prop_assert_eq!(execution.state.rounds().count(), usize::from(opened));
    }
}
