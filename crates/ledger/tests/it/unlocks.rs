//! What presence rounds unlock: carried out in the opener's name, or refused without a trace.

use muster_ledger::change::Change;
use muster_ledger::execute::Execution;
use muster_ledger::money::Grains;
use muster_ledger::outcome::presence::{Event as Happened, Rejection as Refused};
use muster_ledger::outcome::{Event, Rejection, account as of_account, market as of_market};
use muster_ledger::parameters::{ParameterChange, Parameters};
use muster_ledger::presence::Design;
use muster_ledger::protocol::Version;
use muster_ledger::state::presence::{Phase, Unlocked};
use muster_ledger::state::{Key, account as accounts, chain as entries};
use muster_ledger::transaction::market::{HotKeyReplacement, Payment, Registration};
use muster_ledger::transaction::presence::{Action, Unlocks};
use muster_ledger::transaction::{account, governance, market, stake};
use muster_ledger::types::{PeerId, RoundId, Row};
use proptest::prelude::*;

use crate::actions::{Numbers, unlocks};
use crate::properties::settled;
use crate::support::{Chain, address, design, endpoint, key, mst, real, solve};

const FIRST: RoundId = RoundId(0);

fn open(unlocks: Unlocks) -> Action {
    open_designed(design(), unlocks)
}

fn open_designed(design: Design, unlocks: Unlocks) -> Action {
    let (design, unlocks) = (Box::new(design), Some(unlocks));
    Action::Open { design, unlocks, prize: mst(0), deposit_max: mst(1) }
}

fn pay(to: &str, amount: Grains) -> Unlocks {
    Unlocks::Account(account::Action::Transfer { to: address(to), amount })
}

fn register(chain: &Chain, price_max: Grains) -> Unlocks {
    let (id, hot) = (chain.state.chain(), key("hot-new"));
    let burn = Payment::Burn { price_max };
    let registration = Registration::agree(&id, &hot, address("cold-new"), endpoint("new"), burn);
    Unlocks::Market(market::Action::Register { registration: Box::new(registration) })
}

fn propose(name: &str, value: u64) -> governance::Action {
    let change = Change::Parameter(ParameterChange { name: name.into(), value });
    governance::Action::Propose { change }
}

/// Opens a round, lets it begin, and solves it.
fn solved(chain: &mut Chain, opener: &str, unlocks: Unlocks) -> Execution {
    chain.act(opener, open(unlocks)).unwrap();
    chain.block(vec![]);
    let solution = chain.sign("worker", 0, solve(chain, FIRST, "worker"));
    chain.block(vec![solution])
}

fn unlocked(chain: &Chain) -> Unlocked {
    chain.state.round(FIRST).unwrap().0.unlocks.clone().unwrap()
}

/// Why nothing came of it, if nothing did.
fn refused(execution: &Execution) -> Option<String> {
    execution.events.iter().find_map(|event| match event {
        Event::Presence(Happened::NotUnlocked { reason, .. }) => Some(reason.clone()),
        _ => None,
    })
}

#[test]
fn a_payment_is_held_and_goes_where_it_was_to_go_or_back() {
    let mut chain = Chain::with(0, Parameters::default());
    let execution = solved(&mut chain, "alice", pay("carol", mst(3)));
    let (from, to, amount) = (address("alice"), address("carol"), mst(3));
    let paid = Event::Account(of_account::Event::Transferred { from, to, amount });
    let done = Event::Presence(Happened::Unlocked { round: FIRST });
    assert_eq!(execution.events[execution.events.len() - 2..], [paid, done]);
    assert_eq!(chain.state.account(&to).total(), mst(3));
    assert_eq!(unlocked(&chain).carried_out, Some(true));

    let mut lapsed = Chain::with(0, Parameters::default());
    let opened = lapsed.sign("alice", 0, open(pay("carol", mst(3))));
    let before = lapsed.balance("alice");
    let fee = lapsed.all(vec![opened])[0].fee;
    assert_eq!(before.0 - lapsed.balance("alice").0, mst(4).0 + fee.0, "held, with the deposit");
    while lapsed.state.round(FIRST).unwrap().0.phase == Phase::Open {
        lapsed.block(vec![]);
    }
    assert_eq!(before.0 - lapsed.balance("alice").0, fee.0, "all came back");
    assert_eq!(lapsed.state.account(&to).total(), mst(0));
    assert_eq!((unlocked(&lapsed).held, unlocked(&lapsed).carried_out), (mst(0), None));
}

