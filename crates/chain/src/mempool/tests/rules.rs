//! What is taken, in which order, and what a refusal says.

use muster_ledger::crypto::PublicKey;
use muster_ledger::money::Grains;
use muster_ledger::outcome::Rejection;
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::{SignedTransaction, account, market};
use muster_ledger::types::{PeerId, Row, Share};

use super::market::{Market, genesis, key, pay};
use crate::mempool::{MempoolLimits, Refusal};

fn fee(market: &Market, transaction: &SignedTransaction) -> u64 {
    let parameters = market.state.parameters();
    parameters.fee_flat.0 + parameters.fee_per_byte.0 * transaction.encoded_len() as u64
}

#[test]
fn the_best_paying_go_first_and_nonces_stay_in_order() {
    let market = Market::new();
    // The second of sender 1 pays most, but its first must go before it.
    let batch = vec![
        market.transfer(1, 0, 10_000),
        market.transfer(1, 1, 9_000_000),
        market.transfer(2, 0, 5_000),
        market.transfer(3, 0, 0),
        market.transfer(4, 0, 5_000),
    ];
    assert!(market.pool.submit(batch).iter().all(Result::is_ok));
    // Of those that pay the same, who came first goes first.
    let expected =
        [(1, 0), (1, 1), (2, 0), (4, 0), (3, 0)].map(|(from, nonce)| (key(from).public(), nonce));
    assert_eq!(market.candidates(), expected);
    market.audit();
}

#[test]
fn a_gap_waits_until_it_is_filled() {
    let market = Market::new();
    market.submit(market.transfer(1, 2, 0)).expect("waits");
    assert!(market.candidates().is_empty());
    market.submit(market.transfer(1, 0, 0)).expect("taken");
    assert_eq!(market.candidates().len(), 1);
    market.submit(market.transfer(1, 1, 0)).expect("taken");
    assert_eq!(market.candidates().len(), 3);
    assert_eq!(market.pool.nonce_after(&key(1).public(), 0), 3);
    market.audit();
}

#[test]
fn behind_a_gap_there_is_little_room_and_little_time() {
    let mut market = Market::new();
    for nonce in 1..=16 {
        market.submit(market.transfer(1, nonce, 0)).expect("waits");
    }
    let more = market.submit(market.transfer(1, 17, 1_000_000));
    assert_eq!(more, Err(Refusal::Gap { expected: 0, found: 17 }));
    market.audit();
    for _ in 0..16 {
        assert_eq!(market.pool.size().0, 16);
        market.block();
    }
    assert_eq!(market.pool.size(), (0, 0));
    market.audit();
}

#[test]
fn a_decided_block_fills_a_gap_too() {
    let mut market = Market::new();
    market.submit(market.transfer(1, 1, 0)).expect("waits");
    // Nonce 0 came in through another node.
    let other = market.transfer(1, 0, 0);
    assert!(market.decide(vec![other]).is_empty());
    assert_eq!(market.candidates(), [(key(1).public(), 1)]);
    market.audit();
}

#[test]
fn refusals_say_why() {
    let market = Market::new();
    let first = market.transfer(1, 0, 100);
    market.submit(first.clone()).expect("taken");
    assert_eq!(market.submit(first.clone()), Err(Refusal::Known));
    let tip_min = 100 + fee(&market, &first);
    let cheap = market.submit(market.transfer(1, 0, tip_min - 1));
    assert_eq!(cheap, Err(Refusal::Replacement { nonce: 0, tip_min }));
    market.submit(market.transfer(1, 0, tip_min)).expect("replaces");
    assert_eq!(market.pool.size().0, 1);

    let mut forged = market.transfer(2, 0, 0);
    forged.signature.0[0] ^= 1;
    assert_eq!(market.submit(forged), Err(Refusal::Rejected(Rejection::Signature)));
    let stranger = market.submit(market.transfer(60, 0, 0));
    assert!(matches!(stranger, Err(Refusal::Rejected(Rejection::Account(_)))));
    let far = market.submit(market.transfer(3, 1_024, 0));
    assert_eq!(far, Err(Refusal::SenderFull { count_max: 1_024, bytes_max: 1 << 20 }));
    let late = market.submit(market.sign_until(0, 3, 0, 0, pay(1)));
    assert!(matches!(late, Err(Refusal::Rejected(Rejection::Expired { .. }))));
    market.audit();
}

