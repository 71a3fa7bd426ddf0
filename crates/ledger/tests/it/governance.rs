//! Governance, and what was tried against it.

use muster_ledger::change::Change;
use muster_ledger::execute::Execution;
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::outcome::governance::{Event as Happened, Rejection as Refused};
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::{ParameterChange, Parameters};
use muster_ledger::state::governance::{Proposal, Vote, proposals, vote as vote_of};
use muster_ledger::state::{Key, chain::committee};
use muster_ledger::transaction::market::{Payment, Registration};
use muster_ledger::transaction::{Action, SignedTransaction, account, governance, market, stake};
use muster_ledger::types::{Epoch, Height, PeerId};

use crate::support::{Chain, address, endpoint, genesis, key, mst};

const DEPOSIT: u64 = 10;

fn propose(name: &str, value: u64) -> Action {
    Action::Governance(governance::Action::Propose {
        change: Change::Parameter(ParameterChange { name: name.into(), value }),
    })
}

fn vote(proposal: u64, approve: bool) -> Action {
    Action::Governance(governance::Action::Vote { proposal, approve })
}

fn stake(peer: u32, amount: Grains) -> Action {
    Action::Stake(stake::Action::Stake { peer: PeerId(peer), amount })
}

fn unstake(peer: u32, amount: Grains) -> Action {
    Action::Stake(stake::Action::Unstake { peer: PeerId(peer), amount })
}

fn transfer(to: &str, amount: Grains) -> Action {
    Action::Account(account::Action::Transfer { to: address(to), amount })
}

