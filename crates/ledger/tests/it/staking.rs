use muster_ledger::money::Grains;
use muster_ledger::outcome;
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::Parameters;
use muster_ledger::state::stake::Pool;
use muster_ledger::transaction::{Action, market, stake};
use muster_ledger::types::{Height, PeerId};
use proptest::prelude::*;

use crate::support::{Chain, address, mst, row};

fn stake(peer: u32, amount: Grains) -> Action {
    Action::Stake(stake::Action::Stake { peer: PeerId(peer), amount })
}

fn unstake(peer: u32, amount: Grains) -> Action {
    Action::Stake(stake::Action::Unstake { peer: PeerId(peer), amount })
}

#[test]
fn stake_comes_back_after_the_unbonding_delay() {
    let parameters = Parameters { unbonding_blocks: 5, ..Parameters::default() };
    let mut chain = Chain::with(2, parameters);
    chain.act("alice", stake(1, mst(50))).unwrap();
    assert_eq!(chain.state.peer(PeerId(1)).unwrap().pool.grains, mst(150));
    assert_eq!(chain.state.stake(PeerId(1), &address("alice")), mst(50));
    let of: Vec<_> = chain.state.delegations_of(&address("alice")).collect();
    assert_eq!(of, [(PeerId(1), mst(50))]);
    assert_eq!(chain.state.delegations(PeerId(1)).count(), 2);

    chain.act("alice", unstake(1, mst(20))).unwrap();
    let due: Vec<_> =
        chain.state.unbondings_of(&address("alice")).map(|one| (one.due, one.amount)).collect();
    assert_eq!(due, [(Height(7), mst(20))]);
    assert_eq!(chain.state.unbondings().count(), 1);
    let before = chain.balance("alice");
    chain.run_to(6);
    assert_eq!(chain.balance("alice"), before);
    let execution = chain.block(vec![]);
    let (owner, peer, amount) = (address("alice"), PeerId(1), mst(20));
    assert_eq!(
        execution.events,
        [Event::Stake(outcome::stake::Event::Unbonded { owner, peer, amount })]
    );
    assert_eq!(chain.balance("alice"), before.checked_add(mst(20)).unwrap());
    assert_eq!(chain.state.unbondings().count(), 0);
    assert_eq!(chain.state.unbondings_of(&owner).count(), 0);
}

#[test]
fn nobody_unstakes_what_is_not_theirs() {
    let mut chain = Chain::with(2, Parameters::default());
    let result = chain.act("alice", unstake(0, mst(1)));
    let nothing = Rejection::Stake(outcome::stake::Rejection::NotEnough {
        peer: PeerId(0),
        needed: mst(1),
        available: Grains(0),
    });
    assert_eq!(result, Err(nothing));
    chain.act("alice", stake(0, mst(5))).unwrap();
    let result = chain.act("alice", unstake(0, mst(6)));
    assert!(matches!(result, Err(Rejection::Stake(outcome::stake::Rejection::NotEnough { .. }))));
    assert_eq!(chain.act("alice", stake(9, mst(1))), Err(Rejection::NoPeer { peer: PeerId(9) }));
    assert_eq!(chain.act("alice", unstake(9, mst(1))), Err(Rejection::NoPeer { peer: PeerId(9) }));
    assert!(matches!(
        chain.act("alice", stake(0, Grains(10))),
        Err(Rejection::Stake(outcome::stake::Rejection::TooSmall { .. }))
    ));
    assert!(matches!(chain.act("alice", stake(0, mst(5_000))), Err(Rejection::Balance { .. })));
}

#[test]
fn dust_goes_along_with_what_is_unstaked() {
    let mut chain = Chain::with(1, Parameters::default());
    chain.act("alice", stake(0, mst(5))).unwrap();
    chain.act("alice", unstake(0, Grains(mst(5).0 - 10))).unwrap();
    assert_eq!(chain.state.stake(PeerId(0), &address("alice")), Grains(0));
    let unbonding = chain.state.unbondings().next().unwrap();
    assert_eq!(unbonding.amount, mst(5));
    assert_eq!(chain.state.delegations_of(&address("alice")).count(), 0);
}

