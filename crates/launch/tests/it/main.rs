//! A round on boards, in virtual time: who can begin when, what is refused, what is kept, and what
//! all agree on whose clocks do not.

use std::sync::Arc;

use muster_api::HexBytes;
use muster_api::presence::{Belief, Design, Payoff, Puzzle};
use muster_launch::{
    Board, Evidence, EvidenceError, Message, Offer, Plan, Refusal, Solved, Specification, Statement,
};
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::genesis::Genesis;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_puzzle::Searcher;
use proptest::prelude::*;

const OPENS_MS: u64 = 1_800_000_000_000;

fn key(index: u16) -> SecretKey {
    SecretKey::from_seed([index as u8 + 1; 32])
}

fn specification(validators: u16) -> Specification {
    let validator = |index: u16| Validator { name: format!("v{index}"), key: key(index).public() };
    let players = vec![0.2, 0.2, 0.1, 0.1, 0.1, 0.06, 0.06, 0.06, 0.06, 0.06];
    Specification {
        genesis: Genesis {
            version: Version::NEWEST,
            name: "launched".to_owned(),
            time_ms: OPENS_MS,
            parameters: Parameters::default(),
            validators: (0..validators).map(validator).collect(),
            accounts: Vec::new(),
            peers: Vec::new(),
        },
        round: Design {
            players: Belief::Listed(players),
            malicious: Belief::Listed(vec![0.9, 0.1]),
            payoff: Payoff::Linear { alone: 1.0, step: 1.0 },
            null_payoff: 5.0,
            puzzle: Puzzle::Sha256,
            difficulty: 200,
            tries_per_second: 20.0,
            solutions: 4,
            deadline_ms: None,
        },
        tolerance_ms: 1_000,
        boards: Vec::new(),
    }
}

fn plan(validators: u16) -> Arc<Plan> {
    Arc::new(Plan::new(&specification(validators)).expect("a round"))
}

fn opening(plan: &Plan, index: u16) -> Vec<u8> {
    Board::write(&Message::Opening(plan.open(index, &key(index))))
}

fn in_time(plan: &Plan, index: u16) -> Vec<u8> {
    Board::write(&Message::InTime(plan.say_in_time(index, &key(index))))
}

fn openings(plan: &Plan) -> Vec<Statement> {
    (0..plan.openings() as u16).map(|index| plan.open(index, &key(index))).collect()
}

/// A solution by one solver, from a number on.
fn solved(plan: &Plan, openings: &[Statement], solver: u8) -> Solved {
    let solver = Hash([solver; 32]);
    let work = plan.work(openings, &solver).expect("a difficulty");
    let trial = Searcher::new(work.puzzle()).search(&work, 0..u64::MAX, &|| false);
    let solution = trial.solution.expect("there is one");
    Solved { openings: openings.to_vec(), solver, solution }
}

fn found(plan: &Plan, solver: u8) -> Vec<u8> {
    Board::write(&Message::Solved(solved(plan, &openings(plan), solver)))
}

/// A board on which a round was opened and, if there are so many, solved at a time.
fn board(plan: &Arc<Plan>, solutions: u8, now_ms: u64) -> Board {
    let mut board = Board::new(plan.clone());
    for index in 0..plan.openings() as u16 {
        assert_eq!(board.offer(&opening(plan, index), OPENS_MS), Ok(Offer::New));
    }
    for solver in 0..solutions {
        assert_eq!(board.offer(&found(plan, solver), now_ms), Ok(Offer::New));
    }
    board
}

#[test]
fn thirds_are_counted_so_that_an_honest_one_is_among_them() {
    for (validators, openings, quorum) in
        [(1, 1, 1), (2, 1, 2), (3, 2, 3), (4, 2, 3), (7, 3, 5), (10, 4, 7), (64, 22, 43)]
    {
        let plan = plan(validators);
        assert_eq!((plan.openings(), plan.quorum()), (openings, quorum), "of {validators}");
        let liars = (usize::from(validators) - 1) / 3;
        assert!(openings > liars && quorum > 2 * usize::from(validators) / 3);
        assert!(quorum <= usize::from(validators) - liars, "the honest ones are enough");
    }
}

