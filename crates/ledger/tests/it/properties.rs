//! Random markets: whatever people do, money is conserved, proposer and validator agree, and the
//! state's own rules hold. The harness checks the former in every block.

use muster_ledger::crypto::{Hash, hash};
use muster_ledger::money::Grains;
use muster_ledger::parameters::{ParameterChange, Parameters};
use muster_ledger::state::{Key, Value};
use muster_ledger::transaction::{Action, Payment, Registration, find_work, weights_commitment};
use muster_ledger::types::{PeerId, Row, Share};
use proptest::prelude::*;

use crate::support::{Chain, address, endpoint, key};

/// A stream of numbers from a seed, for scenarios that must never change.
pub struct Numbers {
    seed: u64,
    count: u64,
}

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        let digest = hash("numbers", &[&self.seed.to_le_bytes(), &self.count.to_le_bytes()]);
        self.count += 1;
        u64::from_le_bytes(digest.0[..8].try_into().unwrap()) % bound
    }
}

const PEOPLE: [&str; 12] = [
    "alice", "bob", "cold-0", "cold-1", "cold-2", "cold-3", "hot-0", "hot-1", "hot-2", "hot-3",
    "hot-n0", "hot-n1",
];

/// Any action, by numbers from the stream; many fail, which is part of it.
pub fn any_action(chain: &Chain, numbers: &mut Numbers, signer: &str) -> Action {
    let peer = PeerId(numbers.below(6) as u32);
    let amount = Grains(1 + numbers.below(3_000_000_000));
    match numbers.below(12) {
        0 => Action::Transfer { to: address(PEOPLE[numbers.below(12) as usize]), amount },
        1 => Action::Stake { peer, amount },
        2 => Action::Unstake { peer, amount },
        3 => Action::Register { registration: Box::new(any_registration(chain, numbers)) },
        4 => Action::SetEndpoint { endpoint: endpoint(&format!("e{}", numbers.below(5))) },
        5 => Action::CommitWeights { commitment: commitment(chain, signer) },
        6 => Action::RevealWeights { weights: crate::support::row(&[0, 1]), salt: [1; 32] },
        7 | 8 => {
            let mut weights = Vec::new();
            for peer in 0..6 {
                if numbers.below(2) == 0 {
                    weights.push((PeerId(peer), Share(1 + numbers.below(160_000_000) as u32)));
                }
            }
            Action::SetWeights { weights: Row::new(weights).unwrap() }
        }
        9 => Action::Emit,
        10 => {
            let (name, value) =
                [("commission_ppb", 50_000_000), ("peers_max", 5)][numbers.below(2) as usize];
            Action::Propose { change: ParameterChange { name: name.into(), value } }
        }
        _ => Action::Vote { proposal: numbers.below(3), approve: numbers.below(4) > 0 },
    }
}

fn commitment(chain: &Chain, signer: &str) -> Hash {
    let row = crate::support::row(&[0, 1]);
    weights_commitment(&chain.state.chain(), &address(signer), &row, &[1; 32])
}

fn any_registration(chain: &Chain, numbers: &mut Numbers) -> Registration {
    let name = format!("n{}", numbers.below(2));
    let (hot, cold) = (key(&format!("hot-{name}")), address(&format!("cold-{name}")));
    let market = chain.state.registration();
    let id = chain.state.chain();
    let work =
        find_work(&id, &market.challenge, &hot.public(), &cold, market.difficulty, 0, 10_000);
    let payment = match work {
        Some(nonce) if numbers.below(2) == 0 => Payment::Work { nonce },
        _ => Payment::Burn { price_max: Grains(2_000_000_000) },
    };
    Registration::agree(&id, &hot, cold, endpoint(&name), payment)
}

/// Small numbers, so that delays, epochs and displacement all come about within a few blocks.
pub fn lively() -> Parameters {
    Parameters {
        epoch_blocks: 4,
        unbonding_blocks: 3,
        immunity_epochs: 1,
        peers_max: 5,
        proposal_epochs: 2,
        weights_interval_blocks: 1,
        registration_difficulty: 8,
        registration_difficulty_min: 2,
        registration_price: Grains(1_000_000),
        registration_price_min: Grains(1_000),
        ..Parameters::default()
    }
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

fn check_state(chain: &Chain) {
    let state = &chain.state;
    assert_eq!(state.peers().count(), state.counters().peers as usize);
    assert_eq!(state.proposals().count(), state.counters().proposals as usize);
    for (id, peer) in state.peers() {
        assert_eq!(state.peer_by_hot(&peer.hot).map(|(id, _)| id), Some(id));
        let shares: u128 = state
            .entries()
            .filter_map(|(key, value)| match (key, value) {
                (Key::Delegation(peer, _), Value::Shares(shares)) if *peer == id => Some(*shares),
                _ => None,
            })
            .sum();
        assert_eq!(shares, peer.pool.shares, "shares of peer {id}");
        let worth: u64 = state.delegations(id).map(|(_, worth)| worth.0).sum();
        assert!(worth <= peer.pool.grains.0);
    }
    for (key, value) in state.entries() {
        match (key, value) {
            (Key::Delegation(peer, owner), _) => {
                assert!(state.get(&Key::DelegationOf(*owner, *peer)).is_some());
            }
            (Key::DelegationOf(owner, peer), _) => {
                assert!(state.get(&Key::Delegation(*peer, *owner)).is_some());
            }
            (Key::Unbonding(due, number), Value::Unbonding(unbonding)) => {
                assert!(state.get(&Key::UnbondingOf(unbonding.owner, *due, *number)).is_some());
            }
            (Key::UnbondingOf(_, due, number), _) => {
                assert!(state.get(&Key::Unbonding(*due, *number)).is_some());
            }
            (Key::Weights(id) | Key::Payout(id), Value::Row(row)) => {
                assert!(state.peer(*id).is_some());
                assert!(row.windows(2).all(|pair| pair[0].0 < pair[1].0));
                assert!(
                    row.iter().map(|(_, share)| u64::from(share.0)).sum::<u64>() <= 1_000_000_000
                );
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_people_do_the_rules_hold(seed: u64, blocks in 5_usize..40) {
        let mut chain = Chain::with(4, lively());
        let mut numbers = Numbers::new(seed);
        for _ in 0..blocks {
            lively_block(&mut chain, &mut numbers, 12);
            check_state(&chain);
        }
    }
}