fn refusal(result: Result<(), Rejection>) -> Refused {
    match result {
        Err(Rejection::Governance(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

/// What happened to proposals in a block.
fn happened(execution: &Execution) -> Vec<Happened> {
    let of = |event: &Event| match event {
        Event::Governance(event) => Some(event.clone()),
        _ => None,
    };
    execution.events.iter().filter_map(of).collect()
}

/// Votes of 20 blocks, a delay of twice 5.
fn short() -> Parameters {
    Parameters { voting_blocks: 20, unbonding_blocks: 5, ..Parameters::default() }
}

/// Four peers with 100 MST of stake each, whose owners can pay fees and a deposit. There are 1,414
/// MST, so that 141.4 are the quorum.
fn chain(parameters: Parameters) -> Chain {
    let mut chain = Chain::with(4, parameters);
    fund(&mut chain, &["cold-0", "cold-1", "cold-2", "cold-3"], mst(12));
    chain
}

/// Has alice give each of them an amount.
fn fund(chain: &mut Chain, names: &[&str], amount: Grains) {
    let pay = |(ahead, name): (u64, &&str)| chain.sign("alice", ahead, transfer(name, amount));
    let payments: Vec<SignedTransaction> = (0..).zip(names).map(pay).collect();
    for receipt in chain.all(payments) {
        receipt.result.unwrap();
    }
}

fn proposal(chain: &Chain, number: u64) -> Proposal {
    chain.state.proposals().find(|(found, _)| *found == number).unwrap().1.clone()
}

fn sums(chain: &Chain, number: u64) -> (Grains, Grains) {
    let Proposal { approving, rejecting, .. } = proposal(chain, number);
    (approving, rejecting)
}

/// Runs to the block that decides on a proposal, and says what happened in it.
fn decide(chain: &mut Chain, number: u64) -> Vec<Happened> {
    let closes = proposal(chain, number).closes;
    chain.run_to(closes.0 - 1);
    happened(&chain.block(Vec::new()))
}

#[test]
fn more_stake_for_it_than_against_it_and_a_quorum_change_a_parameter_after_a_delay() {
    let mut chain = chain(short());
    let before = chain.balance("cold-0");
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    let made = chain.state.height();
    let Proposal { height, closes, deposit, .. } = proposal(&chain, 0);
    assert_eq!((height, closes, deposit), (made, made.after(20), mst(DEPOSIT)));
    assert!(before.0 - chain.balance("cold-0").0 > mst(DEPOSIT).0);
    for voter in ["cold-1", "cold-2", "cold-3"] {
        chain.act(voter, vote(0, true)).unwrap();
    }
    chain.act("cold-3", vote(0, false)).unwrap();
    assert_eq!(sums(&chain, 0), (mst(300), mst(100)));
    // However clear it is, it takes its time; nobody votes when that is over.
    chain.run_to(closes.0 - 1);
    assert_eq!(chain.state.parameters().unbonding_blocks, 5);
    let late = chain.sign("cold-3", 0, vote(0, true));
    let execution = chain.block(vec![late]);
    let refused = refusal(execution.receipts[0].result.clone());
    assert_eq!(refused, Refused::NoProposal { proposal: 0 });
    let effect = closes.after(10);
    let change = ParameterChange { name: "unbonding_blocks".into(), value: 9 };
    let accepted =
        Happened::Accepted { proposal: 0, change: Change::Parameter(change.clone()), effect };
    assert_eq!(happened(&execution), [accepted]);
    assert!(before.0 - chain.balance("cold-0").0 < mst(1).0, "the deposit came back");
    assert_eq!(chain.state.agreed().count(), 1);
    // Whoever wants to leave has left when it takes effect.
    chain.run_to(closes.0 + 4);
    chain.act("cold-3", unstake(3, mst(100))).unwrap();
    chain.run_to(effect.0 - 1);
    assert_eq!(chain.state.parameters().unbonding_blocks, 5);
    let execution = chain.block(Vec::new());
    assert_eq!(happened(&execution), [Happened::Changed { proposal: 0, change }]);
    assert_eq!(chain.state.parameters().unbonding_blocks, 9);
    assert!(chain.balance("cold-3") > mst(110));
    assert_eq!((chain.state.agreed().count(), chain.state.votes(0).count()), (0, 0));
}

#[test]
fn half_of_the_votes_or_less_than_the_quorum_change_nothing() {
    let mut chain = chain(short());
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    chain.act("cold-1", propose("unbonding_blocks", 8)).unwrap();
    chain.act("cold-2", vote(0, true)).unwrap();
    chain.act("cold-1", vote(0, false)).unwrap();
    chain.act("cold-3", vote(0, false)).unwrap();
    let closed = |proposal, approving, rejecting, burned| {
        let (approving, rejecting) = (mst(approving), mst(rejecting));
        [Happened::ProposalClosed { proposal, approving, rejecting, burned: mst(burned) }]
    };
    assert_eq!(decide(&mut chain, 0), closed(0, 200, 200, 0));
    assert_eq!(decide(&mut chain, 1), closed(1, 100, 0, 0));
    assert_eq!(chain.state.agreed().count(), 0);
}

#[test]
fn a_deposit_is_burned_where_few_approve() {
    let mut chain = chain(short());
    fund(&mut chain, &["bob"], mst(20));
    chain.act("bob", stake(0, mst(5))).unwrap();
    chain.end_epoch();
    chain.act("bob", propose("unbonding_blocks", 9)).unwrap();
    let before = chain.state.supply().burned;
    let happened = decide(&mut chain, 0);
    let (approving, rejecting, burned) = (mst(5), Grains(0), mst(DEPOSIT));
    let closed = Happened::ProposalClosed { proposal: 0, approving, rejecting, burned };
    assert_eq!(happened, [closed]);
    assert_eq!(chain.state.supply().burned.0 - before.0, burned.0);
}

/// What was done to a network: stake bought with money from an account, and a vote with it that
/// took over the committee, the money and everybody's way out within one epoch.
#[test]
fn stake_that_was_just_bought_takes_nothing_over() {
    let mut chain = chain(short());
    // In the block of the proposal it has no vote.
    let both = vec![
        chain.sign("alice", 0, stake(0, mst(500))),
        chain.sign("alice", 1, propose("inflation_ppb", 20_000_000)),
    ];
    let receipts = chain.all(both);
    let refused = refusal(receipts[1].result.clone());
    assert_eq!(refused, Refused::Influence { needed: mst(1), available: Grains(0) });
    // What was proposed then is out of the question, whoever votes for it.
    for (name, value) in
        [("committee_max", 1), ("inflation_ppb", 1_000_000_000), ("unbonding_blocks", 10_000_000)]
    {
        let signed = chain.sign("alice", 0, propose(name, value));
        let refused = signed.check_stateless(&chain.state.limits());
        assert!(matches!(refusal(refused), Refused::Parameter { .. }));
    }
    // More than everybody else's, and a change as far as one goes: it takes 20 blocks to be
    // decided, and no effect before everybody who wants to has left.
    chain.act("alice", propose("unbonding_blocks", 10)).unwrap();
    for voter in ["cold-0", "cold-1", "cold-2", "cold-3"] {
        chain.act(voter, vote(0, false)).unwrap();
    }
    let number = decide(&mut chain, 0);
    assert!(matches!(number[0], Happened::Accepted { .. }));
    let effect = chain.state.agreed().next().unwrap().1.effect;
    let leave = |(ahead, owner): (u64, &str)| chain.sign(owner, 0, unstake(ahead as u32, mst(100)));
    let owners = ["cold-0", "cold-1", "cold-2", "cold-3"];
    let leaving: Vec<SignedTransaction> = (0..).zip(owners).map(leave).collect();
    for receipt in chain.all(leaving) {
        receipt.result.unwrap();
    }
    chain.run_to(effect.0 - 1);
    assert_eq!(chain.state.parameters().unbonding_blocks, 5);
    assert_eq!(chain.state.unbondings().count(), 0);
    assert!(owners.iter().all(|owner| chain.balance(owner) > mst(110)));
}

#[test]
fn who_takes_stake_back_takes_the_vote_back() {
    let mut chain = chain(short());
    chain.act("alice", stake(0, mst(500))).unwrap();
    chain.act("alice", propose("inflation_ppb", 20_000_000)).unwrap();
    assert_eq!(sums(&chain, 0), (mst(500), Grains(0)));
    chain.act("alice", unstake(0, mst(200))).unwrap();
    assert_eq!(sums(&chain, 0), (mst(300), Grains(0)));
    chain.act("alice", unstake(0, mst(300))).unwrap();
    let (approving, rejecting, burned) = (Grains(0), Grains(0), mst(DEPOSIT));
    let closed = Happened::ProposalClosed { proposal: 0, approving, rejecting, burned };
    assert_eq!(decide(&mut chain, 0), [closed]);
}

#[test]
fn no_money_votes_twice_on_its_way_from_account_to_account() {
    let mut chain = chain(short());
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    chain.act("cold-1", vote(0, true)).unwrap();
    chain.act("cold-1", unstake(1, mst(100))).unwrap();
    let arrival = chain.state.unbondings().next().unwrap().due;
    chain.run_to(arrival.0);
    chain.act("cold-1", transfer("bob", mst(111))).unwrap();
    chain.act("bob", stake(0, mst(100))).unwrap();
    let young = Refused::Influence { needed: Grains(10_000_000), available: Grains(0) };
    assert_eq!(refusal(chain.act("bob", vote(0, true))), young);
    assert_eq!(sums(&chain, 0), (mst(100), Grains(0)));
    // Nor does what somebody adds who has voted; what is old keeps its vote when the young goes.
    chain.act("cold-0", stake(0, mst(1))).unwrap();
    chain.act("cold-0", stake(0, Grains(500_000_000))).unwrap();
    chain.act("cold-0", vote(0, true)).unwrap();
    assert_eq!(sums(&chain, 0), (mst(100), Grains(0)));
    chain.act("cold-0", unstake(0, Grains(1_200_000_000))).unwrap();
    assert_eq!(sums(&chain, 0), (mst(100), Grains(0)));
    chain.act("cold-0", unstake(0, mst(1))).unwrap();
    assert_eq!(sums(&chain, 0), (Grains(99_300_000_000), Grains(0)));
    // A later proposal finds all of it old.
    chain.act("bob", propose("unbonding_blocks", 8)).unwrap();
    assert_eq!(sums(&chain, 1), (mst(100), Grains(0)));
}

#[test]
fn stake_with_a_displaced_peer_loses_its_vote() {
    let places = Parameters { peers_max: 4, immunity_epochs: 0, ..short() };
    let mut chain = chain(places);
    chain.end_epoch();
    chain.act("cold-1", propose("unbonding_blocks", 9)).unwrap();
    chain.act("cold-0", vote(0, true)).unwrap();
    assert_eq!(sums(&chain, 0), (mst(200), Grains(0)));
    let burn = Payment::Burn { price_max: mst(2) };
    let (id, hot) = (chain.state.chain(), key("hot-n"));
    let registration = Registration::agree(&id, &hot, address("cold-n"), endpoint("n"), burn);
    let registration = Box::new(registration);
    chain.act("alice", market::Action::Register { registration }).unwrap();
    assert!(chain.state.peer(PeerId(0)).is_none(), "the oldest of four alike");
    chain.run_to(chain.state.height().0 + 2);
    let vote = chain.state.entry(vote_of(0, address("cold-0"))).copied();
    assert_eq!(vote, Some(Vote { approve: true, weight: Grains(0) }));
    assert_eq!(sums(&chain, 0), (mst(100), Grains(0)));
}

/// A number of people with some stake, and what a proposal takes.
fn crowd(chain: &mut Chain, count: u64, staked: Grains, balance: Grains) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|index| format!("crowd-{index}")).collect();
    let names_of: Vec<&str> = names.iter().map(String::as_str).collect();
    fund(chain, &names_of, balance);
    let actions = names.iter().map(|name| chain.sign(name, 0, stake(0, staked))).collect();
    for receipt in chain.all(actions) {
        receipt.result.unwrap();
    }
    names
}

#[test]
fn junk_keeps_nobody_from_proposing_and_costs() {
    let mut chain = chain(Parameters { voting_blocks: 40, ..short() });
    let junk = crowd(&mut chain, 16, mst(1), mst(12));
    for name in &junk {
        chain.act(name, propose("unbonding_blocks", 9)).unwrap();
    }
    let refused = refusal(chain.act(&junk[3], propose("unbonding_blocks", 8)));
    assert_eq!(refused, Refused::OwnProposal { proposal: 3 });
    assert_eq!(chain.state.proposals().count(), 16);
    // Another of as much stake finds no place, the owner of a peer does; whom that displaces loses
    // the deposit.
    fund(&mut chain, &["bob"], mst(11));
    chain.act("bob", stake(0, mst(1))).unwrap();
    let (needed, available) = (Some(mst(1)), mst(1));
    let refused = refusal(chain.act("bob", propose("unbonding_blocks", 8)));
    assert_eq!(refused, Refused::ProposalsFull { count: 16, needed, available });
    let honest = chain.sign("cold-0", 0, propose("unbonding_blocks", 7));
    let execution = chain.block(vec![honest]);
    let (approving, rejecting, burned) = (mst(1), Grains(0), mst(DEPOSIT));
    let closed = Happened::ProposalClosed { proposal: 0, approving, rejecting, burned };
    assert_eq!(happened(&execution)[0], closed);
    let open = &chain.state.the(proposals()).open;
    assert!(open.iter().any(|open| open.number == 16 && open.proposer == address("cold-0")));
    // The owners decide on theirs; the rest of the junk costs its deposits.
    let before = chain.state.supply().burned;
    chain.act("cold-1", vote(16, true)).unwrap();
    let happened = decide(&mut chain, 16);
    assert!(happened.iter().any(|event| matches!(event, Happened::Accepted { proposal: 16, .. })));
    assert_eq!(chain.state.proposals().count(), 0);
    assert!(chain.state.supply().burned.0 - before.0 >= mst(15 * DEPOSIT).0);
}

#[test]
fn who_has_the_quorum_keeps_the_place() {
    let mut chain = chain(Parameters { proposals_max: 1, ..short() });
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    chain.act("cold-1", vote(0, true)).unwrap();
    chain.act("alice", stake(0, mst(500))).unwrap();
    let (needed, available) = (None, mst(500));
    let refused = refusal(chain.act("alice", propose("unbonding_blocks", 8)));
    assert_eq!(refused, Refused::ProposalsFull { count: 1, needed, available });
}

/// Votes of dust closed a proposal to everybody else; now they weigh what they weigh, and are
/// cleared away a bounded number a block.
#[test]
fn dust_closes_no_vote_and_is_cleared_away_in_steps() {
    let mut chain = chain(short());
    let dust = crowd(&mut chain, 200, Grains(10_000_000), Grains(23_000_000));
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    let votes = dust.iter().map(|name| chain.sign(name, 0, vote(0, false))).collect();
    assert!(chain.all(votes).iter().all(|receipt| receipt.result.is_ok()));
    chain.act("cold-1", vote(0, true)).unwrap();
    assert_eq!(sums(&chain, 0), (mst(200), mst(2)));
    assert!(matches!(decide(&mut chain, 0)[..], [Happened::Accepted { .. }]));
    for left in [202, 138, 74, 10, 0] {
        assert_eq!(chain.state.votes(0).count(), left);
        chain.block(Vec::new());
    }
}

/// The work of votes is in what they are charged with, and in no epoch's end: many voters with many
/// delegations on all the proposals that there can be.
#[test]
fn the_work_of_votes_is_charged_when_they_are_cast() {
    let peers = 300;
    let base = genesis(peers, Parameters { voting_blocks: 40, ..short() });
    let mut chain = Chain::new(&Genesis {
        accounts: [base.accounts.clone(), vec![(address("rich"), mst(10_000))]].concat(),
        ..base
    });
    fund(&mut chain, &["voter-0", "voter-1", "voter-2"], mst(20));
    for voter in ["voter-0", "voter-1", "voter-2"] {
        let actions: Vec<SignedTransaction> = (0..peers as u64)
            .map(|peer| chain.sign(voter, peer, stake(peer as u32, Grains(10_000_000))))
            .collect();
        for part in actions.chunks(150) {
            chain.all(part.to_vec());
        }
    }
    let names: Vec<String> = (0..16).map(|index| format!("cold-{index}")).collect();
    let pay = |(ahead, name): (u64, &String)| chain.sign("rich", ahead, transfer(name, mst(12)));
    let payments = (0..).zip(&names).map(pay).collect();
    chain.all(payments);
    for name in &names {
        chain.act(name, propose("unbonding_blocks", 9)).unwrap();
    }
    let voters = ["voter-0", "voter-1", "voter-2"];
    let ballots: Vec<SignedTransaction> = voters
        .iter()
        .flat_map(|voter| (0..16).map(move |number| (voter, number)))
        .map(|(voter, number)| chain.sign(voter, number, vote(number, true)))
        .collect();
    let count = ballots.len() as u64;
    let execution = chain.block(ballots);
    assert!(execution.receipts.iter().all(|receipt| receipt.result.is_ok()));
    // 256 delegations are looked at and count, no more; each is charged for.
    let counted = Grains(256 * 10_000_000);
    let weight = |voter: &str| chain.state.entry(vote_of(7, address(voter))).unwrap().weight;
    assert!(voters.iter().all(|voter| weight(voter) == counted));
    assert!(execution.cost >= count * 256, "{}", execution.cost);
    // The end of an epoch touches nothing of it.
    let end = chain.state.clock().epoch_end.0;
    chain.run_to(end - 1);
    let execution = chain.block(Vec::new());
    assert_eq!(chain.state.clock().epoch_end.0, end + 10);
    let governs = |key: &&Key| matches!(key, Key::Governance(_));
    assert_eq!(execution.changes.keys().filter(governs).count(), 0);
}

#[test]
fn a_change_is_checked_again_when_it_takes_effect() {
    let mut chain = chain(short());
    chain.act("cold-0", propose("unbonding_blocks", 10)).unwrap();
    chain.act("cold-1", propose("unbonding_blocks", 3)).unwrap();
    for number in [0, 1] {
        for voter in ["cold-2", "cold-3"] {
            chain.act(voter, vote(number, true)).unwrap();
        }
    }
    decide(&mut chain, 0);
    decide(&mut chain, 1);
    let effect = chain.state.agreed().last().unwrap().1.effect;
    chain.run_to(effect.0 - 1);
    assert_eq!(chain.state.parameters().unbonding_blocks, 10);
    // From 10 no vote reaches 3.
    let change = ParameterChange { name: "unbonding_blocks".into(), value: 3 };
    let lapsed = Happened::Lapsed { proposal: 1, change };
    assert_eq!(happened(&chain.block(Vec::new())), [lapsed]);
    assert_eq!(chain.state.parameters().unbonding_blocks, 10);
}

#[test]
fn a_vote_takes_no_validators_seat() {
    let base = genesis(4, Parameters { committee_max: 7, ..short() });
    let mut validators = base.validators.clone();
    for index in 4..7 {
        let name = format!("validator-{index}");
        let key = address(&name);
        validators.push(muster_ledger::committee::Validator { key, name });
    }
    let mut chain = Chain::new(&Genesis { validators, ..base });
    fund(&mut chain, &["cold-0"], mst(12));
    assert_eq!(chain.state.the(committee()).len(), 7);
    let refused = refusal(chain.act("cold-0", propose("committee_max", 6)));
    assert_eq!(refused, Refused::Committee { value: 6, members: 7 });
    chain.act("cold-0", propose("committee_max", 8)).unwrap();
}

#[test]
fn only_stake_speaks_and_only_possible_changes_are_proposed() {
    let mut chain = chain(Parameters::default());
    let nobody = Refused::Influence { needed: mst(1), available: Grains(0) };
    assert_eq!(refusal(chain.act("bob", propose("unbonding_blocks", 40))), nobody);
    chain.act("cold-0", propose("unbonding_blocks", 40)).unwrap();
    assert!(matches!(refusal(chain.act("bob", vote(0, true))), Refused::Influence { .. }));
    // Two steps at once, and a parameter that contradicts another.
    for change in [propose("unbonding_blocks", 101), propose("peers_max", 2_048)] {
        let refused = refusal(chain.act("cold-1", change));
        assert!(matches!(refused, Refused::Parameter { .. }), "{refused}");
    }
    let poor = chain.act("cold-2", transfer("bob", mst(5)));
    poor.and_then(|()| chain.act("cold-2", propose("unbonding_blocks", 40))).unwrap_err();
    let limits = chain.state.limits();
    for action in [propose("colour", 1), propose("epoch_blocks", 0)] {
        let signed = chain.sign("cold-0", 0, action);
        let refused = refusal(signed.check_stateless(&limits));
        assert!(matches!(refused, Refused::Parameter { .. }));
    }
}

#[test]
fn a_new_epoch_length_holds_from_the_next_epoch() {
    let mut chain = chain(short());
    chain.act("cold-0", propose("epoch_blocks", 5)).unwrap();
    chain.act("cold-1", vote(0, true)).unwrap();
    decide(&mut chain, 0);
    let effect = chain.state.agreed().next().unwrap().1.effect;
    chain.run_to(effect.0);
    let (end, epoch) = (chain.state.clock().epoch_end, chain.state.clock().epoch);
    assert_eq!((end, chain.state.parameters().epoch_blocks), (Height(40), 5));
    chain.run_to(45);
    assert_eq!(chain.state.clock().epoch, Epoch(epoch.0 + 2));
}
