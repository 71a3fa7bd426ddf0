use muster_ledger::change::Change;
use muster_ledger::money::Grains;
use muster_ledger::outcome;
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::{ParameterChange, Parameters};
use muster_ledger::transaction::{Action, account, governance, stake};
use muster_ledger::types::{Epoch, PeerId};

use crate::support::{Chain, mst};

fn propose(name: &str, value: u64) -> Action {
    Action::Governance(governance::Action::Propose {
        change: Change::Parameter(ParameterChange { name: name.into(), value }),
    })
}

fn vote(proposal: u64, approve: bool) -> Action {
    Action::Governance(governance::Action::Vote { proposal, approve })
}

/// Four peers with 100 MST of stake each, whose owners can pay fees.
fn chain(parameters: Parameters) -> Chain {
    let mut chain = Chain::with(4, parameters);
    let pay = |chain: &Chain, index: u64| {
        let to = crate::support::address(&format!("cold-{index}"));
        chain.sign(
            "alice",
            index,
            Action::Account(account::Action::Transfer { to, amount: mst(1) }),
        )
    };
    let payments = (0..4).map(|index| pay(&chain, index)).collect();
    chain.all(payments);
    chain
}

#[test]
fn a_majority_of_all_stake_changes_a_parameter() {
    let mut chain = chain(Parameters::default());
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    chain.act("cold-1", vote(0, true)).unwrap();
    chain.end_epoch();
    // Half is not more than half.
    assert_eq!(chain.state.parameters().unbonding_blocks, 50);
    assert_eq!(chain.state.proposals().count(), 1);
    chain.act("cold-2", vote(0, true)).unwrap();
    let last = chain.state.clock().epoch_end.0 - 1;
    chain.run_to(last);
    let execution = chain.block(vec![]);
    assert!(execution.events.iter().any(|event| matches!(
        event,
        Event::Governance(outcome::governance::Event::Accepted { proposal: 0, .. })
    )));
    assert_eq!(chain.state.parameters().unbonding_blocks, 9);
    assert_eq!((chain.state.proposals().count(), chain.state.votes(0).count()), (0, 0));
    assert_eq!(
        chain.act("cold-3", vote(0, true)),
        Err(Rejection::Governance(outcome::governance::Rejection::NoProposal { proposal: 0 }))
    );
}

#[test]
fn votes_weigh_what_is_staked_at_the_end_of_the_epoch() {
    let mut chain = chain(Parameters::default());
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    chain.act("cold-1", vote(0, true)).unwrap();
    chain.act("cold-2", vote(0, true)).unwrap();
    // The third takes stake back before the count: 200 of 300 still approve.
    let all = Action::Stake(stake::Action::Unstake { peer: PeerId(2), amount: mst(100) });
    chain.act("cold-2", all).unwrap();
    chain.act("cold-1", vote(0, false)).unwrap();
    chain.end_epoch();
    // Now 100 of 300 approve and 100 reject: open.
    assert_eq!(chain.state.proposals().count(), 1);
    chain.act("cold-3", vote(0, false)).unwrap();
    chain.end_epoch();
    assert_eq!(chain.state.proposals().count(), 0);
    assert_eq!(chain.state.parameters().unbonding_blocks, 50);
}

#[test]
fn proposals_expire() {
    let mut chain =
        chain(Parameters { proposal_epochs: 2, proposals_max: 1, ..Parameters::default() });
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    let full =
        Err(Rejection::Governance(outcome::governance::Rejection::ProposalsFull { count: 1 }));
    assert_eq!(chain.act("cold-1", propose("unbonding_blocks", 8)), full);
    chain.end_epoch();
    assert_eq!(chain.state.proposals().count(), 1);
    chain.end_epoch();
    assert_eq!(chain.state.proposals().count(), 0);
    chain.act("cold-1", propose("unbonding_blocks", 8)).unwrap();
}

#[test]
fn only_stake_speaks_and_only_possible_changes_are_proposed() {
    let mut chain = chain(Parameters::default());
    let nobody = Err(Rejection::Governance(outcome::governance::Rejection::Influence {
        needed: mst(1),
        available: Grains(0),
    }));
    assert_eq!(chain.act("bob", propose("unbonding_blocks", 9)), nobody);
    chain.act("cold-0", propose("unbonding_blocks", 9)).unwrap();
    assert!(matches!(
        chain.act("bob", vote(0, true)),
        Err(Rejection::Governance(outcome::governance::Rejection::Influence { .. }))
    ));
    let contradiction = chain.act("cold-0", propose("block_bytes_max", 5_000));
    assert!(matches!(
        contradiction,
        Err(Rejection::Governance(outcome::governance::Rejection::Parameter { .. }))
    ));
    let limits = chain.state.limits();
    for action in [propose("colour", 1), propose("epoch_blocks", 0)] {
        let signed = chain.sign("cold-0", 0, action);
        assert!(matches!(
            signed.check_stateless(&limits),
            Err(Rejection::Governance(outcome::governance::Rejection::Parameter { .. }))
        ));
    }
}

#[test]
fn a_new_epoch_length_holds_from_the_next_epoch() {
    let mut chain = chain(Parameters::default());
    chain.act("cold-0", propose("epoch_blocks", 3)).unwrap();
    for voter in ["cold-1", "cold-2"] {
        chain.act(voter, vote(0, true)).unwrap();
    }
    chain.end_epoch();
    assert_eq!(chain.state.clock().epoch_end.0, 13);
    chain.run_to(13);
    assert_eq!(chain.state.clock().epoch, Epoch(2));
}