#[test]
fn all_that_hear_of_a_launch_agree_on_it_whatever_their_clocks_say() {
    let plan = plan(4);
    let (deadline, s) = (plan.deadline_ms(), plan.solutions() as u8);
    // Three see the last solution just before the deadline, one after it.
    let mut boards: Vec<Board> =
        [0, 1, 500, 0].iter().map(|early| board(&plan, s - 1, deadline - early)).collect();
    let last = found(&plan, s - 1);
    for (index, board) in boards.iter_mut().enumerate() {
        assert!(!board.solved_in_time());
        let now_ms = if index == 3 { deadline + 1 } else { deadline };
        assert_eq!(board.offer(&last, now_ms), Ok(Offer::New));
        assert_eq!(board.solved_ms(), Some(now_ms));
        assert_eq!(board.solved_in_time(), index != 3);
    }
    let words: Vec<Vec<u8>> = (0..3).map(|index| in_time(&plan, index)).collect();
    for board in &mut boards {
        for (said, word) in words.iter().enumerate() {
            assert!(!board.launched(), "with {said} of three");
            assert_eq!(board.offer(word, deadline + 900), Ok(Offer::New));
        }
        assert!(board.launched());
    }
    // Whoever comes a day later finds the same on anybody's board.
    let mut late = Board::new(plan.clone());
    for message in boards[1].messages() {
        assert_eq!(late.offer(message, deadline + 86_400_000), Ok(Offer::New));
    }
    assert!(late.launched() && late.solved_ms().is_some() && !late.solved_in_time());
}

#[test]
fn what_a_board_shows_is_checked_by_whoever_has_the_specification() {
    let plan = plan(4);
    let mut board = board(&plan, plan.solutions() as u8, OPENS_MS + 5);
    for index in 0..3 {
        board.offer(&in_time(&plan, index), OPENS_MS + 9).expect("a validator's");
    }
    let shown = Evidence::new(&plan, board.messages());
    let document = serde_json::to_string(&shown).expect("JSON");
    let read = Evidence::parse(&document).expect("what was written");
    let again = read.check(&plan).expect("it was launched");
    assert!(again.launched() && again.messages() == board.messages());

    let refused = |change: &dyn Fn(&mut Evidence), words: &str| {
        let mut changed = read.clone();
        change(&mut changed);
        let error = changed.check(&plan).err().expect("it shows nothing").to_string();
        assert!(error.contains(words), "{error}");
    };
    let last = read.messages.len() - 1;
    refused(&|it| drop(it.messages.pop()), "2 validators say that the round was solved in time, 3");
    refused(&|it| drop(it.messages.remove(2)), "3 of 4 solutions");
    refused(&|it| it.messages[last].0[9] ^= 1, "message 8 is refused: the signature is not");
    refused(&|it| it.messages.insert(0, HexBytes(vec![7; 40])), "message 0 is refused: it is no");
    refused(&|it| it.chain = Hash([1; 32]).into(), "it names the chain 0101");
    refused(&|it| it.specification = Hash([1; 32]).into(), "it is of the specification 0101");
    let mut other = specification(4);
    other.round.difficulty += 1;
    let other = Arc::new(Plan::new(&other).expect("a round"));
    assert!(matches!(read.check(&other), Err(EvidenceError::Specification { .. })));
    let unknown = document.replacen("\"chain\"", "\"chains\"", 1);
    assert!(matches!(Evidence::parse(&unknown), Err(EvidenceError::Form(_))));
    assert!(matches!(Evidence::parse(&" ".repeat(5 << 20)), Err(EvidenceError::Length(_))));
}

