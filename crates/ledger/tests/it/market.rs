use muster_ledger::crypto::Hash;
use muster_ledger::money::{Grains, distribute};
use muster_ledger::outcome;
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::{MarketRule, Parameters};
use muster_ledger::sealed::SealError;
use muster_ledger::state as entries;
use muster_ledger::transaction::market::{HotKeyReplacement, weights_commitment};
use muster_ledger::transaction::{Action, account, market, stake};
use muster_ledger::types::{Epoch, Height, PeerId, Row, Score, Share};

use crate::support::{Chain, MST, address, endpoint, key, mst, row};

fn weigh(peers: &[u32]) -> Action {
    Action::Market(market::Action::SetWeights { weights: row(peers) })
}

/// Sets each peer's row, in one block.
fn set_all(chain: &mut Chain, rows: &[&[u32]]) {
    let signed = rows
        .iter()
        .enumerate()
        .map(|(index, peers)| chain.sign(&format!("hot-{index}"), 0, weigh(peers)))
        .collect();
    for receipt in chain.all(signed) {
        receipt.result.unwrap();
    }
}

#[test]
fn emission_pays_what_the_payout_row_says() {
    let mut chain = Chain::with(4, Parameters::default());
    set_all(&mut chain, &[&[0, 1, 2, 3], &[0, 2, 3], &[0, 1, 3], &[0, 1, 2]]);
    assert!(chain.state.payout(PeerId(0)).is_empty());
    chain.end_epoch();
    let peer = chain.state.peer(PeerId(0)).unwrap().clone();
    // tau S with tau = 1% and S = 100 MST, at full scaling.
    assert_eq!(peer.accrued, mst(1));
    let payout = chain.state.payout(PeerId(0)).to_vec();
    assert!(payout.len() == 4 && payout.iter().all(|(_, share)| share.0 > 0));
    let parts: Vec<u32> = payout.iter().map(|(_, share)| share.0).collect();
    let amounts = distribute(peer.accrued, &parts).unwrap();
    let before: Vec<Grains> = chain.state.peers().map(|(_, peer)| peer.pool.grains).collect();
    let supply = chain.state.supply();
    let balance = chain.balance("hot-0");
    let signed = chain.sign("hot-0", 0, Action::Market(market::Action::Emit));
    let execution = chain.block(vec![signed]);
    let fee = execution.receipts[0].fee;
    let paid: u64 = amounts.iter().map(|amount| amount.0).sum();
    let emitted = Event::Market(outcome::market::Event::Emitted {
        peer: PeerId(0),
        accrued: mst(1),
        paid: Grains(paid),
    });
    assert_eq!(execution.events, [emitted]);
    // Its own share pays the fee first, so that its balance is untouched.
    assert_eq!(chain.balance("hot-0"), balance);
    assert!(amounts[0] > fee);
    for ((id, peer), (before, amount)) in chain.state.peers().zip(before.iter().zip(&amounts)) {
        let spent = if id == PeerId(0) { fee.0 } else { 0 };
        assert_eq!(peer.pool.grains.0, before.0 + amount.0 - spent, "peer {id}");
    }
    assert_eq!(chain.state.supply().minted.0, supply.minted.0 + paid);
    assert_eq!(chain.state.supply().burned.0, supply.burned.0 + fee.0);
    assert_eq!(chain.state.peer(PeerId(0)).unwrap().accrued, Grains(0));
}

#[test]
fn a_peer_without_balance_acts_on_its_own_share() {
    let mut chain = Chain::with(3, Parameters::default());
    set_all(&mut chain, &[&[0, 1, 2], &[0, 1, 2], &[0, 1, 2]]);
    // All of hot-1's balance goes; what is left cannot pay a fee.
    let left = chain.balance("hot-1").0 - 100_000 - 1_000 * 194;
    let to = address("bob");
    chain
        .act("hot-1", Action::Account(account::Action::Transfer { to, amount: Grains(left) }))
        .unwrap();
    assert_eq!(chain.balance("hot-1"), Grains(0));
    chain.run_to(9);
    let early = chain.sign("hot-1", 0, weigh(&[0, 2]));
    assert!(chain.propose(vec![early]).0.is_empty());
    chain.end_epoch();
    chain.act("hot-1", weigh(&[0, 2])).unwrap();
    assert_eq!(chain.state.weights(PeerId(1)).len(), 2);
    // Its new row has no self-loop, but what is paid follows the last epoch's.
    assert_eq!(chain.balance("hot-1"), Grains(0));
}

