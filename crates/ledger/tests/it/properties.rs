//! Random markets: whatever people do, money is conserved, proposer and validator agree, and the
//! state's own rules hold. The harness checks the former in every block.

use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::state::{Key, State, Value, chain, governance, market, presence, stake};
use proptest::prelude::*;

use crate::actions::{Numbers, PEOPLE, any_action};
use crate::support::{Chain, address};

/// Small numbers, so that delays, epochs and displacement all come about within a few blocks.
pub fn lively() -> Parameters {
    Parameters {
        epoch_blocks: 4,
        unbonding_blocks: 3,
        immunity_epochs: 1,
        peers_max: 5,
        voting_blocks: 10,
        proposal_deposit: Grains(1_000_000),
        quorum_ppb: 1_000_000,
        weights_interval_blocks: 1,
        registration_difficulty: 8,
        registration_difficulty_min: 2,
        registration_price: Grains(1_000_000),
        registration_price_min: Grains(1_000),
        ..Parameters::default()
    }
}

/// A chain on which accounts are old enough to be closed.
pub fn settled(mut chain: Chain) -> Chain {
    chain.run_to(64);
    chain
}

/// A block of `count` random transactions, of which the proposer takes what it may.
pub fn lively_block(chain: &mut Chain, numbers: &mut Numbers, count: u64) {
    let mut candidates = Vec::new();
    for _ in 0..count {
        let signer = PEOPLE[numbers.below(PEOPLE.len() as u64) as usize];
        let ahead = numbers.below(2);
        let action = any_action(chain, numbers, signer);
        let signed = chain.sign(signer, ahead, action);
        if signed.check_stateless(&chain.state.limits()).is_ok() {
            candidates.push(signed);
        }
    }
    chain.block(candidates);
}

/// No account without its deposit but those of the genesis and those that money on its way back
/// opened; no stake below the least but an owner's share of what its peer earned.
fn check_deposits(state: &State) {
    let parameters = state.parameters();
    let named = |prefixes: &[&str]| -> Vec<_> {
        let newcomers = ["cold-n0", "cold-n1", "cold-n2", "cold-n3"];
        let fits = |name: &&str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        PEOPLE.into_iter().chain(newcomers).filter(fits).map(address).collect()
    };
    let (of_genesis, owners) = (named(&["alice", "bob", "hot-"]), named(&["cold-"]));
    for (key, account) in state.accounts() {
        let whole = account.deposit == parameters.account_deposit;
        assert!(account.deposit <= parameters.account_deposit);
        assert!(whole || of_genesis.contains(&key) || owners.contains(&key), "{key} {account:?}");
    }
    for (id, peer) in state.peers() {
        for (owner, worth) in state.delegations(id).filter(|(owner, _)| *owner != peer.cold) {
            // Shares are worth a grain less than was paid for them at first.
            assert!(worth.0 + 1 >= parameters.stake_min.0, "{owner} has {worth} behind {id}");
        }
    }
}