#[test]
fn nothing_is_taken_before_the_opening_but_for_the_tolerance() {
    let plan = plan(4);
    let mut board = Board::new(plan.clone());
    let message = opening(&plan, 0);
    let early = board.offer(&message, OPENS_MS - 1_001).expect_err("too early");
    assert_eq!(early, Refusal::Early { in_ms: 1_001, tolerance_ms: 1_000 });
    assert!(board.messages().is_empty());
    assert_eq!(board.offer(&message, OPENS_MS - 1_000), Ok(Offer::New));
}

#[test]
fn work_cannot_begin_without_more_than_a_third_of_the_validators() {
    let plan = plan(4);
    let mut board = Board::new(plan.clone());
    let mut refused = |solved: &Solved| {
        board.offer(&Board::write(&Message::Solved(solved.clone())), OPENS_MS).expect_err("junk")
    };
    let wanted = Refusal::Openings { wanted: 2 };
    let all = openings(&plan);
    for too_few in [&all[..0], &all[..1]] {
        assert_eq!(refused(&solved(&plan, too_few, 1)), wanted);
    }
    assert_eq!(refused(&solved(&plan, &[all[0], all[0]], 1)), wanted, "one twice");
    assert_eq!(refused(&solved(&plan, &[all[1], all[0]], 1)), wanted, "out of order");
    // One liar and a signature that she made up: the work is done in vain.
    let invented = Statement { validator: 1, ..plan.open(0, &key(0)) };
    assert_eq!(refused(&solved(&plan, &[all[0], invented], 1)), Refusal::Signature(1));
    let nobody = Statement { validator: 9, ..all[1] };
    assert_eq!(refused(&solved(&plan, &[all[0], nobody], 1)), Refusal::Validator(9));
    // Somebody else's work, another network's, and a number that solves nothing.
    let good = solved(&plan, &all, 1);
    let stolen = Solved { solver: Hash([2; 32]), ..good.clone() };
    assert!(matches!(refused(&stolen), Refusal::Work(_)));
    let mut other = specification(4);
    other.genesis.name.push('2');
    let other = Plan::new(&other).expect("a round");
    let elsewhere = solved(&other, &openings(&other), 1);
    assert!(matches!(refused(&elsewhere), Refusal::Work(_)));
    let mut wrong = good.clone();
    while plan.work_of(&wrong).expect("work").check(&wrong.solution).is_ok() {
        wrong.solution.nonce += 1;
    }
    assert!(matches!(refused(&wrong), Refusal::Work(_)));
    assert!(board.messages().is_empty(), "junk is kept");
}

#[test]
fn statements_of_others_are_refused() {
    let plan = plan(4);
    let mut board = Board::new(plan.clone());
    let mut offer = |message: &Message| board.offer(&Board::write(message), OPENS_MS);
    let forged = Statement { validator: 2, ..plan.open(1, &key(1)) };
    assert_eq!(offer(&Message::Opening(forged)), Err(Refusal::Signature(2)));
    // What was said of one thing says nothing of another.
    let exchanged = plan.open(1, &key(1));
    assert_eq!(offer(&Message::InTime(exchanged)), Err(Refusal::Signature(1)));
    let exchanged = plan.say_in_time(1, &key(1));
    assert_eq!(offer(&Message::Opening(exchanged)), Err(Refusal::Signature(1)));
    let none = Statement { validator: 4, ..exchanged };
    assert_eq!(offer(&Message::InTime(none)), Err(Refusal::Validator(4)));
    assert_eq!(offer(&Message::InTime(exchanged)), Ok(Offer::New));
    assert_eq!(offer(&Message::InTime(exchanged)), Ok(Offer::Known));
}