#[test]
fn actions_of_every_mechanism_are_carried_out_in_the_openers_name() {
    let fresh = || Chain::with(2, Parameters::default());
    let mut chain = fresh();
    let put = stake::Action::Stake { peer: PeerId(1), amount: mst(5) };
    solved(&mut chain, "alice", Unlocks::Stake(put));
    assert!(chain.state.stake(PeerId(1), &address("alice")).0 > mst(4).0);

    let mut chain = fresh();
    let sponsored = register(&chain, mst(100));
    let before = chain.balance("alice");
    let execution = solved(&mut chain, "alice", sponsored);
    let (id, _) = chain.state.peer_by_hot(&address("hot-new")).expect("it is registered");
    let burned = execution.events.iter().find_map(|event| match event {
        Event::Market(of_market::Event::Registered { peer, burned, .. }) if *peer == id => {
            Some(burned.0)
        }
        _ => None,
    });
    let taken = before.0 - chain.balance("alice").0;
    assert!(burned.is_some_and(|burned| (burned..burned + 10_000_000).contains(&taken)));

    let mut chain = fresh();
    let to = address("cold-1");
    chain.act("alice", account::Action::Transfer { to, amount: mst(9) }).unwrap();
    let hot = key("hot-new");
    let replacement = HotKeyReplacement::agree(&chain.state.chain(), PeerId(1), &hot);
    let replace = market::Action::ReplaceHotKey { replacement: Box::new(replacement) };
    solved(&mut chain, "cold-1", Unlocks::Market(replace));
    assert_eq!(chain.state.peer_by_hot(&hot.public()).map(|(id, _)| id), Some(PeerId(1)));

    let mut chain = fresh();
    chain.act("alice", stake::Action::Stake { peer: PeerId(0), amount: mst(500) }).unwrap();
    let change = propose("fee_flat", 200_000);
    solved(&mut chain, "alice", Unlocks::Governance(change));
    let (_, proposal) = chain.state.proposals().next().expect("it is proposed");
    assert_eq!((proposal.proposer, proposal.votes), (address("alice"), 1));
}

#[test]
fn what_is_refused_when_it_is_solved_says_why_and_gives_the_money_back() {
    // Too little to open an account with.
    let mut chain = Chain::with(0, Parameters::default());
    let before = chain.balance("alice");
    let execution = solved(&mut chain, "alice", pay("carol", Grains(5)));
    assert!(refused(&execution).expect("it is refused").contains("has no account yet"));
    assert_eq!(chain.state.round(FIRST).unwrap().0.phase, Phase::Acted, "all the same");
    assert_eq!(unlocked(&chain).carried_out, Some(false));
    assert!(before.0 - chain.balance("alice").0 < 10_000_000, "the fee alone");

    // The price is burned before it turns out that no place is free.
    let mut chain = Chain::with(3, Parameters { peers_max: 3, ..Parameters::default() });
    let before = chain.balance("alice");
    let execution = {
        let sponsored = register(&chain, mst(100));
        solved(&mut chain, "alice", sponsored)
    };
    assert!(refused(&execution).expect("it is refused").contains("place"));
    assert!(before.0 - chain.balance("alice").0 < 10_000_000, "the fee alone");
    assert!(!execution.events.iter().any(|event| matches!(event, Event::Market(_))));
}

#[test]
fn no_more_is_taken_than_was_held_though_a_vote_made_it_dearer() {
    let parameters = Parameters {
        voting_blocks: 10,
        unbonding_blocks: 2,
        proposal_deposit: mst(1),
        ..Parameters::default()
    };
    let mut chain = Chain::with(2, parameters);
    chain.act("alice", stake::Action::Stake { peer: PeerId(0), amount: mst(900) }).unwrap();
    let rise = propose("proposal_deposit", mst(2).0);
    chain.act("alice", rise).unwrap();
    let slow = Design { tries_per_second: real(0.05), ..design() };
    let change = propose("fee_flat", 200_000);
    chain.act("bob", open_designed(slow, Unlocks::Governance(change))).unwrap();
    assert_eq!(unlocked(&chain).held, mst(1));
    chain.run_to(chain.state.height().0 + 20);
    assert_eq!(chain.state.parameters().proposal_deposit, mst(2));
    let before = chain.balance("bob");
    let solution = chain.sign("worker", 0, solve(&chain, FIRST, "worker"));
    let execution = chain.block(vec![solution]);
    let reason = Refused::Dearer { needed: mst(2), held: mst(1) }.to_string();
    assert_eq!(refused(&execution), Some(reason));
    assert_eq!(chain.balance("bob").0 - before.0, mst(2).0, "the deposit and what was held");
}