#[test]
fn a_cabal_that_nobody_ranks_starves() {
    for market_rule in [MarketRule::ConnectedMedian, MarketRule::CredibleMedian] {
        starves(Parameters { market_rule, ..Parameters::default() });
    }
}

fn starves(parameters: Parameters) {
    // Four honest peers that rank each other, two that rank only themselves.
    let mut chain = Chain::with(6, parameters);
    set_all(
        &mut chain,
        &[&[0, 1, 2, 3], &[0, 1, 2, 3], &[0, 1, 2, 3], &[0, 1, 2, 3], &[4, 5], &[4, 5]],
    );
    for _ in 0..15 {
        chain.end_epoch();
        let emit = (0..6).map(|index| {
            chain.sign(&format!("hot-{index}"), 0, Action::Market(market::Action::Emit))
        });
        chain.block(emit.collect());
    }
    let peers: Vec<_> = chain.state.peers().map(|(_, peer)| peer.clone()).collect();
    for honest in &peers[..4] {
        for cabal in &peers[4..] {
            assert!(cabal.incentive < honest.incentive && cabal.trust < honest.trust);
            assert!(cabal.pool.grains < honest.pool.grains);
        }
        assert!(honest.pool.grains > mst(110), "{}", honest.pool.grains);
    }
    assert_eq!(chain.state.market().epoch, Epoch(15));
    assert!(chain.state.market().minting);
}

#[test]
fn under_the_papers_rule_nothing_is_minted_while_the_loss_is_not_negative() {
    let parameters = Parameters { market_rule: MarketRule::Paper, ..Parameters::default() };
    // Nobody ranks anybody: everybody is cut off, and R = 0 makes the loss 0.
    let mut idle = Chain::with(4, parameters.clone());
    idle.end_epoch();
    assert_eq!((idle.state.market().loss, idle.state.market().minting), (Score(0), false));
    assert_eq!(idle.state.market().accrued, Grains(0));
    // A ring of four is connected within three steps: the loss is negative.
    let mut ring = Chain::with(4, parameters);
    set_all(&mut ring, &[&[1], &[2], &[3], &[0]]);
    ring.end_epoch();
    assert!(ring.state.market().loss < Score(0) && ring.state.market().minting);
    assert_eq!(ring.state.market().accrued, mst(4));
    // w_ij T_j: all of the row goes to the next in the ring, times its trust.
    let trust = ring.state.peer(PeerId(1)).unwrap().trust;
    let (to, share) = ring.state.payout(PeerId(0))[0];
    assert_eq!(to, PeerId(1));
    assert!(u64::from(share.0).abs_diff(trust.0 as u64) <= 1);
    assert_eq!(ring.state.peer(PeerId(1)).unwrap().rank, Score(250_000_000));
}

#[test]
fn weights_may_be_set_again_after_the_interval() {
    let mut chain = Chain::with(2, Parameters::default());
    chain.act("hot-0", weigh(&[1])).unwrap();
    let soon =
        Rejection::Market(outcome::market::Rejection::TooSoon { set: Height(1), from: Height(6) });
    assert_eq!(chain.act("hot-0", weigh(&[0, 1])), Err(soon));
    chain.run_to(5);
    chain.act("hot-0", weigh(&[0, 1])).unwrap();
    assert_eq!(chain.state.weights(PeerId(0)).len(), 2);
    let nobody = Err(Rejection::NotAPeer { key: address("alice") });
    assert_eq!(chain.act("alice", weigh(&[1])), nobody);
    let missing = Err(Rejection::Market(outcome::market::Rejection::RowPeer { peer: PeerId(2) }));
    assert_eq!(chain.act("hot-1", weigh(&[0, 2])), missing);
    assert_eq!(chain.act("alice", Action::Market(market::Action::Emit)), nobody);
}

