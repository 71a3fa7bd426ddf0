//! A network that is to begin: its specification, designs of rounds, what a board is handed and
//! what other boards give.

use std::sync::{Arc, OnceLock};

use muster_api::presence::{Belief, Design, Payoff, Puzzle};
use muster_launch::{
    Board, Evidence, Message, Offer, Page, Plan, Refusal, Solved, Specification, Statement,
};
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::encoding::{decode, encode};
use muster_ledger::genesis::Genesis;
use muster_ledger::parameters::Parameters;
use muster_ledger::presence as ledger;
use muster_puzzle::Solution;

use super::{choose, chosen};
use crate::{Target, support};

/// A network that is to begin.
pub const TARGET: Target = Target {
    name: "launch",
    about: "specifications of networks, designs of rounds, boards and their pages",
    bytes_max: 8 << 10,
    run,
    seeds,
};

/// Validators of the network, by the keys of the ledger's tests.
const VALIDATORS: u16 = 4;
const PAGE_BYTES_MAX: usize = 1 << 20;

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 6) else { return };
    match kind {
        0 => specification(bytes),
        1 => design(bytes),
        2 => {
            let mut board = Board::new(plan());
            offer(&mut board, bytes, plan().opens_ms());
        }
        3 => page(bytes),
        4 => evidence(bytes),
        _ => play(bytes),
    }
}

fn specification(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = Specification::parse(text) else { return };
    let written = serde_json::to_string(&read).expect("a specification is written");
    let again = Specification::parse(&written).expect("and read");
    let Ok(plan) = Plan::new(&read) else { return };
    assert_eq!(Plan::new(&again).expect("the same").id, plan.id, "another launch");
    assert!(plan.openings() <= plan.quorum() && plan.quorum() <= plan.validators());
    assert!(plan.opens_ms() <= plan.deadline_ms() && plan.late_ms() < plan.ends_ms());
    plan.outlook(None).expect("it was found possible");
}

/// What is found possible is told of, and the same however it is written.
fn design(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<Design>(bytes) else { return };
    let Ok(design) = ledger::Design::try_from(&read) else { return };
    let again = ledger::Design::try_from(&Design::from(&design)).expect("its own numbers");
    assert_eq!(again, design);
    if design.check_form().is_err() {
        return;
    }
    let Ok(deadlines) = design.deadlines(1_000) else { return };
    assert!(deadlines.best_ms <= deadlines.largest_ms);
    assert!(deadlines.chosen_ms <= deadlines.largest_ms);
    for solved in [None, Some(0), Some(deadlines.chosen_ms)] {
        let outlook = design.outlook(deadlines.chosen_ms, solved).expect("possible");
        assert!((0.0..=1.0).contains(&outlook.acting_probability));
        for belief in [Some(outlook.prior), outlook.posterior].into_iter().flatten() {
            let sum: f64 = belief.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "a belief that sums to {sum}");
        }
    }
}

/// Hands a message in; what is kept is a message, and is known from then on.
fn offer(board: &mut Board, message: &[u8], now_ms: u64) {
    let held = board.messages().len();
    let offer = board.offer(message, now_ms);
    let added = usize::from(offer == Ok(Offer::New));
    assert_eq!(board.messages().len(), held + added);
    assert!(held + added <= 2 * plan().validators() + plan().solutions(), "without bound");
    if added == 1 {
        let read: Message = decode("message", message, message.len()).expect("it was taken");
        assert_eq!(Board::write(&read), message, "not canonical");
        assert_eq!(board.offer(message, now_ms), Ok(Offer::Known));
    }
}

fn page(bytes: &[u8]) {
    let Ok(page) = decode::<Page>("page", bytes, PAGE_BYTES_MAX) else { return };
    assert_eq!(encode(&page), bytes, "not canonical");
    let mut board = Board::new(plan());
    for message in &page.messages {
        offer(&mut board, message, plan().opens_ms());
    }
}

/// Nobody in the seeds has signed enough to be believed.
fn evidence(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = Evidence::parse(text) else { return };
    let written = serde_json::to_string(&read).expect("evidence is written");
    assert_eq!(Evidence::parse(&written).expect("and read"), read);
    assert!(read.check(&plan()).is_err(), "a launch that was never signed");
}