#[test]
fn the_whole_queue_must_be_covered() {
    let mut market = Market::new();
    let one = fee(&market, &market.transfer(9, 0, 0));
    // All of the account's MST but three fees, of which the second takes a grain.
    market.submit(market.sign(9, 0, 0, pay(Grains::MST.0 - 3 * one))).expect("covered");
    market.submit(market.sign(9, 1, 0, pay(1))).expect("covered");
    let refusal = market.submit(market.sign(9, 2, 0, pay(1)));
    let needed = u128::from(Grains::MST.0) + 1;
    assert_eq!(refusal, Err(Refusal::Uncovered { needed, available: Grains::MST }));
    // What replaces one must leave enough for those behind it.
    let all = market.submit(market.sign(9, 0, 10 * one, pay(Grains::MST.0 - 11 * one)));
    assert!(matches!(all, Err(Refusal::Uncovered { .. })), "{all:?}");
    market.audit();
    assert!(market.block().is_empty());
    assert_eq!(market.pool.size(), (0, 0));
    assert_eq!(market.state.account(&key(9).public()).nonce, 2);
}

#[test]
fn money_that_went_elsewhere_is_noticed() {
    let mut market = Market::new();
    for nonce in 0..3 {
        market.submit(market.transfer(9, nonce, 0)).expect("covered");
    }
    // Through another node the account's first transaction was another, and took everything.
    let one = fee(&market, &market.transfer(9, 0, 0));
    let other = market.sign(9, 0, 0, pay(Grains::MST.0 - one));
    assert!(market.decide(vec![other]).is_empty());
    assert_eq!(market.pool.size(), (0, 0));
    market.audit();
}

#[test]
fn a_full_pool_keeps_those_that_pay_more() {
    let limits = MempoolLimits { transactions_max: 4, ..MempoolLimits::default() };
    let market = Market::with(limits, &genesis(Grains::MST, Parameters::default()));
    let one = fee(&market, &market.transfer(0, 0, 0));
    for sender in 0..4 {
        market.submit(market.transfer(sender, 0, one * u64::from(sender))).expect("taken");
    }
    assert_eq!(market.submit(market.transfer(5, 0, one / 11)), Err(Refusal::Full));
    market.submit(market.transfer(5, 0, one / 9)).expect("pays a tenth more than the cheapest");
    assert_eq!(market.pool.size().0, 4);
    let left: Vec<PublicKey> = market.candidates().into_iter().map(|(owner, _)| owner).collect();
    assert!(!left.contains(&key(0).public()), "the cheapest left");
    market.audit();
}

#[test]
fn only_identical_transactions_count_as_checked() {
    let market = Market::new();
    let known = market.transfer(1, 0, 0);
    market.submit(known.clone()).expect("taken");
    let mut other_signature = known.clone();
    other_signature.signature.0[3] ^= 1;
    let unknown = market.transfer(2, 0, 0);
    assert_eq!(market.pool.unknown(&[known, other_signature, unknown]), [1, 2]);
}