#[test]
fn commitments_are_revealed_in_the_next_epoch_by_the_same_peer() {
    let mut chain =
        Chain::with(2, Parameters { weights_commit_required: true, ..Parameters::default() });
    assert_eq!(
        chain.act("hot-0", weigh(&[1])),
        Err(Rejection::Market(outcome::market::Rejection::CommitRequired))
    );
    let (weights, salt) = (row(&[1]), [9; 32]);
    let commitment = weights_commitment(&chain.state.chain(), &address("hot-0"), &weights, &salt);
    let reveal = |weights: &Row, salt: [u8; 32]| {
        Action::Market(market::Action::RevealWeights { weights: weights.clone(), salt })
    };
    let none = Err(Rejection::NoCommitment);
    assert_eq!(chain.act("hot-0", reveal(&weights, salt)), none);
    chain.act("hot-0", Action::Market(market::Action::CommitWeights { commitment })).unwrap();
    // A copy of the commitment is of no use to another peer.
    chain.act("hot-1", Action::Market(market::Action::CommitWeights { commitment })).unwrap();
    let early = Err(SealError::Window { committed: Epoch(0), epoch: Epoch(0) }.into());
    assert_eq!(chain.act("hot-0", reveal(&weights, salt)), early);
    chain.end_epoch();
    let mismatch = Err(Rejection::Sealed(SealError::Mismatch));
    assert_eq!(chain.act("hot-1", reveal(&weights, salt)), mismatch);
    assert_eq!(chain.act("hot-0", reveal(&row(&[0, 1]), salt)), mismatch);
    chain.act("hot-0", reveal(&weights, salt)).unwrap();
    assert_eq!(chain.state.weights(PeerId(0)), &weights[..]);
    assert!(chain.state.entry(entries::market::commitment(PeerId(0))).is_none());
    chain.end_epoch();
    let late = Err(SealError::Window { committed: Epoch(0), epoch: Epoch(2) }.into());
    assert_eq!(chain.act("hot-1", reveal(&weights, salt)), late);
}

#[test]
fn endpoints_change_by_the_hot_key() {
    let mut chain = Chain::with(1, Parameters::default());
    let moved = endpoint("moved");
    chain
        .act("hot-0", Action::Market(market::Action::SetEndpoint { endpoint: moved.clone() }))
        .unwrap();
    assert_eq!(chain.state.peer(PeerId(0)).unwrap().endpoint, moved);
    let nobody = Err(Rejection::NotAPeer { key: address("cold-0") });
    let to = address("cold-0");
    chain.act("alice", Action::Account(account::Action::Transfer { to, amount: mst(1) })).unwrap();
    assert_eq!(
        chain.act("cold-0", Action::Market(market::Action::SetEndpoint { endpoint: moved })),
        nobody
    );
}

#[test]
fn issue_halves_as_the_cap_comes_near_and_never_passes_it() {
    let cap = Grains(8 * MST);
    let parameters = Parameters {
        issuance_max: cap,
        inflation_ppb: 4_000_000,
        epoch_blocks: 2,
        ..Parameters::default()
    };
    let mut chain = Chain::with(2, parameters);
    set_all(&mut chain, &[&[0, 1], &[0, 1]]);
    let mut rates = vec![];
    for _ in 0..40 {
        chain.end_epoch();
        rates.push(chain.state.market().inflation_ppb);
        let emit = (0..2).map(|index| {
            chain.sign(&format!("hot-{index}"), 0, Action::Market(market::Action::Emit))
        });
        chain.block(emit.collect());
        assert!(chain.state.supply().minted <= cap);
    }
    rates.dedup();
    assert!(rates.starts_with(&[4_000_000, 2_000_000, 1_000_000]), "{rates:?}");
    assert!(rates.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(chain.state.supply().minted > Grains(6 * MST));
}

#[test]
fn a_peer_that_never_emits_stops_accruing() {
    let parameters = Parameters { epoch_blocks: 2, accrual_epochs_max: 3, ..Parameters::default() };
    let mut chain = Chain::with(2, parameters);
    chain.run_to(20);
    assert_eq!(chain.state.peer(PeerId(0)).unwrap().accrued, mst(3));
}

#[test]
fn networks_without_peers_or_stake_go_on() {
    let mut empty = Chain::with(0, Parameters::default());
    empty.run_to(21);
    assert_eq!((empty.state.market().epoch, empty.state.market().peers), (Epoch(2), 0));
    let mut genesis = crate::support::genesis(2, Parameters::default());
    genesis.peers.iter_mut().for_each(|peer| peer.stake = Grains(0));
    let mut bare = Chain::new(&genesis);
    set_all(&mut bare, &[&[1], &[0]]);
    bare.run_to(21);
    assert_eq!((bare.state.market().minting, bare.state.market().staked), (false, Grains(0)));
    // Stake arrives, and the market begins.
    bare.act("alice", Action::Stake(stake::Action::Stake { peer: PeerId(0), amount: mst(1) }))
        .unwrap();
    bare.end_epoch();
    assert!(bare.state.market().minting);
}

#[test]
fn shares_and_scores_refuse_what_is_no_number() {
    assert_eq!(Share::from_f64(0.25), Some(Share(250_000_000)));
    assert_eq!(Share::from_f64(1.0), Some(Share::ONE));
    for bad in [f64::NAN, f64::INFINITY, -1e-9, 1.000_000_001] {
        assert_eq!(Share::from_f64(bad), None);
    }
    assert_eq!(Score::from_f64(-0.5), Some(Score(-500_000_000)));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e10] {
        assert_eq!(Score::from_f64(bad), None);
    }
}