/// Messages of validators and solvers, three bytes each, as time goes on: what is signed is signed
/// well, but for a few. Whoever reads the board afterwards knows the same.
fn play(bytes: &[u8]) {
    let plan = plan();
    let mut board = Board::new(plan.clone());
    let mut now_ms = plan.opens_ms();
    for step in bytes.chunks_exact(3).take(64) {
        let &[kind, who, how] = step else { return };
        let validator = u16::from(who) % (VALIDATORS + 1);
        let key = key(u16::from(how) % VALIDATORS);
        match kind % 4 {
            0 => {
                let own = if how < 128 { self::key(validator) } else { key };
                offer(
                    &mut board,
                    &Board::write(&Message::Opening(plan.open(validator, &own))),
                    now_ms,
                );
            }
            1 => {
                let own = if how < 128 { self::key(validator) } else { key };
                let word = Message::InTime(plan.say_in_time(validator, &own));
                offer(&mut board, &Board::write(&word), now_ms);
            }
            2 => {
                let openings = board.openings().unwrap_or_default();
                let solution = Solution { nonce: how.into(), proof: Vec::new() };
                let solved = Solved { openings, solver: Hash([who; 32]), solution };
                offer(&mut board, &Board::write(&Message::Solved(solved)), now_ms);
            }
            _ => now_ms = now_ms.saturating_add(u64::from(who) << (how % 32)),
        }
    }
    if let Some(solved) = board.solved_ms() {
        assert_eq!(board.solved_in_time(), solved <= plan.deadline_ms());
        assert!(board.opened() <= plan.validators());
    }
    let mut reader = Board::new(plan.clone());
    for message in board.messages() {
        assert_eq!(reader.offer(message, now_ms), Ok(Offer::New));
    }
    let known = |board: &Board| {
        (board.opened(), board.in_time(), board.solutions(), board.launched(), board.openings())
    };
    assert_eq!(known(&reader), known(&board));
    // A board that is asked too early says so and keeps nothing.
    let early = Board::new(plan.clone()).offer(bytes, plan.opens_ms() - plan.tolerance_ms - 1);
    assert!(matches!(early, Err(Refusal::Early { in_ms, .. }) if in_ms == plan.tolerance_ms + 1));
}

fn key(validator: u16) -> SecretKey {
    support::key(&format!("validator-{validator}"))
}

/// A network whose round every second number solves.
fn specified() -> Specification {
    Specification {
        genesis: Genesis {
            time_ms: 1_800_000_000_000,
            ..support::genesis(0, Parameters::default())
        },
        round: Design {
            players: Belief::Listed(vec![0.2, 0.3, 0.5]),
            malicious: Belief::Poisson { mean: 0.2, largest: 2 },
            payoff: Payoff::Linear { alone: 0.0, step: 1.5 },
            null_payoff: 2.0,
            puzzle: Puzzle::Sha256,
            difficulty: 2,
            tries_per_second: 0.01,
            solutions: 3,
            deadline_ms: None,
        },
        tolerance_ms: 1_000,
        boards: vec!["http://127.0.0.1:7701".to_owned()],
    }
}

fn plan() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| Arc::new(Plan::new(&specified()).expect("a round"))).clone()
}

fn seeds() -> Vec<Vec<u8>> {
    let (specified, plan) = (specified(), plan());
    let poisson = Design {
        players: Belief::Poisson { mean: 4.0, largest: 20 },
        payoff: Payoff::Listed((0..20).map(f64::from).collect()),
        null_payoff: 4.0,
        ..specified.round.clone()
    };
    let statements: Vec<Statement> =
        (0..VALIDATORS).map(|index| plan.open(index, &key(index))).collect();
    let opening = Board::write(&Message::Opening(statements[0]));
    let in_time = Board::write(&Message::InTime(plan.say_in_time(1, &key(1))));
    let openings = statements[..plan.openings()].to_vec();
    let solution = Solution { nonce: 1, proof: Vec::new() };
    let solved = Message::Solved(Solved { openings, solver: Hash([2; 32]), solution });
    let solved = Board::write(&solved);
    let page = Page { run: 7, from: 0, messages: vec![opening.clone(), solved.clone()] };
    let shown = Evidence::new(&plan, &[opening.clone().into(), in_time.clone().into()]);
    // Two open, three solve among six who try, three say that it was in time.
    let mut play = vec![[0, 0, 0], [0, 1, 0], [3, 200, 4]];
    play.extend((0..6).map(|who| [2, who, who]));
    play.extend([[1, 0, 0], [1, 1, 0], [1, 2, 0], [1, 3, 200]]);
    vec![
        choose(0, serde_json::to_vec(&specified).expect("written")),
        choose(1, serde_json::to_vec(&specified.round).expect("written")),
        choose(1, serde_json::to_vec(&poisson).expect("written")),
        choose(2, opening),
        choose(2, in_time),
        choose(2, solved),
        choose(3, encode(&page)),
        choose(4, serde_json::to_vec(&shown).expect("written")),
        choose(5, play.concat()),
    ]
}