/// Somebody's thousand returns, due in the same block, do not hold up anybody else's.
#[test]
fn money_comes_back_when_it_is_due_whatever_others_take_back() {
    let parameters = Parameters { unbonding_blocks: 4, ..Parameters::default() };
    let mut chain = Chain::with(2, parameters);
    let dust = chain.state.parameters().stake_min;
    let small =
        chain.act("bob", stake(1, mst(1))).and_then(|()| chain.act("bob", unstake(1, Grains(1))));
    assert!(matches!(small, Err(Rejection::Stake(outcome::stake::Rejection::TooSmall { .. }))));
    chain.act("alice", stake(0, mst(100))).unwrap();
    let mut block: Vec<_> =
        (0..2_000).map(|index| chain.sign("alice", index, unstake(0, dust))).collect();
    block.push(chain.sign("bob", 0, unstake(1, mst(1))));
    assert!(chain.all(block).iter().all(|receipt| receipt.result.is_ok()));
    assert_eq!(chain.state.unbondings().count(), 2_001);
    let (alice, bob) = (chain.balance("alice"), chain.balance("bob"));
    let due = chain.state.unbondings().next().unwrap().due;
    chain.run_to(due.0);
    assert_eq!(chain.balance("bob"), bob.checked_add(mst(1)).unwrap());
    assert_eq!(chain.balance("alice").0, alice.0 + 2_000 * dust.0);
    assert_eq!(chain.state.unbondings().count(), 0);
}

#[test]
fn delegators_share_what_the_peer_earns_by_share_price() {
    let mut chain = Chain::with(2, Parameters::default());
    chain.act("alice", stake(1, mst(100))).unwrap();
    let weigh = |peers: &[u32]| Action::Market(market::Action::SetWeights { weights: row(peers) });
    let both = vec![chain.sign("hot-0", 0, weigh(&[1])), chain.sign("hot-1", 0, weigh(&[0]))];
    chain.all(both);
    chain.end_epoch();
    chain.act("hot-0", Action::Market(market::Action::Emit)).unwrap();
    let earned = chain.state.peer(PeerId(1)).unwrap().earned;
    assert!(earned > Grains(0));
    // A tenth is the owner's commission, the rest is shared half and half, up to rounding.
    let alice = chain.state.stake(PeerId(1), &address("alice")).0 - mst(100).0;
    let owner = chain.state.stake(PeerId(1), &address("cold-1")).0 - mst(100).0;
    let expected = earned.0 * 9 / 20;
    assert!(alice.abs_diff(expected) <= 2, "{alice} {expected}");
    assert!(owner.abs_diff(earned.0 - expected) <= 2, "{owner}");
}

proptest! {
    /// Whatever is bought and sold, a pool never pays more than it has and nobody gains by
    /// buying and selling at once.
    #[test]
    fn pools_round_in_their_own_favour(
        grains in 1_u64..1_000_000_000_000_000_000,
        shares in 1_000_000_u128..1_000_000_000_000_000_000_000_000,
        amount in 1_u64..1_000_000_000_000_000_000,
    ) {
        let pool = Pool { grains: Grains(grains), shares };
        if let Some(bought) = pool.shares_for(Grains(amount)).filter(|bought| *bought > 0) {
            let after = Pool { grains: Grains(grains + amount), shares: shares + bought };
            prop_assert!(after.worth(bought) <= Grains(amount));
            // The others lose nothing.
            prop_assert!(after.worth(shares) >= Grains(grains));
        }
        let part = Grains(amount.min(grains));
        let spent = pool.shares_worth(part).unwrap();
        prop_assert!(pool.worth(spent) >= part);
        prop_assert!(spent <= shares);
    }
}