#[test]
fn an_opener_who_closed_the_account_pays_with_what_was_held() {
    let mut chain = settled(Chain::with(0, Parameters::default()));
    chain.act("bob", open(pay("carol", mst(3)))).unwrap();
    chain.act("bob", account::Action::Close { to: address("alice") }).unwrap();
    assert_eq!(chain.state.account(&address("bob")).total(), mst(0));
    let solution = chain.sign("worker", 0, solve(&chain, FIRST, "worker"));
    let execution = chain.block(vec![solution]);
    assert_eq!(refused(&execution), None);
    assert_eq!(chain.state.account(&address("carol")).total(), mst(3));
    assert_eq!(chain.state.account(&address("bob")).total(), mst(1), "the deposit came back");
}

#[test]
fn what_no_round_can_unlock_is_refused_before_it_is_opened() {
    let mut chain = Chain::with(2, Parameters::default());
    let limits = chain.state.limits();
    let form = |unlocks: Unlocks| chain.sign("hot-0", 0, open(unlocks)).check_stateless(&limits);
    let closes = Unlocks::Account(account::Action::Close { to: address("bob") });
    let weights = market::Action::SetWeights { weights: Row::default() };
    let id = chain.state.chain();
    let (hot, work) = (key("hot-0"), Payment::Work { nonce: 0 });
    let registration = Registration::agree(&id, &hot, address("cold-n"), endpoint("n"), work);
    let registers = market::Action::Register { registration: Box::new(registration) };
    for unlocks in [closes, Unlocks::Market(weights), Unlocks::Market(registers)] {
        assert_eq!(form(unlocks), Err(Rejection::Presence(Refused::Unlocks)));
    }
    // Its own form, its own signature.
    assert_eq!(form(pay("carol", mst(0))), Err(Rejection::Nothing));
    let Unlocks::Market(market::Action::Register { mut registration }) = register(&chain, mst(1))
    else {
        panic!("it registers")
    };
    registration.endpoint = endpoint("elsewhere");
    let forged = Unlocks::Market(market::Action::Register { registration });
    assert_eq!(form(forged), Err(Rejection::Signature));
    let unknown = propose("colour", 1);
    assert!(matches!(form(Unlocks::Governance(unknown)), Err(Rejection::Governance(_))));

    // Its work is paid for when the round is opened.
    let action = |unlocks| muster_ledger::transaction::Action::from(open(unlocks)).terms();
    let (cheap, dear) = (pay("carol", mst(1)), Unlocks::Governance(propose("fee_flat", 1)));
    let propose = muster_ledger::transaction::Action::from(propose("fee_flat", 1)).terms();
    assert_eq!(action(dear).units - action(cheap).units, propose.units - 40);
    assert_eq!(propose.since, Version::FIRST);

    // More than there is: nothing is opened.
    let much = chain.act("alice", open(pay("bob", Grains(u64::MAX))));
    assert_eq!(much, Err(Rejection::Overflow));
    let much = chain.act("bob", open(pay("carol", mst(10))));
    assert!(matches!(much, Err(Rejection::Balance { .. })), "{much:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_refused_leaves_nothing_and_what_is_not_takes_no_more_than_was_held(seed: u64) {
        let mut chain = Chain::with(4, Parameters::default());
        let mut numbers = Numbers::new(seed);
        let opener = if numbers.below(2) == 0 { "alice" } else { "bob" };
        let Some(unlocks) = unlocks(&chain, &mut numbers, opener) else { return Ok(()) };
        let opening = chain.sign(opener, 0, open(unlocks));
        prop_assume!(opening.check_stateless(&chain.state.limits()).is_ok());
        prop_assume!(chain.all(vec![opening])[0].result.is_ok());
        let held = unlocked(&chain).held;
        chain.block(vec![]);
        let before = chain.balance(opener);
        let solution = chain.sign("worker", 0, solve(&chain, FIRST, "worker"));
        let execution = chain.block(vec![solution]);
        let back = chain.balance(opener).0 - before.0;
        let carried_out = unlocked(&chain).carried_out.expect("it has acted");
        prop_assert_eq!(carried_out, refused(&execution).is_none());
        prop_assert!(back >= mst(1).0, "the deposit is the opener's whatever happens");
        if !carried_out {
            prop_assert_eq!(back, mst(1).0 + held.0);
            let account = Key::from(accounts::Key::Account(address(opener)));
            for key in execution.changes.keys() {
                let own = matches!(
                    key,
                    Key::Presence(_)
                        | Key::Chain(
                            entries::Key::Clock | entries::Key::Counters | entries::Key::Due(..)
                        )
                );
                prop_assert!(own || *key == account, "{:?}", key);
            }
        }
    }
}