#[test]
fn the_owner_of_a_peer_replaces_its_hot_key() {
    let parameters = Parameters { hot_key_interval_blocks: 10, ..Parameters::default() };
    let mut chain = Chain::with(2, parameters);
    for owner in ["cold-0", "cold-1", "hot-new"] {
        let to = address(owner);
        chain.act("alice", account::Action::Transfer { to, amount: mst(1) }).unwrap();
    }
    let id = chain.state.chain();
    let replace = |peer: u32, hot: &str| {
        let replacement = HotKeyReplacement::agree(&id, PeerId(peer), &key(hot));
        market::Action::ReplaceHotKey { replacement: Box::new(replacement) }
    };
    let refused = |outcome: Result<(), Rejection>| match outcome {
        Err(Rejection::Market(rejection)) => rejection,
        other => panic!("{other:?}"),
    };
    let (peer, owner) = (PeerId(0), address("cold-0"));
    let stranger = refused(chain.act("hot-0", replace(0, "hot-new")));
    assert_eq!(stranger, outcome::market::Rejection::NotTheOwner { peer, owner });
    let taken = refused(chain.act("cold-0", replace(0, "hot-1")));
    let (key_taken, by) = (address("hot-1"), PeerId(1));
    assert_eq!(taken, outcome::market::Rejection::HotKeyTaken { key: key_taken, peer: by });
    assert_eq!(
        chain.act("cold-0", replace(9, "hot-new")),
        Err(Rejection::NoPeer { peer: PeerId(9) })
    );
    // The new key has to agree.
    let forged = HotKeyReplacement {
        hot: address("bob"),
        ..HotKeyReplacement::agree(&id, peer, &key("alice"))
    };
    let forged =
        chain.sign("cold-0", 0, market::Action::ReplaceHotKey { replacement: Box::new(forged) });
    assert_eq!(forged.check_stateless(&chain.state.limits()), Err(Rejection::Signature));
    let before = chain.state.peer(peer).unwrap().clone();
    chain.act("hot-0", market::Action::CommitWeights { commitment: Hash([1; 32]) }).unwrap();
    chain.act("cold-0", replace(0, "hot-new")).unwrap();
    let after = chain.state.peer(peer).unwrap().clone();
    assert_eq!((after.pool, after.incentive), (before.pool, before.incentive));
    // The old key stands for nobody, the new one for the peer; what was sealed is gone.
    assert!(matches!(chain.act("hot-0", weigh(&[1])), Err(Rejection::NotAPeer { .. })));
    assert!(chain.state.entry(entries::market::commitment(peer)).is_none());
    chain.act("hot-new", weigh(&[1])).unwrap();
    let soon = refused(chain.act("cold-0", replace(0, "hot-other")));
    assert!(matches!(soon, outcome::market::Rejection::HotKeyTooSoon { .. }), "{soon}");
    chain.run_to(chain.state.height().0 + 10);
    let before = chain.balance("cold-0");
    chain.act("cold-0", replace(0, "hot-other")).unwrap();
    // The owner opened the new key's account.
    let deposit = chain.state.parameters().account_deposit;
    assert_eq!(chain.state.account(&address("hot-other")).total(), deposit);
    assert!(before.0 - chain.balance("cold-0").0 > deposit.0);
}
