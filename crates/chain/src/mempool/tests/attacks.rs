//! What strangers with little money did to the pool, done again.

use muster_ledger::crypto::PublicKey;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::market::Action;
use muster_ledger::types::{PeerId, Row, Share};

use super::market::{Market, genesis, key};
use crate::mempool::{MempoolLimits, Refusal};

/// Twenty honest transfers without a tip are decided by the next block.
fn honest_people_are_served(market: &mut Market) {
    let honest: Vec<_> =
        (0..20).map(|index| market.transfer(index % 4, u64::from(index / 4), 0)).collect();
    for answer in market.pool.submit(honest.clone()) {
        answer.expect("taken");
    }
    market.block();
    for sender in 0..4 {
        assert_eq!(market.state.account(&key(sender).public()).nonce, 5, "of sender {sender}");
    }
    market.audit();
}

#[test]
fn large_promises_behind_a_gap_displace_nobody() {
    let mut market = Market::new();
    let weights = (0..256).map(|peer| (PeerId(peer), Share(3_000_000))).collect();
    let weights = Row::new(weights).expect("a row");
    let attackers: Vec<PublicKey> = (8..12).map(|index| key(index).public()).collect();
    let before: Vec<Grains> =
        attackers.iter().map(|owner| market.state.account(owner).balance).collect();
    // Rows as long as can be, half a MST promised for each, and the first is never sent.
    for attacker in 8..12 {
        let batch = (1..=200).map(|nonce| {
            let reveal = Action::RevealWeights { weights: weights.clone(), salt: [0; 32] };
            market.sign(attacker, nonce, Grains::MST.0 / 2, reveal)
        });
        let taken =
            market.pool.submit(batch.collect()).iter().filter(|answer| answer.is_ok()).count();
        // The account could not pay for two.
        assert_eq!(taken, 1);
    }
    assert!(market.candidates().is_empty());
    honest_people_are_served(&mut market);
    let after: Vec<Grains> =
        attackers.iter().map(|owner| market.state.account(owner).balance).collect();
    assert_eq!(before, after);
    for _ in 0..16 {
        market.block();
    }
    assert_eq!(market.pool.size(), (0, 0));
}

#[test]
fn one_balance_is_not_promised_a_thousand_times() {
    let mut market = Market::new();
    let batch = (0..1_024).map(|nonce| market.transfer(9, nonce, Grains::MST.0 * 9 / 10));
    let answers = market.pool.submit(batch.collect());
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(Refusal::Uncovered { .. })), "{:?}", answers[1]);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(market.candidates().len(), 1);
    honest_people_are_served(&mut market);
    assert_eq!(market.pool.size(), (0, 0));
}

#[test]
fn work_done_once_is_not_handed_in_a_thousand_times() {
    let parameters = Parameters {
        registration_difficulty: 8,
        registration_difficulty_min: 2,
        ..Parameters::default()
    };
    let mut market = Market::with(MempoolLimits::default(), &genesis(Grains::MST, parameters));
    // Somebody without an account.
    let batch: Vec<_> = (0..100).map(|nonce| market.work(60, nonce, 61)).collect();
    let answers = market.pool.submit(batch);
    assert!(answers[0].is_ok());
    assert!(answers[1..].iter().all(|answer| *answer == Err(Refusal::NotFirst)));
    assert_eq!(market.pool.size().0, 1);
    market.audit();
    honest_people_are_served(&mut market);
}

#[test]
fn forged_signatures_end_a_batch() {
    let market = Market::new();
    let mut batch: Vec<_> =
        (0..3_000).map(|nonce| market.transfer(1, nonce % 1_000, nonce)).collect();
    for transaction in &mut batch {
        transaction.signature.0[0] ^= 1;
    }
    let answers = market.pool.submit(batch);
    let unread = answers.iter().filter(|answer| **answer == Err(Refusal::Unread)).count();
    assert_eq!(unread, 3_000 - super::super::CHUNK_FIRST);
    assert_eq!(market.pool.size(), (0, 0));
}

#[test]
fn nothing_of_what_left_is_kept() {
    let mut market = Market::new();
    for round in 0..50 {
        // Replaced again and again, then decided: the registers hold only what waits.
        for step in 0..4 {
            market.submit(market.transfer(1, round, step * 1_000_000)).expect("taken");
            market.audit();
        }
        market.block();
        assert_eq!(market.pool.size(), (0, 0));
        market.audit();
    }
}