fn check_state(chain: &Chain) {
    let state = &chain.state;
    check_deposits(state);
    let entries = || state.entries().map(|(key, value)| (*key, value.clone()));
    assert_eq!(State::from_entries(entries()).unwrap(), *state);
    assert_eq!(state.peers().count(), state.places().taken as usize);
    check_votes(state);
    for (id, peer) in state.peers() {
        assert_eq!(state.peer_by_hot(&peer.hot).map(|(id, _)| id), Some(id));
        let shares: u128 = state
            .entries()
            .filter_map(|(key, value)| match (key, value) {
                (
                    Key::Stake(stake::Key::Delegation(peer, _)),
                    Value::Stake(stake::Value::Delegation(delegation)),
                ) if *peer == id => Some(delegation.shares),
                _ => None,
            })
            .sum();
        assert_eq!(shares, peer.pool.shares, "shares of peer {id}");
        let worth: u64 = state.delegations(id).map(|(_, worth)| worth.0).sum();
        assert!(worth <= peer.pool.grains.0);
    }
    for (key, _) in state.entries() {
        match *key {
            Key::Stake(stake::Key::Delegation(peer, owner)) => {
                assert!(state.entry(stake::delegation_of(owner, peer)).is_some());
            }
            Key::Stake(stake::Key::DelegationOf(owner, peer)) => {
                assert!(state.entry(stake::delegation(peer, owner)).is_some());
            }
            Key::Stake(stake::Key::Retired(peer)) => {
                let returned = chain::Due::Stake(stake::Due::Return(peer));
                assert!(is_due(state, returned), "nobody returns the stakes with peer {peer}");
            }
            Key::Chain(chain::Key::Escrow(id)) => {
                let owner = state.entry(chain::escrow(id)).unwrap().owner;
                assert!(state.entry(chain::escrow_for(owner, id)).is_some());
                assert!(is_due(state, chain::Due::Stake(stake::Due::Arrival(id))));
            }
            Key::Chain(chain::Key::EscrowFor(_, id)) => {
                assert!(state.entry(chain::escrow(id)).is_some());
            }
            Key::Market(
                market::Key::Peer(id)
                | market::Key::Weights(id)
                | market::Key::Payout(id)
                | market::Key::Commitment(id)
                | market::Key::HotKeySet(id),
            ) => assert!(state.peer(id).is_some(), "{key:?} outlived its peer"),
            Key::Market(market::Key::Worked(epoch, _)) => {
                assert!(epoch.next() >= state.clock().epoch, "{key:?} is remembered for too long");
            }
            Key::Market(market::Key::PeerByHot(hot)) => {
                let found = state.peer_by_hot(&hot);
                assert_eq!(found.map(|(_, peer)| peer.hot), Some(hot));
            }
            // Every state has these, or nothing is known of them beyond their own kind.
            Key::Market(
                market::Key::Report
                | market::Key::Registration
                | market::Key::Displaceable
                | market::Key::Places,
            )
            | Key::Chain(_)
            | Key::Account(_)
            | Key::Governance(governance::Key::Proposals) => {}
            Key::Governance(governance::Key::Proposal(number)) => {
                let decided = governance::Due::Decision(number);
                assert!(is_due(state, chain::Due::Governance(decided)));
            }
            Key::Governance(governance::Key::Agreed(number)) => {
                let effect = governance::Due::Effect(number);
                assert!(is_due(state, chain::Due::Governance(effect)));
            }
            Key::Governance(governance::Key::Vote(number, _)) => {
                let cleared = governance::Due::Clearing(number);
                let open = state.entry(governance::proposal(number)).is_some();
                assert!(open || is_due(state, chain::Due::Governance(cleared)), "{key:?}");
            }
            Key::Presence(presence::Key::Rounds(())) => {
                let rounds = state.rounds();
                let open = rounds.filter(|(_, round)| round.phase == presence::Phase::Open);
                let open: Vec<_> = open.map(|(id, _)| id).collect();
                assert_eq!(state.entry(presence::rounds(())).unwrap().open, open);
            }
            Key::Presence(presence::Key::Round(id)) => {
                let (round, _) = state.round(id).expect("a round has its design");
                let forgotten = chain::Due::Presence(presence::Due::Forgetting(id));
                let over = round.phase != presence::Phase::Open;
                assert_eq!(over, is_due(state, forgotten));
                assert!(!over || round.deposit.is_zero());
                assert!(over || round.solutions.len() < 32);
                if let Some(unlocked) = &round.unlocks {
                    assert!(!over || unlocked.held.is_zero());
                    let acted = round.phase == presence::Phase::Acted;
                    assert_eq!(unlocked.carried_out.is_some(), acted);
                }
            }
            Key::Presence(presence::Key::Design(id)) => assert!(state.round(id).is_some()),
        }
    }
}

/// The sums of proposals are those of their votes, and no vote weighs more than its owner has, of
/// what was there before.
fn check_votes(state: &State) {
    let open = &state.the(governance::proposals()).open;
    let listed: Vec<_> =
        open.iter().map(|open| (open.number, open.proposer, open.height)).collect();
    let there: Vec<_> = state
        .proposals()
        .map(|(number, proposal)| (number, proposal.proposer, proposal.height))
        .collect();
    assert_eq!(listed, there);
    for (number, proposal) in state.proposals() {
        let sum = |wanted: bool| -> u64 {
            let votes = state.votes(number).filter(|(_, vote)| vote.approve == wanted);
            votes.map(|(_, vote)| vote.weight.0).sum()
        };
        assert_eq!((sum(true), sum(false)), (proposal.approving.0, proposal.rejecting.0));
        assert_eq!(state.votes(number).count() as u64, proposal.votes);
        for (owner, vote) in state.votes(number) {
            let worth = |(peer, _)| {
                let held = state.entry(stake::delegation(peer, owner)).unwrap();
                let retired = || state.entry(stake::retired(peer)).copied();
                let pool = state.peer(peer).map(|peer| peer.pool).or_else(retired).unwrap();
                pool.worth(held.before(proposal.height)).0
            };
            let old: u64 = state.delegations_of(&owner).map(worth).sum();
            assert!(vote.weight.0 <= old, "{} of {old} on proposal {number}", vote.weight);
        }
    }
    for (_, value) in state.entries() {
        let Value::Stake(stake::Value::Delegation(held)) = value else { continue };
        let young: u128 = held.young.iter().map(|purchase| purchase.shares).sum();
        assert!(young <= held.shares && held.young.len() <= open.len() + 2, "{held:?}");
        assert!(held.young.windows(2).all(|pair| pair[0].height < pair[1].height));
    }
}

fn is_due(state: &State, wanted: chain::Due) -> bool {
    let wanted = Value::Chain(chain::Value::Due(wanted));
    state.entries().any(|(_, value)| *value == wanted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_people_do_the_rules_hold(seed: u64, blocks in 5_usize..40) {
        let mut chain = settled(Chain::with(4, lively()));
        let mut numbers = Numbers::new(seed);
        for _ in 0..blocks {
            lively_block(&mut chain, &mut numbers, 12);
            check_state(&chain);
        }
    }
}