#[test]
fn what_a_peer_accrued_pays_for_one() {
    let parameters =
        Parameters { epoch_blocks: 2, weights_interval_blocks: 1, ..Parameters::default() };
    let mut market = Market::with(MempoolLimits::default(), &genesis(Grains::MST, parameters));
    let emit = |market: &Market, nonce| market.sign(16, nonce, 0, market::Action::Emit);
    // The hot keys have nothing: somebody sends them their first fees.
    let everybody = (0..4).map(|peer| (PeerId(peer), Share(250_000_000)));
    let weights = Row::new(everybody.collect()).expect("a row");
    for (hot, nonce) in (16..20).zip(0..) {
        let deposit = market.state.parameters().account_deposit;
        let (to, amount) = (key(hot).public(), Grains(2_000_000 + deposit.0));
        let first = account::Action::Transfer { to, amount };
        let row = market::Action::SetWeights { weights: weights.clone() };
        let both = vec![market.sign(0, nonce, 0, first), market.sign(hot, 0, 0, row)];
        assert!(market.decide(both).is_empty());
    }
    for _ in 0..8 {
        market.block();
    }
    // What is left goes, so that only the peer's own share can pay.
    let owner = key(16).public();
    let left = market.state.account(&owner).balance.0;
    let rest = left - fee(&market, &market.sign(16, 1, 0, pay(1)));
    assert!(market.decide(vec![market.sign(16, 1, 0, pay(rest))]).is_empty());
    assert_eq!(market.state.account(&owner).balance, Grains::ZERO);
    market.submit(emit(&market, 2)).expect("its own share pays");
    let second = market.submit(emit(&market, 3));
    assert!(matches!(second, Err(Refusal::Uncovered { .. })), "{second:?}");
    market.audit();
    assert!(market.block().is_empty());
    assert_eq!(market.state.account(&owner).nonce, 3);
}

#[test]
fn what_a_block_refused_leaves() {
    let parameters = Parameters {
        registration_difficulty: 8,
        registration_difficulty_min: 2,
        ..Parameters::default()
    };
    let mut market = Market::with(MempoolLimits::default(), &genesis(Grains::MST, parameters));
    // Two owners register the same hot key: the second cannot once the first has.
    market.submit(market.work(1, 0, 40)).expect("possible");
    market.submit(market.work(2, 0, 40)).expect("possible");
    market.submit(market.transfer(2, 1, 0)).expect("waits behind it");
    market.submit(market.transfer(3, 0, 0)).expect("taken");
    // However high a tip they name, they go last.
    assert_eq!(market.candidates()[0], (key(3).public(), 0));
    let left = market.block();
    assert_eq!(left, [(key(2).public(), 0), (key(2).public(), 1)]);
    assert_eq!(market.pool.size(), (0, 0));
    market.audit();
}

#[test]
fn what_waits_goes_with_an_account_that_is_closed() {
    let parameters = Parameters {
        registration_difficulty: 8,
        registration_difficulty_min: 2,
        ..Parameters::default()
    };
    let mut market = Market::with(MempoolLimits::default(), &genesis(Grains::MST, parameters));
    assert!(market.decide(vec![market.transfer(9, 0, 0)]).is_empty());
    let closes_from = market.state.account(&key(9).public()).closes_from();
    while market.state.height() < closes_from {
        market.block();
    }
    // Free, so that no balance says that it is in vain; and one that waits for it.
    let tipless = market.work(9, 1, 40).transaction;
    let tipless = market.sign(9, 1, 0, tipless.action);
    market.submit(tipless).expect("possible");
    market.submit(market.transfer(9, 3, 0)).expect("waits behind a gap");
    let close = account::Action::Close { to: key(0).public() };
    assert!(market.decide(vec![market.sign(9, 1, 0, close)]).is_empty());
    assert_eq!(market.pool.size(), (0, 0));
    market.audit();
    for _ in 0..40 {
        market.block();
    }
}

#[test]
fn new_rules_are_asked_of_what_waits() {
    let mut market = Market::new();
    let weights = (0..200).map(|peer| (PeerId(peer), Share(1_000_000)));
    let weights = Row::new(weights.collect()).expect("a row");
    market.submit(market.sign(1, 0, 0, market::Action::SetWeights { weights })).expect("taken");
    for nonce in 0..3 {
        market.submit(market.sign(9, nonce, 0, pay(Grains::MST.0 / 4))).expect("covered");
    }
    market.audit();
    // A block with the row would be invalid for everybody: the proposer checks no forms again.
    market.change_rules(|parameters| parameters.row_length_max = 128);
    let kept = [0, 1, 2].map(|nonce| (key(9).public(), nonce));
    assert_eq!(market.candidates(), kept);
    market.audit();
    // Fees rise: one fewer is covered.
    market.change_rules(|parameters| parameters.fee_flat = Grains(Grains::MST.0 / 5));
    assert_eq!(market.candidates(), kept[..2]);
    market.audit();
    assert!(market.block().is_empty());
}