#[test]
fn a_board_is_bounded_and_takes_each_message_once() {
    let plan = plan(4);
    let s = plan.solutions();
    let mut board = board(&plan, s as u8 - 1, OPENS_MS + 5);
    assert_eq!(board.offer(&found(&plan, 0), OPENS_MS + 5), Ok(Offer::Known));
    assert_eq!(board.offer(&opening(&plan, 0), OPENS_MS + 5), Ok(Offer::Known));
    assert_eq!((board.solutions(), board.solved_ms()), (s - 1, None));
    for solver in s as u8..60 {
        let offer = board.offer(&found(&plan, solver), OPENS_MS + u64::from(solver));
        assert_eq!(offer == Ok(Offer::New), solver == s as u8);
    }
    assert_eq!((board.solutions(), board.solved_ms()), (s, Some(OPENS_MS + s as u64)));
    for index in 0..4 {
        board.offer(&opening(&plan, index), OPENS_MS + 70).expect("a validator's");
        board.offer(&in_time(&plan, index), OPENS_MS + 70).expect("a validator's");
    }
    assert_eq!(board.messages().len(), s + 4 + 4);
}

#[test]
fn specifications_that_cannot_be_are_refused_in_words() {
    let refused = |change: &dyn Fn(&mut Specification)| {
        let mut specification = specification(4);
        change(&mut specification);
        Plan::new(&specification).expect_err("impossible").to_string()
    };
    for (change, words) in [
        (
            &(|it: &mut Specification| it.genesis.validators.clear()) as &dyn Fn(&mut _),
            "0 validators",
        ),
        (&|it: &mut Specification| it.round.difficulty = 0, "at least one try"),
        (&|it: &mut Specification| it.round.solutions = 33, "from 1 to 32"),
        (&|it: &mut Specification| it.round.null_payoff = 100.0, "no deadline makes anybody act"),
        (&|it: &mut Specification| it.round.null_payoff = f64::NAN, "finite"),
        (&|it: &mut Specification| it.round.deadline_ms = Some(u64::MAX), "beyond T*"),
        (&|it: &mut Specification| it.tolerance_ms = u64::MAX, "clocks"),
        (&|it: &mut Specification| it.genesis.time_ms = u64::MAX, "cannot be written"),
    ] {
        let found = refused(change);
        assert!(found.contains(words), "{found}");
    }
    let document = serde_json::to_string(&specification(4)).expect("JSON");
    assert_eq!(Specification::parse(&document).expect("what was written"), specification(4));
    let unknown = document.replacen("\"round\"", "\"rounds\"", 1);
    assert!(Specification::parse(&unknown).expect_err("unknown").to_string().contains("rounds"));
}

#[test]
fn everything_that_is_agreed_on_makes_another_launch() {
    let id = |change: &dyn Fn(&mut Specification)| {
        let mut specification = specification(4);
        change(&mut specification);
        Plan::new(&specification).expect("a round").id
    };
    let same = id(&|_| {});
    assert_eq!(id(&|it| it.boards.push("http://127.0.0.1:1".to_owned())), same);
    assert_ne!(id(&|it| it.genesis.time_ms += 1), same);
    assert_ne!(id(&|it| it.round.difficulty += 1), same);
    assert_ne!(id(&|it| it.tolerance_ms += 1), same);
}

proptest! {
    #[test]
    fn no_bytes_make_a_board_panic_or_keep_anything(
        bytes in proptest::collection::vec(any::<u8>(), 0..9_000),
    ) {
        let plan = plan(4);
        let mut board = Board::new(plan);
        prop_assert!(board.offer(&bytes, OPENS_MS).is_err());
        prop_assert!(board.messages().is_empty());
    }

    #[test]
    fn a_changed_message_is_known_or_refused(kind in 0..3u8, at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let plan = plan(4);
        let mut board = Board::new(plan.clone());
        let mut message = match kind {
            0 => opening(&plan, 1),
            1 => in_time(&plan, 1),
            _ => found(&plan, 3),
        };
        prop_assert_eq!(board.offer(&message, OPENS_MS), Ok(Offer::New));
        let at = at.index(message.len());
        message[at] ^= 1 << bit;
        // A changed number of a search may solve it by chance, one in 200.
        let offer = board.offer(&message, OPENS_MS);
        prop_assert!(offer != Ok(Offer::New) || kind == 2);
    }
}
